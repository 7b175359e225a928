package main_test

import (
	"encoding/hex"
	"encoding/json"
	goflag "flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/preflight"
	"rehome/pkg/report"
)

var (
	populations = goflag.Int("populations", 10, "with -seed: how many populations of chance are migrated")
	firstSeed   = goflag.Uint64("seed", 0, "the seed of the first of them; 0 is some that have, between them, all that can happen")
)

// seeds are those of the populations to migrate.
func seeds() []uint64 {
	if *firstSeed == 0 {
		return []uint64{15, 16, 17, 20, 21, 24, 117}
	}
	var out []uint64
	for i := range *populations {
		out = append(out, *firstSeed+uint64(i))
	}
	return out
}

// TestPopulationsOfChance migrates populations whose schemas, mapping and rows chance has made. What has to become of each row is foretold
// by an oracle; check has to find just that, and the run to do it.
func TestPopulationsOfChance(t *testing.T) {
	for _, seed := range seeds() {
		t.Run(fmt.Sprintf("each row of population %d ends as foretold", seed), func(t *testing.T) {
			p := newPopulation(seed)
			o := foretell(p)
			l := newLab(t, p.legacy(), p.target(), p.mapping())
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("-seed %d -populations 1\n%s\n%s", seed, p.mapping(), p.target())
				}
			})
			l.checked(o)
			exit := map[bool]int{true: 0, false: 4}[o.clean()]
			l.reported(o, l.reports(exit))
			l.stands(o)
			if seed%4 == 1 { // when everybody is done again nothing is another
				l.does("run --again", exit)
				l.reported(o, l.reports(exit))
				l.stands(o)
			}
		})
	}
}

// clean tells whether all hasArrived that no rule leaves out.
func (o *oracle) clean() bool {
	clean := len(o.causes) == 0
	o.each(func(row *record) { clean = clean && row.fate != isSetAside && row.fate != itWaits })
	return clean
}

// checked compares what check finds with what was foretold.
func (l *lab) checked(o *oracle) {
	l.Helper()
	r := l.checks(map[bool]int{true: 0, false: 5}[o.clean()], "--full")
	want := maps.Clone(o.causes)
	for cause, n := range o.early {
		want[cause] = met{Rows: n}
	}
	if diff := cmp.Diff(want, found(r, preflight.Problem, every)); diff != "" {
		l.Errorf("causes by check (-foretold +found):\n%s", diff)
	}
	users := int64(len(o.relations[0].records))
	if s := r.LookedAt; !s.Full || s.Users != users || s.AllUsers != users {
		l.Errorf("check looked at %+v", s)
	}
}

// reported compares the report with what was foretold, and adds both sums up.
func (l *lab) reported(o *oracle, r report.Report) {
	l.Helper()
	users, out := int64(len(o.relations[0].records)), int64(len(o.out))
	if diff := cmp.Diff(report.Users{Planned: users, Migrated: users - out, Quarantined: out}, r.Users); diff != "" {
		l.Errorf("the population (-foretold +reported):\n%s", diff)
	}
	if u := r.Users; u.Planned+u.Appeared != u.Migrated+u.Merged+u.Quarantined+u.LeftOut+u.Vanished+u.Pending {
		l.Errorf("the sum of the population is off: %+v", u)
	}
	if want := map[bool]string{true: report.Clean, false: report.Unclean}[o.clean()]; r.Verdict != want || r.Consistency != "frozen" {
		l.Errorf("it is %s and %s, want %s: %q", r.Verdict, r.Consistency, want, r.Reasons)
	}
	var want, got []report.Table
	for _, relation := range o.relations {
		n, sums := l.askLegacy(`SELECT COUNT(*) FROM `+relation.name), o.sums(relation)
		want = append(want, report.Table{Into: "app." + relation.name, From: relation.name, Planned: n, Source: n, Closing: n, Read: n, Written: sums[hasArrived],
			SetAside: sums[isSetAside], Waiting: sums[itWaits], LeftOut: sums[isLeftOut], Changed: o.changed[relation.name]})
	}
	if o.attrs != nil {
		n := l.askLegacy(`SELECT COUNT(*) FROM meta`)
		want = append(want, report.Table{Into: "app.users", From: "meta", Planned: n, Source: n, Closing: n, Read: n, Gathered: o.gathered[hasArrived],
			SetAside: o.gathered[isSetAside], LeftOut: o.gathered[isLeftOut]})
	}
	for _, t := range r.Tables {
		if t.Source != t.Read || t.Read != t.Written+t.Gathered+t.SetAside+t.Waiting+t.LeftOut || t.Expected != t.Stored {
			l.Errorf("the sum of %s from %s is off: %+v", t.Into, t.From, t)
		}
		t.Expected, t.Stored = want[0].Expected, want[0].Stored
		got = append(got, t)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b checksum.Sum) bool { return a == b })); diff != "" {
		l.Errorf("tables (-foretold +reported):\n%s", diff)
	}
	for _, table := range r.Legacy {
		if table.Unexplained != 0 {
			l.Errorf("of the legacy table %s %d rows are unexplained", table.Table, table.Unexplained)
		}
	}
	l.reportedCauses(o, r)
}

func (l *lab) reportedCauses(o *oracle, r report.Report) {
	l.Helper()
	causes, waits := map[string]met{}, map[string]int64{}
	for _, c := range r.Causes {
		if cause, ok := strings.CutPrefix(c.Cause, "waits:app."); ok {
			table, _, _ := strings.Cut(cause, ".")
			waits[table] += c.Rows // of two references that lead nowhere either may be named
			continue
		}
		causes[c.Cause] = met{c.Rows, c.Users}
	}
	if diff := cmp.Diff(o.causes, causes); diff != "" {
		l.Errorf("causes (-foretold +reported):\n%s", diff)
	}
	wanted := map[string]int64{}
	for _, relation := range o.relations {
		if n := o.sums(relation)[itWaits]; n > 0 {
			wanted[relation.name] = n
		}
	}
	if diff := cmp.Diff(wanted, waits); diff != "" {
		l.Errorf("rows that wait (-foretold +reported):\n%s", diff)
	}
	rules := map[string]int64{}
	for _, rule := range r.Rules {
		rules[rule.Table+"."+rule.Column+" "+rule.Rule] = rule.Rows
	}
	if diff := cmp.Diff(o.rules, rules); diff != "" {
		l.Errorf("rules (-foretold +reported):\n%s", diff)
	}
}

// stands compares every value of the target with what was foretold, and the notes with the legacy database's own, both by plain SQL.
func (l *lab) stands(o *oracle) {
	l.Helper()
	for _, r := range o.relations {
		var want []string
		for _, row := range r.records {
			if row.fate == hasArrived {
				id := identifier(r.entity(), row.key)
				want = append(want, strings.Join(slices.Concat([]string{fmt.Sprint(row.n), id, row.note}, row.shows, o.gathers(row)), " | "))
			}
		}
		if diff := cmp.Diff(want, l.standing(o, r)); diff != "" {
			l.Errorf("rows of app.%s (-foretold +standing):\n%s", r.name, diff)
		}
		legacy := l.legacyNotes(r)
		for n, note := range l.notes(r) {
			if legacy[n] != note {
				l.Errorf("%s %d has the note %s, in the legacy database %s", r.name, n, note, legacy[n])
			}
		}
	}
}

func (l *lab) standing(o *oracle, r *relation) (out []string) {
	l.Helper()
	columns := []string{"lid::text", "id::text", "note"}
	for _, p := range r.parts {
		columns = append(columns, "coalesce("+p.name+"::text, '<null>')")
	}
	kept := r.ofUsers() && o.attrs != nil
	if kept {
		columns = append(columns, "coalesce(nick, '<null>')", "coalesce(level, '<null>')", "settings::text")
	}
	rows, err := l.conn.Query(l.ctx, `SELECT ARRAY[`+strings.Join(columns, ", ")+`] FROM app.`+r.name+` ORDER BY lid`)
	if err != nil {
		l.Fatal(err)
	}
	var values []string
	if _, err := pgx.ForEachRow(rows, []any{&values}, func() error {
		if kept {
			values[len(values)-1] = l.settings(values[len(values)-1])
		}
		out = append(out, strings.Join(values, " | "))
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	return out
}

// settings shows a document in the oracle's way.
func (l *lab) settings(text string) string {
	var document map[string]*string
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		l.Fatal(err)
	}
	var out []string
	for _, name := range attributeNames {
		value, there := document[name]
		switch {
		case there && value == nil:
			out = append(out, fmt.Sprintf("%q=%q", name, "<null>"))
		case there:
			out = append(out, fmt.Sprintf("%q=%q", name, *value))
		}
	}
	return strings.Join(out, " ")
}

// notes are the texts of the target as bytes.
func (l *lab) notes(r *relation) map[int]string {
	l.Helper()
	out := map[int]string{}
	rows, err := l.conn.Query(l.ctx, `SELECT lid, convert_to(note, 'UTF8') FROM app.`+r.name)
	if err != nil {
		l.Fatal(err)
	}
	var n int
	var note []byte
	if _, err := pgx.ForEachRow(rows, []any{&n, &note}, func() error {
		out[n] = hex.EncodeToString(note)
		return nil
	}); err != nil {
		l.Fatal(err)
	}
	return out
}

func (l *lab) legacyNotes(r *relation) map[int]string {
	l.Helper()
	n := map[bool]string{true: "n", false: "id"}[r.ofUsers()]
	db := l.openLegacy()
	defer db.Close()
	rows, err := db.QueryContext(l.ctx, `SELECT `+n+`, LOWER(HEX(note)) FROM `+r.name)
	if err != nil {
		l.Fatal(err)
	}
	defer rows.Close()
	out := map[int]string{}
	for rows.Next() {
		var n int
		var note string
		if err := rows.Scan(&n, &note); err != nil {
			l.Fatal(err)
		}
		out[n] = note
	}
	if err := rows.Err(); err != nil {
		l.Fatal(err)
	}
	return out
}
