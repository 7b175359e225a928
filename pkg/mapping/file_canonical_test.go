package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// whole says everything that a file can say.
const whole = `name: m
namespace: ns
legacy: {dsn: "mysql://h/db", time_zone: UTC, accept_unproved: it is a copy}
target: {dsn: "postgres://h/db", database: app}
users: {from: users, key: [a, b], shard_rows: auto}
waves: [{name: first, where: a < 10, gate: {quarantined: 1%}}, {name: rest}]
stop: {quarantined: 0.5%}
max_row_bytes: 1GiB
zero_date: to_null
partial_date: first
nul_byte: {to: ""}
bad_text: cp1252
out_of_range: clamp
too_long: truncate
json_nul: strip
keep_originals: true
ignore: {b: why, a: why not}
tables:
  - into: app.users
    from: users JOIN profiles ON profiles.user_id = users.id, countries
    user: [a, b]
    where: deleted = 0
    rest: leave
    joins: {profiles: each, countries: lookup}
    many: true
    unowned: leave
    scan: accepted
    triggers: {welcome: fire}
    written_by_target: [updated_at]
    ignore: {z: why}
    zero_date: 1970-01-01
    gather:
      from: meta
      user: user_id
      name: k
      value: v
      columns:
        first_name: first_name
        nick: {of: nickname, steps: [trim], if_null: "", keep_originals: false}
      keep: {into: settings, like: ["wp_%"]}
      leave: {token: why}
      many: last
    columns:
      id: {uuid: user, of: [a, b]}
      country_id: {uuid: country, of: country, missing: to_null}
      kind: {sql: kind, steps: [lower, {date: "%Y"}], values: {2: two, 1: one}, otherwise: {to: none}, if_null: none}
      source: {const: 007}
      raw: CONCAT(a, b)
`

func parsed(t testing.TB, src string) *File {
	t.Helper()
	f, faults := Parse("", []byte(src), nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return f
}

// asStored leaves out what Decode cannot bring back.
var asStored = cmp.Options{cmpopts.IgnoreTypes(Pos{}, Legacy{}, Target{}), cmpopts.IgnoreFields(File{}, "Source", "Stop"), cmpopts.IgnoreFields(Wave{}, "Gate")}

func TestDecodeBringsBackWhatWasSaid(t *testing.T) {
	for name, src := range map[string]string{"everything": whole, "the least": small, "the sample": string(sample(t))} {
		t.Run(name, func(t *testing.T) {
			f := parsed(t, src)
			back, err := Decode(Canonical(f))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f, back, asStored); diff != "" {
				t.Error(diff)
			}
			if Hash(back) != Hash(f) {
				t.Error("the hash has changed")
			}
		})
	}
}

func TestTheHashSaysWhatIsMeant(t *testing.T) {
	for _, test := range []struct{ name, from, to string }{
		{"a comment", "name: m\n", "name: m # the name\n\n\n"},
		{"quotes", "from: meta\n", "from: 'meta'\n"},
		{"white space around an expression", "raw: CONCAT(a, b)", "raw: |\n        CONCAT(a, b)\n"},
		{"the long form of an expression", "raw: CONCAT(a, b)", "raw: {sql: 'CONCAT(a, b)'}"},
		{"the order of keys", "name: m\nnamespace: ns\n", "namespace: ns\nname: m\n"},
		{"the order of values", "{2: two, 1: one}", "{1: one, '2': two}"},
		{"the order of ignore", "{b: why, a: why not}", "{a: why not, b: why}"},
		{"the order of joins", "{profiles: each, countries: lookup}", "{countries: lookup, profiles: each}"},
		{"a default spelled out", "{uuid: user, of: [a, b]}", "{uuid: user, of: [a, b], missing: wait}"},
		{"a size in another unit", "1GiB", "1024 MiB"},
		{"a list of one", `{date: "%Y"}`, `{date: ["%Y"]}`},
		{"another legacy database", "mysql://h/db", "mysql://other/db"},
		{"the limit of quarantine", "0.5%", "0.6%"},
		{"the limit of a gate", "gate: {quarantined: 1%}", "gate: {quarantined: 2%}"},
		{"another target database", "database: app", "database: other"},
	} {
		t.Run(test.name+" does not count", func(t *testing.T) {
			if Hash(parsed(t, replaced(t, test.from, test.to))) != Hash(parsed(t, whole)) {
				t.Error("the hash has changed")
			}
		})
	}
	for _, test := range []struct{ name, from, to string }{
		{"the name", "name: m\n", "name: n\n"},
		{"the namespace", "namespace: ns", "namespace: nt"},
		{"the order of columns", "source: {const: 007}\n      raw: CONCAT(a, b)", "raw: CONCAT(a, b)\n      source: {const: 007}"},
		{"the order of steps", `[lower, {date: "%Y"}]`, `[{date: "%Y"}, lower]`},
		{"how a text is written", "const: 007", "const: 7"},
		{"an expression", "CONCAT(a, b)", "CONCAT(b, a)"},
		{"a new value", "1: one", "1: eins"},
		{"otherwise", "{to: none}", "keep"},
		{"an empty text for NULL", "otherwise: {to: none}, if_null: none", `otherwise: {to: none}, if_null: ""`},
		{"no value for NULL", "otherwise: {to: none}, if_null: none", "otherwise: {to: none}"},
		{"a policy of the file", "too_long: truncate", "too_long: reject"},
		{"a policy of an entry", "zero_date: 1970-01-01", "zero_date: 1970-01-02"},
		{"a policy of a column", "keep_originals: false", "keep_originals: true"},
		{"missing", "missing: to_null", "missing: leave"},
		{"unowned", "unowned: leave", "unowned: migrate"},
		{"a condition", "a < 10", "a < 11"},
		{"a join", "countries: lookup", "countries: each"},
		{"a wave's name", "{name: first", "{name: second"},
		{"a shard's rows", "shard_rows: auto", "shard_rows: 20000"},
		{"gather", "many: last", "many: first"},
	} {
		t.Run(test.name+" counts", func(t *testing.T) {
			if Hash(parsed(t, replaced(t, test.from, test.to))) == Hash(parsed(t, whole)) {
				t.Error("the hash is the same")
			}
		})
	}
}

func replaced(t testing.TB, from, to string) string {
	t.Helper()
	if strings.Count(whole, from) != 1 {
		t.Fatalf("%q stands %d times in the file", from, strings.Count(whole, from))
	}
	return strings.Replace(whole, from, to, 1)
}

func TestTheHashIsTheSameForEver(t *testing.T) {
	// A running migration finds its mapping by this: a new version of rehome must not compute another one.
	const want = "sha256:367aed934f28bd72c39b9b4ec218955ccdf64e8f9637ecde9456a873c77ebc3b"
	if got := Hash(parsed(t, whole)); got != want {
		t.Errorf("got %s of %s", got, Canonical(parsed(t, whole)))
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	canonical := string(Canonical(parsed(t, small)))
	for _, stored := range []string{
		"", "{", canonical + "{}", strings.Replace(canonical, `"name"`, `"future":1,"name"`, 1),
	} {
		if _, err := Decode([]byte(stored)); err == nil {
			t.Errorf("%q is decoded", stored)
		}
	}
}

func TestEveryFileComesBackFromItsCanonicalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		back, err := Decode(Canonical(f))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, back, asStored, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if Hash(f) != Hash(back) {
			t.Fatal("the hash has changed")
		}
	})
}

func drawFile(t *rapid.T) *File {
	text := rapid.String()
	pos := rapid.Custom(func(t *rapid.T) Pos { return Pos{rapid.Int().Draw(t, "line"), rapid.Int().Draw(t, "col")} })
	drawWord := func() Word { return Word{text.Draw(t, "word"), pos.Draw(t, "pos")} }
	drawExpr := func() Expr { return Expr{text.Draw(t, "sql"), pos.Draw(t, "pos")} }
	drawRules := func() Rules {
		r := Rules{Steps: []Step{{Name: text.Draw(t, "step"), Args: []string{text.Draw(t, "arg")}}}}
		if rapid.Bool().Draw(t, "values") {
			r.Values = []Value{{From: text.Draw(t, "from"), To: text.Draw(t, "to")}}
			r.Otherwise = Otherwise{Do: OtherwiseTo, To: text.Draw(t, "otherwise")}
		}
		if rapid.Bool().Draw(t, "if_null") {
			r.IfNull = new(drawWord())
		}
		if rapid.Bool().Draw(t, "policies") {
			r.Policies = Policies{ZeroDate: Policy{Do: PolicyTo, To: text.Draw(t, "date")}, KeepOriginals: new(rapid.Bool().Draw(t, "keep"))}
		}
		return r
	}
	f := &File{
		Name: drawWord(), Namespace: drawWord(), MaxRowBytes: rapid.Int64().Draw(t, "bytes"),
		Users: Users{From: drawExpr(), Key: []Expr{drawExpr()}, ShardRows: rapid.Int().Draw(t, "rows")},
		Waves: []Wave{{Name: drawWord(), Where: new(drawExpr())}, {Name: drawWord()}},
		Stop:  Stop{Quarantined: rapid.Float64Range(0, 100).Draw(t, "share")},
	}
	for range rapid.IntRange(1, 3).Draw(t, "tables") {
		f.Tables = append(f.Tables, Entry{
			Into: drawWord(), From: drawExpr(), User: []Expr{drawExpr(), drawExpr()}, Unowned: UnownedLeave,
			Columns: []Column{
				{Name: text.Draw(t, "name"), SQL: &SQLColumn{drawExpr(), drawRules()}, Pos: pos.Draw(t, "pos")},
				{Name: text.Draw(t, "name"), UUID: &UUID{Entity: drawWord(), Of: []Expr{drawExpr()}, Missing: MissingLeave}},
				{Name: text.Draw(t, "name"), Const: new(drawWord())},
			},
			Gather: &Gather{From: drawExpr(), Columns: []GatherColumn{{Name: text.Draw(t, "name"), Of: drawWord(), Rules: drawRules()}}},
			Ignore: []Reason{{text.Draw(t, "ignored"), text.Draw(t, "why"), pos.Draw(t, "pos")}},
		})
	}
	return f
}
