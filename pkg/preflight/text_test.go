package preflight

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/mapping"
)

func TestWhatIsFoundIsShownByTheWorstFirst(t *testing.T) {
	r := &Result{Migration: "shop", Compiles: true, LookedAt: Scope{Users: 10000, AllUsers: 7500000, Rows: 61203}, NotChecked: []string{"duplicates under mails of app.users: --full looks for them"},
		Findings: []Finding{
			{Severity: Information, Cause: "rest:settings", File: "m.yaml", Line: 9, Column: 5, Message: "3 rows are left out"},
			{Severity: Problem, Cause: "values:app.posts.kind", File: "m.yaml", Line: 31, Column: 13, Message: "1,500 rows (12 users) have a value that values does not list",
				Values: []Counted{{"7", 1400}, {"\x1b[2J", 100}}, Table: "posts", Samples: []string{"17", "a b/é\n"}, Fix: `add to values: {7: NEW}`, Rows: 1500, Users: 12},
			{Severity: Warning, Message: "fsync is off in the target"},
			{Severity: Problem, File: "m.yaml", Line: 3, Column: 1, Path: "users.key", Message: "rehome cannot split users by a key of type FLOAT", Fix: "use another"},
		}}
	r.Sort()
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `2 PROBLEMS
  m.yaml:3:1: users.key: rehome cannot split users by a key of type FLOAT
    fix          use another

  m.yaml:31:13: values:app.posts.kind
    1,500 rows (12 users) have a value that values does not list
    values       7 (1,400), "\x1b[2J" (100)
    for example  posts 17, a b/"\u00e9\n"
    fix          add to values: {7: NEW}

1 WARNING
  - fsync is off in the target

INFORMATION
  m.yaml:9:5: rest:settings
    3 rows are left out

NOT CHECKED
  - duplicates under mails of app.users: --full looks for them

shop: looked at 10,000 of 7,500,000 users, 61,203 rows (--full looks at all)
2 problems are unhandled; nothing was changed
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheLastLineSaysWhatAnEmptyListMeans(t *testing.T) {
	for want, r := range map[string]Result{
		"m: looked at all 2 users, 5 rows the mapping fits both databases, and nothing is unhandled":                                  {Compiles: true, LookedAt: Scope{Full: true, Users: 2, AllUsers: 2, Rows: 5}},
		"m: looked at 1 of 9 users, 1 row (--full looks at all) the mapping fits both databases, and nothing was found in the sample": {Compiles: true, LookedAt: Scope{Users: 1, AllUsers: 9, Rows: 1}},
		"m: looked at all 1 user, 1 row 1 problem is unhandled; nothing was changed":                                                  {Compiles: true, LookedAt: Scope{Full: true, Users: 1, AllUsers: 1, Rows: 1}, Findings: []Finding{{Severity: Problem}}},
		"m: the mapping does not fit the databases, so that the data was not looked at; nothing was changed":                          {Findings: []Finding{{Severity: Problem}}},
	} {
		r.Migration = "m"
		var b strings.Builder
		if err := r.Text(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(b.String()), " "); !strings.HasSuffix(got, want) {
			t.Errorf("%q does not end with %q", got, want)
		}
	}
}

func TestTextWrapsAndShowsNothingThatATerminalWouldObey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Finding{Severity: Problem, Cause: "values:t.c", Message: strings.Join(rapid.SliceOfN(rapid.StringMatching(`[A-Z]{1,12}`), 1, 60).Draw(t, "words"), " "),
			Values: []Counted{{rapid.String().Draw(t, "value"), 1}}, Table: "t", Samples: []string{rapid.String().Draw(t, "key")}}
		var b strings.Builder
		f.text(&b)
		for line := range strings.Lines(b.String()) {
			// Of the words only a message's are in capitals; a value is one word, and may be longer than a line.
			if n := utf8.RuneCountInString(line); n > width+1 && len(line) > 4 && line[:4] == "    " && line[4] >= 'A' && line[4] <= 'Z' {
				t.Fatalf("%d columns: %q", n, line)
			}
		}
		for _, r := range b.String() {
			if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Fatalf("%q in %q", r, b.String())
			}
		}
	})
}

func TestScriptsGetListsWhereThereIsNothing(t *testing.T) {
	var b strings.Builder
	if err := (&Result{Migration: "m"}).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"migration": "m", "compiles": false, "findings": []any{}, "not_checked": []any{},
		"looked_at": map[string]any{"full": false, "users": 0.0, "all_users": 0.0, "rows": 0.0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a suggestion quotes, migration.yaml has to read as just that.
func TestSuggestedKeysAreReadAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "null", "~", "-1", "1.10", "007", "yes", "NULL", "a: b", "# c", "-", "{", "é", " x", "x ", "2020-01-02", "a b", "- a"})).Draw(t, "key")
		if key == "<<" {
			return // a merge key of YAML, whatever its quotes
		}
		file := "name: m\nusers: {from: users, key: id}\ntables:\n  - {into: a.b, from: users, user: id, columns: {c: {sql: v, values: {" + scalar(key) + ": NEW}}}}\n"
		parsed, faults := mapping.Parse("m.yaml", []byte(file), func(string) (string, bool) { return "", false })
		if len(faults) > 0 {
			t.Fatalf("%s: %v", file, faults)
		}
		if got := parsed.Tables[0].Columns[0].SQL.Values[0].From; got != key {
			t.Fatalf("%q is read as %q", key, got)
		}
	})
}
