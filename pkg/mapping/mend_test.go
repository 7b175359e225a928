package mapping

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

const mendable = `name: m
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: {uuid: user, of: id}
      kind: {sql: kind, values: {1: one}}
      born: {sql: born, steps: [trim, {date: ["%Y-%m-%d"]}]}
      note: note
      raw: {sql: raw, steps: [{charset: utf8}, {json: $.a}, {dated: {by: born, before: 2019-01-01, then: [trim], else: [{date: "%Y"}]}}], bad_text: cp1252}
      boss: {uuid: user, of: boss}
      chief: {uuid: user, of: chief, missing: leave}
    gather: {from: meta, user: user_id, name: k, value: v, columns: {nick: nickname}, keep: {into: extra, like: ["wp_%"]}, leave: {token: why}}
  - {into: app.tags, from: tags, user: owner, columns: {id: {uuid: tag, of: id}, name: {sql: name, bad_text: strip}, sort: {sql: sort, values: {a: b}, otherwise: keep}}}
`

func TestMends(t *testing.T) {
	for _, test := range []struct {
		name        string
		edits       []string
		mends, more string
	}{
		{"nothing", nil, "", ""},
		{"a value", []string{"{1: one}", "{1: one, 0: none}"}, "values 0.kind", ""},
		{"an outcome for all others", []string{"values: {1: one}", "values: {1: one}, otherwise: to_null"}, "values 0.kind", ""},
		{"a value that was another", []string{"{1: one}", "{1: eins, 2: zwei}"}, "values 0.kind", `tables[app.users].columns[kind].sql.values[1].to: was "one", is "eins"`},
		{"a value that is gone", []string{"{1: one}", "{2: two}"}, "values 0.kind", `tables[app.users].columns[kind].sql.values[1]: was {"from":"1","to":"one"}, is not there`},
		{"a format behind the others", []string{`["%Y-%m-%d"]`, `["%Y-%m-%d", "%d.%m.%Y"]`}, "date 0.born", ""},
		{"a format before another", []string{`["%Y-%m-%d"]`, `["%d.%m.%Y", "%Y-%m-%d"]`}, "",
			`tables[app.users].columns[born].sql.steps[date].args[0]: was "%Y-%m-%d", is "%d.%m.%Y"` + "\n" +
				`tables[app.users].columns[born].sql.steps[date].args[1]: was not there, is "%Y-%m-%d"`},
		{"a charset behind another", []string{"raw: {sql: raw, steps: [{charset: utf8}", "raw: {sql: raw, steps: [{charset: [utf8, cp1252]}"}, "charset 0.raw", ""},
		{"a path that may lead nowhere", []string{"{json: $.a}", "{json: [$.a, to_null]}"}, "json_path 0.raw", ""},
		{"another path", []string{"{json: $.a}", "{json: [$.b, to_null]}"}, "", `tables[app.users].columns[raw].sql.steps[json].args[0]: was "$.a", is "$.b"` + "\n" +
			`tables[app.users].columns[raw].sql.steps[json].args[1]: was not there, is "to_null"`},
		{"a format after a date", []string{`else: [{date: "%Y"}]`, `else: [{date: ["%Y", "%y"]}]`}, "date 0.raw", ""},
		{"a format after another date", []string{`before: 2019-01-01, then: [trim], else: [{date: "%Y"}]`, `before: 2019-01-02, then: [trim], else: [{date: ["%Y", "%y"]}]`}, "",
			`tables[app.users].columns[raw].sql.steps[dated].dated.before.text: was "2019-01-01", is "2019-01-02"` + "\n" +
				`tables[app.users].columns[raw].sql.steps[dated].dated.else[date].args[1]: was not there, is "%y"`},
		{"a value for NULL", []string{"note: note", "note: {sql: note, if_null: x}"}, "not_null 0.note", ""},
		{"a policy of the column", []string{"note: note", "note: {sql: note, too_long: truncate}"}, "too_long 0.note", ""},
		{"a policy of dates", []string{"note: note", "note: {sql: note, zero_date: to_null}"}, "zero_date 0.note (silent)", ""},
		{"a policy of the file", []string{"name: m\n", "name: m\nbad_text: cp1252\n"}, "bad_text 0.kind, bad_text 0.born, bad_text 0.note, bad_text 0.nick, bad_text 0.extra, bad_text 1.sort", ""},
		{"a policy that was another", []string{"bad_text: strip", "bad_text: cp1252"}, "", `tables[app.tags].columns[name].sql.policies.bad_text.do: was "strip", is "cp1252"`},
		{"a policy that is said where it changes nothing", []string{"bad_text: strip", "bad_text: strip, nul_byte: reject"}, "", ""},
		{"a policy that hears of a text by being said", []string{"note: note", "note: {sql: note, zero_date: reject}"}, "", `tables[app.users].columns[note].sql.policies: was not there, is {"zero_date":{"do":"reject"}}`},
		{"originals of what was changed before", []string{"bad_text: strip", "bad_text: strip, keep_originals: true"}, "", `tables[app.tags].columns[name].sql.policies.keep_originals: was not there, is true`},
		{"originals of what was rejected", []string{"note: note", "note: {sql: note, too_long: truncate, keep_originals: true}"}, "too_long 0.note", ""},
		{"a value of a map that has an outcome for all others", []string{"{a: b}", "{a: b, c: d}"}, "",
			`tables[app.tags].columns[sort].sql.values[c]: was not there, is {"from":"c","to":"d"}`},
		{"a row that is not there", []string{"of: boss}", "of: boss, missing: to_null}"}, "waits 0.boss", ""},
		{"a row that is not there and was NULL", []string{"of: chief, missing: leave", "of: chief, missing: to_null"}, "", `tables[app.users].columns[chief].uuid.missing: was "leave", is "to_null"`},
		{"rows of nobody", []string{"user: owner", "user: owner, unowned: leave"}, "unowned 1.", ""},
		{"a wider row", []string{"name: m\n", "name: m\nmax_row_bytes: 1GiB\n"}, "row_too_wide -1.", ""},
		{"a narrower row", []string{"name: m\n", "name: m\nmax_row_bytes: 1MiB\n"}, "", "max_row_bytes: was 67108864, is 1048576"},
		{"an attribute that is left", []string{"{token: why}", "{token: why, cart: why}"}, "gather 0.", ""},
		{"an attribute that is left and was kept", []string{"{token: why}", "{token: why, wp_cart: why}"}, "", `tables[app.users].gather.leave[wp_cart]: was not there, is {"name":"wp_cart","why":"why"}`},
		{"attributes that are kept", []string{`["wp_%"]`, `["wp_%", "c_rt"]`}, "gather 0.", ""},
		{"attributes that are kept, before others", []string{`["wp_%"]`, `["cart", "wp_%"]`}, "",
			`tables[app.users].gather.keep.like[0].text: was "wp_%", is "cart"` + "\n" + `tables[app.users].gather.keep.like[1]: was not there, is {"text":"wp_%"}`},
		{"an attribute's column", []string{"{nick: nickname}", "{nick: nickname, first: first}"}, "",
			`tables[app.users].gather.columns[first]: was not there, is {"name":"first","of":{"text":"first"}}`},
		{"an attribute that is there twice", []string{"leave: {token: why}", "leave: {token: why}, many: last"}, "gather 0.", ""},
		{"an expression", []string{"note: note", "note: TRIM(note)"}, "", `tables[app.users].columns[note].sql.expr.sql: was "note", is "TRIM(note)"`},
		{"a table", []string{"into: app.tags", "into: app.labels"}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			mends, other := Mends(parsed(t, mendable), parsed(t, edited(t, mendable, test.edits...)))
			var names []string
			for _, m := range mends {
				name := fmt.Sprintf("%s %d.%s", m.Kind, m.Entry, m.Column)
				if m.Silent {
					name += " (silent)"
				}
				names = append(names, name)
			}
			if got := strings.Join(names, ", "); got != test.mends {
				t.Errorf("the mends are %q, want %q", got, test.mends)
			}
			if test.name == "a table" {
				if len(other) != 2 {
					t.Errorf("the other differences are %q", other)
				}
				return
			}
			if diff := cmp.Diff(test.more, strings.Join(other, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPoliciesOfWhatIsKept(t *testing.T) {
	said := func(policy string) *File { return parsed(t, edited(t, mendable, "name: m\n", "name: m\n"+policy+"\n")) }
	_, other := Mends(said("nul_byte: {to: x}"), said("nul_byte: {to: y}"))
	want := `tables[app.users].gather.keep.rules.policies.nul_byte.to: was "x", is "y"`
	if !slices.Contains(other, want) {
		t.Errorf("another policy of attributes that are kept is not seen: %q", other)
	}
}

func TestMendsKnowAllPolicies(t *testing.T) {
	var p Policies
	policies := 0
	for i := range reflect.TypeFor[Policies]().NumField() {
		if reflect.TypeFor[Policies]().Field(i).Type == reflect.TypeFor[Policy]() {
			policies++
		}
	}
	if n := len(p.named()); n != policies {
		t.Errorf("%d policies of %d", n, policies)
	}
	for i, p := range p.named() {
		f := parsed(t, edited(t, mendable, "note: note", "note: {sql: note, "+p.name+": reject}"))
		if said := f.Tables[0].Columns[3].SQL.Policies.named()[i]; said.Do != PolicyReject {
			t.Errorf("%s is another policy", p.name)
		}
	}
}

// A patient is a small world in which much can be wrong with a row.
var (
	patientLegacy = []LegacyColumn{
		number("id"), number("kind"), letters("born"), letters("note"), number("boss"),
		{Name: "joined", Type: value.LegacyType{Name: "DATETIME"}}, {Name: "day", Type: value.LegacyType{Name: "DATE"}},
		{Name: "size", Type: value.LegacyType{Name: "BIGINT"}}, {Name: "doc", Type: value.LegacyType{Name: "JSON"}},
	}
	timestamptz = value.TargetType{OID: 1184, Name: "timestamp with time zone", Kind: 'b', Typmod: -1}
	dateType    = value.TargetType{OID: 1082, Name: "date", Kind: 'b', Typmod: -1}
	jsonbType   = value.TargetType{OID: 3802, Name: "jsonb", Kind: 'b', Typmod: -1}
	jsonType    = value.TargetType{OID: 114, Name: "json", Kind: 'b', Typmod: -1}
	short5      = value.TargetType{OID: 1043, Name: "character varying", Kind: 'b', Typmod: 9}
)

func patientTarget(notNull func(string) bool) *TargetCatalog {
	var columns []TargetColumn
	for _, c := range []TargetColumn{
		{Name: "id", Type: uuidType}, {Name: "kind", Type: textType}, {Name: "born", Type: dateType}, {Name: "note", Type: short5}, {Name: "boss", Type: uuidType},
		{Name: "joined", Type: timestamptz}, {Name: "joined_text", Type: textType}, {Name: "day", Type: dateType}, {Name: "size", Type: int4Type}, {Name: "doc", Type: jsonbType},
		{Name: "raw", Type: jsonType}, {Name: "told", Type: textType},
	} {
		c.NotNull = c.Name == "id" || notNull(c.Name)
		columns = append(columns, c)
	}
	return &TargetCatalog{Server: "PostgreSQL", Tables: []TargetTable{targetTable("users", columns...)}}
}

// prescription draws what a mapping says of the patient: by place, so that another can be drawn near it.
func prescription(t *rapid.T, label string) map[string]string {
	one := func(place string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label+place) }
	policies := map[string]string{
		"zero_date":    one("zero", "", "", "zero_date: reject", "zero_date: to_null", "zero_date: 1970-01-01"),
		"partial_date": one("partial", "", "", "partial_date: reject", "partial_date: to_null", "partial_date: first"),
		"nul_byte":     one("nul", "", "", "nul_byte: strip", "nul_byte: {to: x}"),
		"bad_text":     one("bad", "", "", "bad_text: strip", "bad_text: cp1252"),
		"out_of_range": one("range", "", "", "out_of_range: to_null", "out_of_range: clamp"),
		"too_long":     one("long", "", "", "too_long: truncate"),
		"json_nul":     one("json", "", "", "json_nul: strip"),
	}
	for name, policy := range policies {
		policies[name+" of the note"], policies[name] = "", policy
		if rapid.Bool().Draw(t, label+name+" of a column") {
			policies[name+" of the note"], policies[name] = policy, ""
		}
	}
	policies["values"] = one("values", "{1: one}", "{1: one, 2: two}", "{1: one, 2: two, 3: drei}", "{1: eins}")
	policies["otherwise"] = one("otherwise", "", "", ", otherwise: keep", ", otherwise: to_null", ", otherwise: {to: none}")
	policies["formats"] = one("formats", `"%Y-%m-%d"`, `"%Y-%m-%d", "%d.%m.%Y"`, `"%Y-%m-%d", "%d.%m.%Y", "%m.%d.%Y"`, `"%Y-%m-%d", "%m.%d.%Y"`)
	policies["if_null"] = one("if_null", "", "", ", if_null: x")
	policies["missing"] = one("missing", "", "", ", missing: to_null", ", missing: leave")
	return policies
}

// write spells the mapping.
func write(p map[string]string) string {
	var file, column strings.Builder
	for _, name := range []string{"zero_date", "partial_date", "nul_byte", "bad_text", "out_of_range", "too_long", "json_nul"} {
		if p[name] != "" {
			file.WriteString(p[name] + "\n")
		}
		if policy := p[name+" of the note"]; policy != "" {
			column.WriteString(", " + policy)
		}
	}
	return "name: m\n" + file.String() + `users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: {uuid: user, of: id}
      kind: {sql: kind, values: ` + p["values"] + p["otherwise"] + `}
      born: {sql: born, steps: [{date: [` + p["formats"] + `]}]}
      note: {sql: note` + p["if_null"] + column.String() + `}
      boss: {uuid: user, of: boss` + p["missing"] + `}
      joined: joined
      joined_text: {sql: joined` + column.String() + `}
      day: {sql: day` + column.String() + `}
      size: size
      doc: doc
      raw: doc
      told: {sql: doc, steps: [{json: $.a}]}
`
}

func TestAMendChangesNothingThatHasArrived(t *testing.T) {
	accepted, rescued := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		before := prescription(t, "old ")
		after, changed := maps.Clone(before), prescription(t, "new ")
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			place := rapid.SampledFrom(slices.Sorted(maps.Keys(before))).Draw(t, "change")
			after[place] = changed[place]
		}
		target := patientTarget(func(column string) bool { return rapid.Bool().Draw(t, column+" is NOT NULL") })
		legacy := &LegacyCatalog{Server: "MariaDB", Tables: []LegacyTable{legacyTable("users", patientLegacy)}}
		legacy.Resolve = &fakeResolver{catalog: legacy}
		both := make([]*Compiled, 2)
		for i, p := range []map[string]string{before, after} {
			file, faults := Parse("", []byte(write(p)), nil)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			c, _, err := Compile(t.Context(), file, legacy, target)
			if err != nil {
				t.Fatalf("%v of\n%s", err, write(p))
			}
			both[i] = c
		}
		mends, other := Mends(both[0].File, both[1].File)
		if len(other) > 0 || len(Harms(mends, both[0], both[1])) > 0 {
			return
		}
		accepted++
		touched := func(cause string) bool {
			for _, m := range mends {
				if m.Touches(both[0], cause) {
					return true
				}
			}
			return false
		}
		for range 100 {
			row := drawPatient(t)
			was, ended := both[0].Plans[0].NewEncoder().Encode(nil, []byte("1"), row)
			is, ends := both[1].Plans[0].NewEncoder().Encode(nil, []byte("1"), row)
			switch {
			case ended.Ending == Written || ended.Ending == LeftOut:
				if ends.Ending != ended.Ending || !bytes.Equal(was, is) {
					t.Fatalf("a row that ended as %d (%q) ends as %d (%q)\n%s\n%s", ended.Ending, was, ends.Ending, is, write(before), write(after))
				}
			case ends.Ending == Written || ends.Ending == LeftOut:
				if rescued++; !touched(ended.Cause) {
					t.Fatalf("a row that %s kept out ends as %d, and no mend says so: %+v\n%s\n%s", ended.Cause, ends.Ending, mends, write(before), write(after))
				}
			}
		}
	})
	if accepted < 10 || rescued < 10 {
		t.Errorf("of the pairs %d were mends, and %d rows were rescued: nothing was proved", accepted, rescued)
	}
}

// drawPatient draws a row of the patient in which one or two cells are odd: id, kind, born, note, the boss's key, the same as its owner
// spells it, joined twice, day, size and doc three times.
func drawPatient(t *rapid.T) []value.Cell {
	joined := []string{"0000-00-00 00:00:00", "2020-00-03 04:05:06", "-"}
	nul := []string{`{"a": "x\u0000y"}`, "-"}
	odd := [][]string{
		{"1"}, {"2", "3", "4", "-"}, {"03.02.2020", "02.13.2020", "never", "-"}, {"", "a\xe4b", "a\x00b", "abcdefg", "-"}, {"-"}, {"-"}, joined, joined,
		{"0000-00-00", "2020-02-00", "0000-02-03", "-"}, {"4000000000", "-"}, nul, nul, nul,
	}
	row := cells("1", "1", "2020-02-03", "abc", "2", "2", "2020-02-03 04:05:06", "2020-02-03 04:05:06", "2020-02-03", "7", `{"a": 1}`, `{"a": 1}`, `{"a": 1}`)
	for range 2 {
		i := rapid.IntRange(0, len(row)-1).Draw(t, "odd")
		row[i] = cells(rapid.SampledFrom(odd[i]).Draw(t, "cell"))[0]
	}
	return row
}

func TestHarms(t *testing.T) {
	plain := write(map[string]string{"values": "{1: one}", "formats": `"%Y-%m-%d"`})
	for _, test := range []struct {
		name  string
		edits []string
		want  string
	}{
		{"a policy of dates that cannot have arrived", []string{"day: {sql: day}", "day: {sql: day, zero_date: to_null}"}, ""},
		{"a policy of dates that arrived as texts", []string{"joined_text: {sql: joined}", "joined_text: {sql: joined, zero_date: to_null}"},
			"tables[app.users].columns[joined_text]: zero_date is about dates that have arrived as texts, since nothing was said of them"},
		{"a policy of texts", []string{"note: {sql: note}", "note: {sql: note, too_long: truncate, bad_text: strip}"}, ""},
		{"a value for a NULL that arrived", []string{"note: {sql: note}", "note: {sql: note, if_null: x}"},
			"tables[app.users].columns[note]: if_null has a value for NULL, and the column is NULL in rows that have arrived"},
		{"a value for a NULL that was refused", []string{"size: size", "size: {sql: size, if_null: 0}"}, ""},
		{"a reference", []string{"of: boss}", "of: boss, missing: leave}"}, ""},
		{"a policy of json that stores what it is about", []string{"raw: doc", "raw: {sql: doc, json_nul: strip}"},
			"tables[app.users].columns[raw]: json_nul is about characters that have arrived as they are written, since nothing was said of them"},
		{"a policy of jsonb, which refuses what it is about", []string{"doc: doc", "doc: {sql: doc, json_nul: strip}"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			legacy := &LegacyCatalog{Server: "MariaDB", Tables: []LegacyTable{legacyTable("users", patientLegacy)}}
			legacy.Resolve = &fakeResolver{catalog: legacy}
			var both []*Compiled
			for _, src := range []string{plain, edited(t, plain, test.edits...)} {
				c, _, err := Compile(t.Context(), parsed(t, src), legacy, patientTarget(func(column string) bool { return column == "size" }))
				if err != nil {
					t.Fatal(err)
				}
				both = append(both, c)
			}
			mends, other := Mends(both[0].File, both[1].File)
			if len(mends) == 0 || len(other) > 0 {
				t.Fatalf("%d mends, other differences: %q", len(mends), other)
			}
			if diff := cmp.Diff(test.want, strings.Join(Harms(mends, both[0], both[1]), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTouches(t *testing.T) {
	c := compiled(t)
	for _, test := range []struct {
		mend  Mend
		cause string
		want  bool
	}{
		{Mend{Kind: "values", Entry: 1, Column: "country"}, "values:app.posts.country", true},
		{Mend{Kind: "values", Entry: 1, Column: "country"}, "values:app.posts.source", false},
		{Mend{Kind: "values", Entry: 1, Column: "country"}, "values:app.users.country", false},
		{Mend{Kind: "values", Entry: 1, Column: "country"}, "too_long:app.posts.country", false},
		{Mend{Kind: "unowned", Entry: 1}, "unowned:app.posts", true},
		{Mend{Kind: "unowned", Entry: 1}, "unowned:app.posts_old", false},
		{Mend{Kind: "gather", Entry: 0}, "gather:app.users.nick", true},
		{Mend{Kind: "row_too_wide", Entry: -1}, "row_too_wide:app.tags", true},
		{Mend{Kind: "row_too_wide", Entry: -1}, "", false},
	} {
		if got := test.mend.Touches(c, test.cause); got != test.want {
			t.Errorf("%+v touches %s: %t", test.mend, test.cause, got)
		}
	}
}
