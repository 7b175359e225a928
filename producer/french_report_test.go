package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A frenchReport is what a script may rely on of a report's JSON, spelled out once more.
type frenchReport struct {
	Migration   string             `json:"migration"`
	Verdict     string             `json:"verdict"`
	Reasons     []string           `json:"reasons"`
	Consistency string             `json:"consistency"`
	Users       map[string]int64   `json:"users"`
	Shards      map[string]int64   `json:"shards"`
	Waves       []frenchWave       `json:"waves"`
	Tables      []frenchSums       `json:"tables"`
	Legacy      []frenchUse        `json:"legacy"`
	Rules       []frenchRule       `json:"rules"`
	Constraints []frenchConstraint `json:"constraints"`
	Sequences   []frenchSequence   `json:"sequences"`
}

type frenchWave struct {
	Name  string           `json:"name"`
	Users map[string]int64 `json:"users"`
	Gate  string           `json:"gate"`
}

type frenchSums struct {
	Into        string `json:"into"`
	From        string `json:"from"`
	Planned     int64  `json:"planned_rows"`
	Source      int64  `json:"source_rows"`
	Closing     int64  `json:"closing_rows"`
	Read        int64  `json:"read"`
	Written     int64  `json:"written"`
	Gathered    int64  `json:"gathered"`
	SetAside    int64  `json:"set_aside"`
	Waiting     int64  `json:"waiting"`
	LeftOut     int64  `json:"left_out"`
	Unexplained int64  `json:"unexplained"`
	Expected    string `json:"expected_checksum"`
	Stored      string `json:"stored_checksum"`
}

type frenchUse struct {
	Table       string `json:"table"`
	Rows        int64  `json:"rows"`
	Used        int64  `json:"used"`
	LeftOut     int64  `json:"left_out"`
	Unexplained int64  `json:"unexplained"`
}

type frenchRule struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rule   string `json:"rule"`
	Rows   int64  `json:"rows"`
}

type frenchConstraint struct {
	Name       string `json:"name"`
	Table      string `json:"table"`
	State      string `json:"state"`
	Violations int64  `json:"violations"`
}

type frenchSequence struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

func (r *frenchReport) table(t *testing.T, into string) frenchSums {
	t.Helper()
	i := slices.IndexFunc(r.Tables, func(s frenchSums) bool { return s.Into == into })
	if i < 0 {
		t.Fatalf("the report has no table %s", into)
	}
	return r.Tables[i]
}

func frenchUsers(planned, migrated, quarantined int64) map[string]int64 {
	return map[string]int64{
		"planned": planned, "appeared": 0, "migrated": migrated, "merged": 0, "quarantined": quarantined, "left_out": 0, "vanished": 0, "pending": 0,
	}
}

// checkFrenchSums compares the report's sums with what becomes of each row by the test's own reckoning.
func checkFrenchSums(t *testing.T, site *frenchSite, r *frenchReport) {
	t.Helper()
	var tables []frenchSums
	var legacy []frenchUse
	for i := range frenchTables {
		table := &frenchTables[i]
		n, fates := int64(len(site.rows[table.from])), site.fates(table)
		tables = append(tables, frenchSums{
			Into: table.into, From: table.from, Planned: n, Source: n, Closing: n, Read: n,
			Written: fates[written], SetAside: fates[setAside], Waiting: fates[waiting], LeftOut: fates[leftOut],
		})
		// Used is what some entry takes, also where a reference makes it leave the row out afterwards.
		legacy = append(legacy, frenchUse{Table: table.from, Rows: n, Used: n})
	}
	got := slices.Clone(r.Tables)
	for i := range got {
		if got[i].Stored == "" || got[i].Expected != got[i].Stored {
			t.Errorf("%s: checksums %q and %q", got[i].Into, got[i].Expected, got[i].Stored)
		}
		got[i].Expected, got[i].Stored = "", ""
	}
	if diff := cmp.Diff(tables, got); diff != "" {
		t.Errorf("the tables' sums differ (-legacy +report):\n%s", diff)
	}
	if diff := cmp.Diff(legacy, r.Legacy); diff != "" {
		t.Errorf("the legacy tables differ (-legacy +report):\n%s", diff)
	}
	if s := r.Shards; s["planned"] < 20 || s["done"] != s["planned"] || s["dead"]+s["discarded"]+s["pending"] != 0 {
		t.Errorf("shards %v", s)
	}
}

// checkFrenchConstraints compares the constraints with those of the schema, in the report and in the target's own catalog.
func checkFrenchConstraints(t *testing.T, o *frenchOutcome) {
	t.Helper()
	var reported []string
	for _, c := range o.report.Constraints {
		if c.State != "valid" || c.Violations != 0 {
			t.Errorf("%s of %s is %s", c.Name, c.Table, c.State)
		}
		reported = append(reported, c.Table+" "+c.Name)
	}
	slices.Sort(reported)
	// A unique index without a constraint counts as one.
	const names = `
		SELECT conrelid::regclass || ' ' || conname FROM pg_constraint WHERE connamespace = 'app'::regnamespace AND convalidated
		UNION SELECT indrelid::regclass || ' ' || indexrelid::regclass FROM pg_index
		WHERE indisunique AND indisvalid AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace)
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`
	stored := column[string](t, o.target, names)
	for i, name := range stored {
		stored[i] = strings.Replace(name, " app.", " ", 1)
	}
	slices.Sort(stored)
	if diff := cmp.Diff(stored, reported); diff != "" {
		t.Errorf("constraints (-target +report):\n%s", diff)
	}
	if foreign := column[string](t, o.target, `SELECT conname FROM pg_constraint WHERE connamespace = 'app'::regnamespace AND contype = 'f'`); len(foreign) != 15 {
		t.Errorf("%d foreign keys, want 15: %v", len(foreign), foreign)
	}
	if want := []frenchSequence{{"app.tags_id_seq", "ok"}}; !cmp.Equal(want, o.report.Sequences) {
		t.Errorf("sequences %v, want %v", o.report.Sequences, want)
	}
}

// firstDifference names the first line that differs; the whole of two dumps says less.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d: want %.300q, got %.300q", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(b), len(a))
}
