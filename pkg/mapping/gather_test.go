package mapping

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// An attributeRow is a row of an attribute table; "-" is NULL.
type attributeRow struct{ name, value string }

func cellOf(text string) value.Cell { return cells(text)[0] }

// gatherRows gathers rows by the plan, and spells the cells that they make; <nil> is NULL.
func gatherRows(g *GatherPlan, rows ...attributeRow) (made []string, a *Attributes, cause string) {
	a = g.Collect()
	for _, row := range rows {
		if said := a.Add(cellOf(row.name), cellOf(row.value)); cause == "" {
			cause = said
		}
	}
	for _, cell := range a.AppendCells(nil) {
		if cell == nil {
			made = append(made, "<nil>")
		} else {
			made = append(made, string(cell))
		}
	}
	return made, a, cause
}

func TestAttributesBecomeCells(t *testing.T) {
	list := []string{"columns: {town: town, size: {of: size, values: {S: 1, L: 2}}}\n      ", "", "leave:", "many: array\n      leave:"}
	for name, c := range map[string]struct {
		edits             []string
		rows              []attributeRow
		want              []string
		gathered, leftOut int64
		cause             string
	}{
		"a user without attributes": {want: []string{"<nil>", "<nil>", "{}"}},
		"columns, what is kept and what is left": {
			rows: []attributeRow{{"town", "Ulm"}, {"wp_b", "2"}, {"token", "x"}, {"size", "L"}, {"wp_a", "1"}, {"color", ""}, {"token", "y"}},
			want: []string{"Ulm", "L", `{"wp_b":"2","wp_a":"1","color":""}`}, gathered: 5, leftOut: 2,
		},
		"NULL is a value, and an empty text another": {
			rows: []attributeRow{{"town", "-"}, {"color", "-"}, {"wp_", ""}}, want: []string{"<nil>", "<nil>", `{"color":null,"wp_":""}`}, gathered: 3,
		},
		"a name that nothing matches": {
			rows: []attributeRow{{"nick", "a"}, {"town", "Ulm"}}, want: []string{"Ulm", "<nil>", "{}"}, gathered: 1, cause: "gather:app.users",
		},
		"a name in another case is another": {rows: []attributeRow{{"Color", "a"}}, want: []string{"<nil>", "<nil>", "{}"}, cause: "gather:app.users"},
		"no name at all is none":            {rows: []attributeRow{{"-", "a"}}, want: []string{"<nil>", "<nil>", "{}"}, cause: "gather:app.users"},
		"a name that no document can hold":  {rows: []attributeRow{{"wp_\x00", "a"}}, want: []string{"<nil>", "<nil>", "{}"}, cause: "gather:app.users"},
		"a broken name":                     {rows: []attributeRow{{"wp_\xff", "a"}}, want: []string{"<nil>", "<nil>", "{}"}, cause: "gather:app.users"},
		"two rows of a column": {
			rows: []attributeRow{{"town", "Ulm"}, {"town", "Bonn"}}, want: []string{"Ulm", "<nil>", "{}"}, gathered: 1, cause: "gather:app.users.town",
		},
		"two rows that are kept": {
			rows: []attributeRow{{"color", "a"}, {"color", "a"}}, want: []string{"<nil>", "<nil>", `{"color":"a"}`}, gathered: 1, cause: "gather:app.users.settings",
		},
		"the first of many": {edits: []string{"leave:", "many: first\n      leave:"},
			rows: []attributeRow{{"town", "-"}, {"town", "Bonn"}, {"color", "a"}, {"color", "b"}, {"color", "c"}},
			want: []string{"<nil>", "<nil>", `{"color":"a"}`}, gathered: 2, leftOut: 3},
		"the last of many": {edits: []string{"leave:", "many: last\n      leave:"},
			rows: []attributeRow{{"town", "Ulm"}, {"town", "-"}, {"color", "a"}, {"color", "b"}, {"color", "c"}, {"token", "x"}},
			want: []string{"<nil>", "<nil>", `{"color":"c"}`}, gathered: 2, leftOut: 4},
		"all of many": {edits: list, rows: []attributeRow{{"color", "a"}, {"wp_x", "-"}, {"color", "-"}, {"color", `"`}},
			want: []string{`{"color":["a",null,"\""],"wp_x":[null]}`}, gathered: 4},
		"one attribute feeds two columns": {edits: []string{"size: {of: size, values: {S: 1, L: 2}}", "size: {of: town, steps: [trim], values: {S: 1, L: 2}}"},
			rows: []attributeRow{{"town", "S"}}, want: []string{"S", "S", "{}"}, gathered: 1},
		"a pattern that would match a column's attribute": {edits: []string{`color]`, `"%"]`},
			rows: []attributeRow{{"town", "Ulm"}, {"token", "x"}, {"other", "y"}}, want: []string{"Ulm", "<nil>", `{"other":"y"}`}, gathered: 2, leftOut: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := gathers(t, c.edits...).Plans[0].Gather
			got, a, cause := gatherRows(g, c.rows...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(got) != g.Cells() {
				t.Errorf("made %d cells, and said %d", len(got), g.Cells())
			}
			if a.Rows != int64(len(c.rows)) || a.Gathered != c.gathered || a.LeftOut != c.leftOut || cause != c.cause {
				t.Errorf("got %d rows, %d gathered, %d left out, cause %q", a.Rows, a.Gathered, a.LeftOut, cause)
			}
		})
	}
}

func TestAttributesKeepNothingOfWhatTheyAreGiven(t *testing.T) {
	a := gathers(t).Plans[0].Gather.Collect()
	name, cell := value.Cell("color"), value.Cell("red")
	a.Add(name, cell)
	copy(name, "xxxxx")
	copy(cell, "yyy")
	if got := string(a.AppendCells(nil)[2]); got != `{"color":"red"}` {
		t.Errorf("got %s", got)
	}
}

func TestAGatheredRowIsEncoded(t *testing.T) {
	jsonb := func(text string) []byte { return append([]byte{1}, text...) }
	row := func(c *Compiled, rows ...attributeRow) ([]byte, Encoded, []value.Hit) {
		made := c.Plans[0].Gather.Collect()
		for _, r := range rows {
			made.Add(value.Cell(r.name), cellOf(r.value))
		}
		e := c.Plans[0].NewEncoder()
		tuple, encoded := e.Encode(nil, []byte("7"), made.AppendCells(cells("7", "Ada", "-")))
		return tuple, encoded, slices.Clone(e.Hits())
	}
	t.Run("behind the other columns", func(t *testing.T) {
		got, e, _ := row(gathers(t), attributeRow{"size", "L"}, attributeRow{"wp_längst", "a\t\"\\\r\x1fé"}, attributeRow{"wp_z", "-"})
		want := tuple(sized(id("user", "7")), sized([]byte("Ada")), nullField, nullField, sized([]byte{0, 0, 0, 2}),
			sized(jsonb(`{"wp_z": null, "wp_längst": "a\t\"\\\r\u001fé"}`)))
		if diff := cmp.Diff(want, got); diff != "" || e.Ending != Written {
			t.Error(e, diff)
		}
	})
	t.Run("values are refused under the name of their column", func(t *testing.T) {
		for _, c := range []struct{ name, value, cause string }{
			{"size", "M", "values:app.users.size"}, {"color", "a\x00", "nul_byte:app.users.settings"}, {"color", "\xff", "bad_text:app.users.settings"},
			{"town", "a\x00", "nul_byte:app.users.town"},
		} {
			if _, e, _ := row(gathers(t), attributeRow{c.name, c.value}); e.Ending != Refused || e.Cause != c.cause {
				t.Errorf("%s: got %+v", c.name, e)
			}
		}
	})
	t.Run("broken bytes are mended value by value", func(t *testing.T) {
		c := gathers(t, "    gather:\n", "    bad_text: cp1252\n    nul_byte: strip\n    gather:\n")
		got, e, hits := row(c, attributeRow{"color", "\x80"}, attributeRow{"wp_a", "€"}, attributeRow{"wp_b", "a\x00b"}, attributeRow{"wp_\"", "-"})
		want := sized(jsonb(`{"wp_\"": null, "wp_a": "€", "wp_b": "ab", "color": "€"}`))
		if !e.Changed || !strings.HasSuffix(string(got), string(want)) {
			t.Errorf("got %+v, %q", e, got)
		}
		last := len(hits) - 1
		if diff := cmp.Diff([]string{"bad_text", "nul_byte"}, c.Plans[0].Columns[last].Rules()); diff != "" || hits[last] != 3 {
			t.Error(hits, diff)
		}
	})
	t.Run("rules of a list are for each value, and if_null is for none at all", func(t *testing.T) {
		c := gathers(t, "columns: {town: town, size: {of: size, values: {S: 1, L: 2}}}\n      keep: {into: settings, like: [\"wp\\\\_%\", color]}",
			`columns: {settings: {of: tag, steps: [trim, lower], values: {a: b}, otherwise: keep, if_null: "[]"}}`, "leave:", "many: array\n      leave:")
		for want, rows := range map[string][]attributeRow{
			`["b", "cd", null]`: {{"tag", " A "}, {"tag", "Cd"}, {"tag", "-"}}, `[]`: nil,
		} {
			got, e, hits := row(c, rows...)
			if !e.Changed || !strings.HasSuffix(string(got), string(sized(jsonb(want)))) {
				t.Errorf("got %+v, %q", e, got)
			}
			rules := c.Plans[0].Columns[len(hits)-1].Rules()
			if rows == nil && (hits[len(hits)-1] != 1<<3 || rules[3] != "if_null") {
				t.Errorf("got %v of %v", hits, rules)
			}
		}
	})
}

// TestKeptAttributesAreAsTheyWere compares with encoding/json, which has nothing of ours.
func TestKeptAttributesAreAsTheyWere(t *testing.T) {
	c := gathers(t, `color]`, `"%"]`, "columns: {town: town, size: {of: size, values: {S: 1, L: 2}}}\n      ", "", "      leave: {token: worthless}\n", "")
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.ReplaceAll(strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{`\`, `"`, "\x01", "u0041", "null", ":", "é", "😀", "{", "]", ",", "\u2028"})).Draw(t, "parts"), ""), "\x00", "")
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(text, rapid.Ptr(text, true)).Draw(t, "attributes")
		list := rapid.Bool().Draw(t, "mend") // go through each value, though nothing is wrong with it
		a := c.Plans[0].Gather.Collect()
		for _, name := range slices.Sorted(maps.Keys(want)) {
			cell := value.Cell(nil)
			if v := want[name]; v != nil {
				cell = value.Cell(*v)
			}
			if cause := a.Add(value.Cell(name), cell); cause != "" {
				t.Fatal(cause)
			}
		}
		cell := a.AppendCells(nil)[0]
		if list {
			program, err := value.Compile(value.LegacyType{Name: "TEXT"}, plainText, value.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			mended, _, fault := (&document{each: program}).mend(cell)
			if fault != "" || string(mended) != string(cell) {
				t.Fatalf("%s: %s became %s", fault, cell, mended)
			}
		}
		tuple, e := c.Plans[0].NewEncoder().Encode(nil, []byte("7"), append(cells("7", "Ada", "-"), cell))
		if e.Ending != Written {
			t.Fatalf("%+v of %s", e, cell)
		}
		from := strings.LastIndex(string(tuple), "\x01{") // a length may look like it, a document has no such byte
		var got map[string]*string
		if err := json.Unmarshal(tuple[from+1:], &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`a"\b`), []byte("\x00\xff"))
	program, err := value.Compile(value.LegacyType{Name: "TEXT"}, plainText, value.Rules{BadText: value.Policy{Word: "strip"}, NulByte: value.Policy{Word: "strip"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		list := append(appendElement(appendElement(appendElement(nil, a), nil), b), ']')
		got, _, fault := (&document{each: program}).mend(list)
		var texts []*string
		if err := json.Unmarshal(got, &texts); err != nil || fault != "" || len(texts) != 3 || texts[1] != nil {
			t.Fatalf("%q %s: %v", got, fault, err)
		}
		for i, in := range [][]byte{a, nil, b} {
			if want := strings.ReplaceAll(strings.ToValidUTF8(string(in), ""), "\x00", ""); i != 1 && *texts[i] != want {
				t.Errorf("got %q, want %q", *texts[i], want)
			}
		}
	})
}
