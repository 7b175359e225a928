package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestChanges(t *testing.T) {
	for _, test := range []struct {
		name  string
		edits []string
		want  string
	}{
		{"nothing", nil, ""},
		{"a comment and the databases", []string{"name: m\n", "name: m # the name\n", "mysql://h/db", "mysql://i/db"}, ""},
		{"the limits of stop", []string{"0.5%", "7%"}, ""},
		{"the limit of a gate", []string{"1%", "7%"}, ""},
		{"a gate that is taken out", []string{", gate: {quarantined: 1%}", ""}, ""},
		{"a number", []string{"shard_rows: auto", "shard_rows: 30"}, "users.shard_rows: was 0, is 30"},
		{"an expression", []string{"raw: CONCAT(a, b)", "raw: CONCAT(b, a)"}, `tables[app.users].columns[raw].sql.expr.sql: was "CONCAT(a, b)", is "CONCAT(b, a)"`},
		{"what was not there", []string{"      raw: CONCAT(a, b)\n", ""}, `tables[app.users].columns[raw]: was {"name":"raw","sql":{"expr":{"sql":"CONCAT(a, b)"}}}, is not there`},
		{"an order", []string{"source: {const: 007}\n      raw: CONCAT(a, b)", "raw: CONCAT(a, b)\n      source: {const: 007}"},
			"tables[app.users].columns: was in the order id, country_id, kind, source, raw, is in the order id, country_id, kind, raw, source"},
		{"a join", []string{"countries: lookup", "countries: each"}, `tables[app.users].joins[countries].use: was "lookup", is "each"`},
		{"several", []string{"1: one", "1: eins", "unowned: leave", "unowned: migrate"},
			"tables[app.users].columns[kind].sql.values[1].to: was \"one\", is \"eins\"\ntables[app.users].unowned: was \"leave\", is \"migrate\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Changes(parsed(t, whole), parsed(t, edited(t, whole, test.edits...)))
			if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChangesOfEntriesWithOneTable(t *testing.T) {
	two := edited(t, world, "  - into: app.tags\n", secondPosts+"  - into: app.tags\n")
	got := Changes(parsed(t, two), parsed(t, edited(t, two, "where: id < 0", "where: id < 1")))
	if diff := cmp.Diff([]string{`tables[app.posts, no. 2].where.sql: was "id < 0", is "id < 1"`}, got); diff != "" {
		t.Error(diff)
	}
	got = Changes(parsed(t, two), parsed(t, edited(t, two, "country: c.name", "country: c.code")))
	if diff := cmp.Diff([]string{`tables[app.posts].columns[country].sql.expr.sql: was "c.name", is "c.code"`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLongChangesShowWhereTheyDiffer(t *testing.T) {
	long := strings.Repeat("ä", 200)
	got := Changes(parsed(t, whole), parsed(t, edited(t, whole, "raw: CONCAT(a, b)", "raw: CONCAT(a, '"+long+"')")))
	if len(got) != 1 || len(got[0]) > 250 || !strings.Contains(got[0], `is "CONCAT(a, 'ä`) || !strings.HasSuffix(got[0], "ä...") {
		t.Errorf("got %q", got)
	}
	a, b := edited(t, whole, "raw: CONCAT(a, b)", "raw: '"+long+" + 1'"), edited(t, whole, "raw: CONCAT(a, b)", "raw: '"+long+" + 2'")
	got = Changes(parsed(t, a), parsed(t, b))
	if len(got) != 1 || !strings.Contains(got[0], ` + 1", is ...`) || !strings.HasSuffix(got[0], ` + 2"`) {
		t.Errorf("got %q", got)
	}
}

func TestChangesAreThereIfTheHashDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawFile(t)
		b := drawFile(t)
		if rapid.Bool().Draw(t, "near") {
			b = new(*a)
			b.Tables = append([]Entry(nil), a.Tables...)
			i, j := rapid.IntRange(0, len(b.Tables)-1).Draw(t, "i"), rapid.IntRange(0, len(b.Tables)-1).Draw(t, "j")
			b.Tables[i], b.Tables[j] = b.Tables[j], b.Tables[i]
			b.MaxRowBytes += rapid.Int64Range(0, 1).Draw(t, "more")
		}
		if changes := Changes(a, b); (Hash(a) == Hash(b)) != (len(changes) == 0) {
			t.Fatalf("the changes are %q", changes)
		}
	})
}
