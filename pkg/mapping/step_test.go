package mapping

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// stepped compiles the world with other steps for the users' name. The legacy database knows users.joined and users.left as dates.
func stepped(t testing.TB, steps string, edits ...string) (*RowPlan, error) {
	t.Helper()
	legacy := legacyWorld()
	legacy.Resolve.(*fakeResolver).types = map[string]value.LegacyType{"joined": {Name: "DATETIME"}, "gone": {Name: "DATE"}, "seconds": {Name: "BIGINT"}}
	src := edited(t, world, append([]string{"steps: [trim]}", "steps: " + steps + "}"}, edits...)...)
	c, _, err := Compile(t.Context(), parsed(t, src), legacy, targetWorld())
	if err != nil {
		return nil, err
	}
	return c.Plans[0], nil
}

// nameOf encodes a user of this name and tells what becomes of it, with the rules behind it. The further cells are the dates that the
// steps ask for.
func nameOf(p *RowPlan, name string, dates ...string) string {
	enc := p.NewEncoder()
	row := append([]string{"7", name}, dates...)
	out, e := enc.Encode(nil, []byte("7"), cells(append(row, "3")...))
	if e.Ending != Written {
		return e.Cause
	}
	field := out[2+20:]
	text := string(field[4 : 4+fieldSize(field)])
	for bit, rule := range p.Columns[1].Rules() {
		if enc.Hits()[1]&(1<<bit) != 0 {
			text += " |" + rule
		}
	}
	return text
}

func TestEachStepOfAMappingAtWork(t *testing.T) {
	for _, test := range []struct{ steps, in, want string }{
		{"[trim]", " Ada ", "Ada |trim"},
		{"[collapse_spaces]", "Ada  King", "Ada King |collapse_spaces"},
		{"[lower]", "ADA", "ada |lower"},
		{"[upper]", "ada", "ADA |upper"},
		{"[empty_to_null]", "", "not_null:app.users.name"},
		{"[mojibake]", "ZoÃ«", "Zoë |mojibake"},
		{"[{name: last}]", "Ada King", "King |name"},
		{"[{name: last}]", "King, A., Jr.", "name:app.users.name"},
		{`[{date: "%d.%m.%Y"}]`, "1.2.2003", "2003-02-01 00:00:00 |date"},
		{"[{unix: s}]", "0", "1970-01-01 00:00:00 |unix"},
		{"[{unix: ms}]", "soon", "unix:app.users.name"},
		{"[{charset: [utf8, cp1252]}]", "Zo\xeb", "Zoë |charset"},
		{"[hex]", "5A6fc3ab", "Zoë |hex"},
		{"[hex]", "5", "hex:app.users.name"},
		{"[base64]", "Wm/Dqw==", "Zoë |base64"},
		{"[{base64: [url, unpadded]}]", "Wm_Dqw", "Zoë |base64"},
		{"[base64]", "Wm_Dqw", "base64:app.users.name"},
		{`[{json: '$.a."b c"[0]'}]`, `{"a": {"b c": ["Zo\u00eb"]}}`, "Zoë |json"},
		{"[{json: $.a}]", `{}`, "json_path:app.users.name"},
		{"[{json: [$.a, to_null]}]", `{}`, "not_null:app.users.name"},
		{"[{json: $.a}]", `a`, "json:app.users.name"},
		{"[php]", `a:1:{s:4:"name";s:4:"Zoë";}`, `{"name":"Zoë"} |php`},
		{"[php, {json: $.name}, upper]", `a:1:{s:4:"name";s:4:"Zoë";}`, `ZOË |php |json |upper`},
		{"[php]", `a:1:{s:4:"name";s:5:"Zoë";}`, "php:app.users.name"},
	} {
		t.Run(test.steps+" of "+test.in, func(t *testing.T) {
			p, err := stepped(t, test.steps)
			if err != nil {
				t.Fatal(err)
			}
			if got := nameOf(p, test.in); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

const eras = `[trim, {dated: {by: joined, before: 2015-01-01, then: [{date: "%d.%m.%Y"}], else: [{dated: {by: joined, before: "2019-03-01 12:00:00", then: [lower, {date: "%b %e, %Y"}]}}]}}, trim]`

func TestADatedStepGoesByADateOfTheRow(t *testing.T) {
	p, err := stepped(t, eras)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"id", "name", "joined", "joined", "rank"}, p.Select); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct{ name, in, joined, want string }{
		{"before the first date", " 1.2.2003", "2014-12-31 23:59:59", "2003-02-01 00:00:00 |trim |date before 2015-01-01"},
		{"from it on another format", "Feb 1, 2003", "2015-01-01 00:00:00", "2003-02-01 00:00:00 |lower before 2019-03-01 12:00:00 |date before 2019-03-01 12:00:00"},
		{"what fits the other time only is refused", "1.2.2003", "2015-01-01 00:00:00", "date:app.users.name"},
		{"and the other way round", "Feb 1, 2003", "2014-01-01 00:00:00", "date:app.users.name"},
		{"after the second date nothing is done", "X ", "2019-03-01 12:00:00", "X |trim"},
		{"no date", "1.2.2003", "-", "dated:app.users.name"},
		{"a zero date is none", "1.2.2003", "0000-00-00 00:00:00", "dated:app.users.name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := nameOf(p, test.in, test.joined, test.joined); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	t.Run("NULL needs no date", func(t *testing.T) {
		p, err := stepped(t, `[{dated: {by: joined, before: 2015-01-01, then: [lower]}}], if_null: nobody`)
		if err != nil {
			t.Fatal(err)
		}
		if got := nameOf(p, "-", "-"); got != "nobody |if_null" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("nor does what a step before has made NULL", func(t *testing.T) {
		p, err := stepped(t, `[empty_to_null, {dated: {by: joined, before: 2015-01-01, then: [lower]}}], if_null: nobody`)
		if err != nil {
			t.Fatal(err)
		}
		if got := nameOf(p, "", "-") + ", " + nameOf(p, "x", "-"); got != "nobody |empty_to_null |if_null, dated:app.users.name" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("several go by dates of their own", func(t *testing.T) {
		p, err := stepped(t, `[{dated: {by: joined, before: 2015-01-01, then: [lower]}}, {dated: {by: gone, before: 2015-01-01, else: [upper]}}]`)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{nameOf(p, "aB", "2014-01-01", "2014-01-01"), nameOf(p, "aB", "2016-01-01", "2016-01-01"), nameOf(p, "aB", "2014-01-01", "2016-01-01"), nameOf(p, "aB", "2016-01-01", "2014-01-01")}
		want := []string{"ab |lower before 2015-01-01", "AB |upper from 2015-01-01", "AB |lower before 2015-01-01 |upper from 2015-01-01", "aB"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("values come after both ways", func(t *testing.T) {
		p, err := stepped(t, `[{dated: {by: joined, before: 2015-01-01, then: [lower]}}], values: {a: one}`)
		if err != nil {
			t.Fatal(err)
		}
		got := nameOf(p, "A", "2014-01-01") + ", " + nameOf(p, "A", "2016-01-01") + ", " + nameOf(p, "a", "-")
		if got != "one |lower before 2015-01-01 |values, values:app.users.name, dated:app.users.name" {
			t.Errorf("got %s", got)
		}
	})
}

func TestFaultsOfDatedSteps(t *testing.T) {
	for _, test := range []struct{ name, steps, want string }{
		{"a date that is no date", "[{dated: {by: seconds, before: 2019-03-01, then: [trim]}}]", "dated goes by a DATE, DATETIME or TIMESTAMP, not by BIGINT"},
		{"a day that no calendar has", "[{dated: {by: joined, before: 2019-02-29, then: [trim]}}]", `"2019-02-29" is no date`},
		{"an expression that the server refuses", "[{dated: {by: joind, before: 2019-03-01, then: [trim]}}]", `the legacy server refuses "joind"`},
		{"a step that does not work there", "[{dated: {by: joined, before: 2019-03-01, then: [hex, {unix: s}, php]}}]", "php works on text or bytes, not on a unix step's result"},
		{"too many", "[" + strings.Repeat("{dated: {by: joined, before: 2019-03-01, then: [trim]}}, ", 4) + "]", "at most 3 dated steps, and this one 4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := stepped(t, test.steps)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want …%s… alone", err, test.want)
			}
		})
	}
	t.Run("what is wrong on both ways is said once", func(t *testing.T) {
		_, err := stepped(t, "[{unix: s}, php, {dated: {by: joined, before: 2019-03-01, then: [trim]}}]")
		if err == nil || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("got %v", err)
		}
	})
}

func TestADatedStepIsPartOfWhatTheMappingMeans(t *testing.T) {
	src := edited(t, world, "steps: [trim]}", "steps: "+eras+"}")
	f := parsed(t, src)
	back, err := Decode(Canonical(f))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back, asStored); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct{ from, to, want string }{
		{"2015-01-01", "2016-01-01", `tables[app.users].columns[name].sql.steps[dated].dated.before.text: was "2015-01-01", is "2016-01-01"`},
		{"{by: joined, before: 2015", "{by: gone, before: 2015", `tables[app.users].columns[name].sql.steps[dated].dated.by.sql: was "joined", is "gone"`},
		{"%d.%m.%Y", "%d-%m-%Y", `tables[app.users].columns[name].sql.steps[dated].dated.then[date].args[0]: was "%d.%m.%Y", is "%d-%m-%Y"`},
	} {
		if diff := cmp.Diff([]string{test.want}, Changes(f, parsed(t, edited(t, src, test.from, test.to)))); diff != "" {
			t.Error(diff)
		}
	}
	// A running migration finds its mapping by this.
	const want = "sha256:74df5ad3cfbb21974fefedc42d4b63ce2d316051257d705ec734e7a495b9bd70"
	if got := Hash(f); got != want {
		t.Errorf("got %s", got)
	}
}

// An original is what Originals yields.
type original struct {
	Column, Rule, Bytes string
}

func originals(p *RowPlan, unit []byte, row []value.Cell) (all []original) {
	enc := p.NewEncoder()
	if _, e := enc.Encode(nil, unit, row); e.Ending != Written {
		return []original{{Column: "stopped", Rule: e.Cause}}
	}
	enc.Originals(row, func(column int, rule string, bytes []byte) {
		text := string(bytes)
		if bytes == nil {
			text = "NULL"
		}
		all = append(all, original{p.Columns[column].Name, rule, text})
	})
	return all
}

func TestOriginalsOfWhatARuleHasLost(t *testing.T) {
	const kept = "name: m\nkeep_originals: true\n"
	t.Run("each rule that lost something has one", func(t *testing.T) {
		p, err := stepped(t, "[trim, lower, {json: [$.A, to_null]}], if_null: nobody", "name: m\n", kept)
		if err != nil {
			t.Fatal(err)
		}
		got := originals(p, []byte("7"), cells("7", ` {"B": 1} `, "3"))
		want := []original{{"name", "trim", ` {"B": 1} `}, {"name", "lower", ` {"B": 1} `}, {"name", "json", ` {"B": 1} `}, {"name", "if_null", ` {"B": 1} `}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got := originals(p, []byte("7"), cells("7", "-", "3")); !cmp.Equal(got, []original{{"name", "if_null", "NULL"}}) {
			t.Errorf("of NULL: %v", got)
		}
	})
	t.Run("what loses nothing has none", func(t *testing.T) {
		p, err := stepped(t, "[{charset: [utf8, cp1252]}, trim]", "name: m\n", kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := originals(p, []byte("7"), cells("7", "Zo\xeb", "3")); got != nil {
			t.Errorf("got %v", got)
		}
		if got := originals(p, []byte("7"), cells("7", "Zo\xeb ", "3")); !cmp.Equal(got, []original{{"name", "trim", "Zo\xeb "}}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("on both sides of a date", func(t *testing.T) {
		p, err := stepped(t, `[{dated: {by: joined, before: 2015-01-01, then: [{charset: cp1252}], else: [{charset: cp1252}, lower]}}]`, "name: m\n", kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := originals(p, []byte("7"), cells("7", "Zo\xeb", "2014-01-01", "3")); got != nil {
			t.Errorf("before it: %v", got)
		}
		if got := originals(p, []byte("7"), cells("7", "Zo\xeb", "2016-01-01", "3")); !cmp.Equal(got, []original{{"name", "lower from 2015-01-01", "Zo\xeb"}}) {
			t.Errorf("from it on: %q", got)
		}
	})
	t.Run("a reference to what is missing is the key as the row spells it", func(t *testing.T) {
		posts := compiled(t, "name: m\n", kept).Plans[1]
		if got := originals(posts, nil, cells("9", "0404", "-")); !cmp.Equal(got, []original{{"author_id", "missing", "0404"}}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("the narrower place decides", func(t *testing.T) {
		for _, test := range []struct {
			edits []string
			want  []original
		}{
			{nil, nil},
			{[]string{"steps: [trim]}", "steps: [trim], keep_originals: true}"}, []original{{"name", "trim", " Ada"}}},
			{[]string{"name: m\n", kept, "steps: [trim]}", "steps: [trim], keep_originals: false}"}, nil},
			{[]string{"name: m\n", kept, "    from: users\n", "    from: users\n    keep_originals: false\n"}, nil},
			{[]string{"    from: users\n", "    from: users\n    keep_originals: true\n"}, []original{{"name", "trim", " Ada"}}},
		} {
			if got := originals(compiled(t, test.edits...).Plans[0], []byte("7"), cells("7", " Ada", "3")); !cmp.Equal(got, test.want) {
				t.Errorf("%q: got %v, want %v", test.edits, got, test.want)
			}
		}
	})
	t.Run("a column tells which of its rules lose something", func(t *testing.T) {
		p, err := stepped(t, "[{charset: cp1252}, trim]")
		if err != nil {
			t.Fatal(err)
		}
		if name := p.Columns[1]; name.Loses() != 2 || p.Columns[0].Loses() != 0 {
			t.Errorf("got %b of %v", name.Loses(), name.Rules())
		}
		if missing := compiled(t).Plans[1].Columns[1]; missing.Loses() != 1 {
			t.Errorf("got %b of %v", missing.Loses(), missing.Rules())
		}
	})
}

func TestOriginalsCostNothingWhereNoneIsKept(t *testing.T) {
	for name, edits := range map[string][]string{"not wanted": nil, "wanted, and nothing lost": {"name: m\n", "name: m\nkeep_originals: true\n"}} {
		t.Run(name, func(t *testing.T) {
			enc, row := compiled(t, edits...).Plans[0].NewEncoder(), cells("7", "Ada", "3")
			yield := func(int, string, []byte) { t.Error("an original of nothing") }
			enc.Encode(nil, []byte("7"), row)
			if n := testing.AllocsPerRun(100, func() { enc.Originals(row, yield) }); n > 0 {
				t.Errorf("%v allocations a row", n)
			}
		})
	}
}

func TestTheOriginalIsWhatWasThereWheneverARuleLosesSomething(t *testing.T) {
	p, err := stepped(t, "[collapse_spaces, trim, lower]", "name: m\n", "name: m\nkeep_originals: true\n")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ aB\t]{0,8}`).Draw(t, "name")
		enc, row := p.NewEncoder(), []value.Cell{value.Cell("7"), value.Cell(name), nil}
		out, e := enc.Encode(nil, []byte("7"), row)
		met := 0
		enc.Originals(row, func(column int, _ string, was []byte) {
			if met++; column != 1 || string(was) != name {
				t.Fatalf("%q of column %d", was, column)
			}
		})
		if changed := !bytes.Contains(out, sized([]byte(name))); changed != (met > 0) || e.Changed != changed {
			t.Fatalf("%q: changed %v, and %d originals", name, changed, met)
		}
	})
}
