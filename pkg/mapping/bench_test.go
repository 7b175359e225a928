package mapping

import (
	"testing"

	"rehome/pkg/value"
)

// legacyKinds are the legacy types of the benchmarks' columns, by a short name.
var legacyKinds = map[string]value.LegacyType{
	"int": integer, "varchar": varchar, "char": {Name: "CHAR", Length: 60}, "text": {Name: "TEXT"}, "date": {Name: "DATE"}, "datetime": {Name: "DATETIME"},
	"tinyint": {Name: "TINYINT", Length: 1}, "decimal": {Name: "DECIMAL", Length: 12, Decimals: 2},
}

func limited(name string, n int32) value.TargetType {
	return value.TargetType{Name: name, Kind: 'b', Typmod: n + 4}
}

// A wideColumn is one column of a row as a shop or a forum has it, on both sides, with a value.
type wideColumn struct {
	name, legacy string
	target       value.TargetType
	value        string
}

func plainType(name string) value.TargetType {
	return value.TargetType{Name: name, Kind: 'b', Typmod: -1}
}

// wideColumns are a user of 17 columns and about 430 bytes.
var wideColumns = []wideColumn{
	{"id", "int", int4Type, "734211"},
	{"username", "varchar", limited("character varying", 40), "user_734211"},
	{"email", "varchar", limited("character varying", 80), "user.734211@mail18.example.org"},
	{"password_hash", "char", limited("character", 60), "$2y$10$b1d5781111d84f7b3fe45a0852e59758cd7a87e5827ccb0eea8a7"},
	{"first_name", "varchar", limited("character varying", 40), "Łukasz"},
	{"last_name", "varchar", limited("character varying", 40), "Sürname 4211"},
	{"about", "text", textType, "lives by the sea, reads a lot. lives by the sea, reads a lot. lives by the sea, reads a lot. lives by the sea, reads a lot. "},
	{"website", "varchar", limited("character varying", 100), "https://www.example.org/people/734211"},
	{"location", "varchar", limited("character varying", 60), "São Paulo"},
	{"birthday", "date", plainType("date"), "1998-07-04"},
	{"created_at", "datetime", plainType("timestamp without time zone"), "2009-01-09 11:56:51"},
	{"last_seen", "datetime", plainType("timestamp without time zone"), "2020-01-09 11:56:51"},
	{"reputation", "int", int4Type, "16909"},
	{"views", "int", int4Type, "541"},
	{"is_active", "tinyint", plainType("boolean"), "1"},
	{"score", "decimal", value.TargetType{Name: "numeric", Kind: 'b', Typmod: 10<<16 | 2 + 4}, "1658.07"},
	{"account", "char", uuidType, "a87ff679-a2f3-e71d-9181-a67b7542122c"},
}

// planOf compiles one table with these columns and spells a row of it.
func planOf(t testing.TB, columns []wideColumn) (*RowPlan, []value.Cell) {
	t.Helper()
	src := "name: m\nusers: {from: users, key: id}\ntables:\n  - into: app.users\n    from: users\n    user: id\n    columns:\n"
	var from []LegacyColumn
	var into []TargetColumn
	var row []value.Cell
	for i, c := range columns {
		src += "      " + c.name + ": " + c.name + "\n"
		from = append(from, LegacyColumn{Name: c.name, Type: legacyKinds[c.legacy], Charset: "utf8mb4", Collation: "utf8mb4_general_ci"})
		into = append(into, TargetColumn{Name: c.name, Type: c.target, NotNull: i == 0})
		row = append(row, value.Cell(c.value))
	}
	legacy := &LegacyCatalog{Server: "MariaDB", Tables: []LegacyTable{legacyTable("users", from)}}
	legacy.Resolve = &fakeResolver{catalog: legacy}
	c, _, err := Compile(t.Context(), parsed(t, src), legacy, &TargetCatalog{Server: "PostgreSQL", Tables: []TargetTable{targetTable("users", into...)}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Plans[0], row
}

// socialRows are the rows of a comment and of a setting, 110 bytes on average, with integer keys and with UUIDs.
func socialRows(t testing.TB) map[string]struct {
	plan *RowPlan
	row  []value.Cell
} {
	t.Helper()
	comment, commentRow := planOf(t, []wideColumn{
		{"id", "int", int4Type, "734211"}, {"user_id", "int", int4Type, "61211"}, {"post_id", "int", int4Type, "34211"},
		{"body", "varchar", limited("character varying", 200), "yes, but yes, but yes, but yes, but yes, but "},
		{"created", "datetime", plainType("timestamp without time zone"), "2017-01-09 11:56:51"},
	})
	setting, settingRow := planOf(t, []wideColumn{
		{"id", "int", int4Type, "61211"}, {"name", "varchar", limited("character varying", 40), "setting_4"}, {"value", "varchar", limited("character varying", 100), "value 41"},
	})
	return map[string]struct {
		plan *RowPlan
		row  []value.Cell
	}{
		"comment": {comment, commentRow}, "setting": {setting, settingRow},
		"post with UUIDs":                    {compiled(t).Plans[1], cells("734211", "61211", "-", "Polska")},
		"post with UUIDs, owner of somebody": {compiled(t).Plans[1], cells("734211", "61211", "61211", "Polska")},
	}
}

func BenchmarkEncode(b *testing.B) {
	bench := func(name string, p *RowPlan, row []value.Cell) {
		b.Run(name, func(b *testing.B) {
			e, unit, out := p.NewEncoder(), []byte("61211"), []byte(nil)
			var made Encoded
			b.ReportAllocs()
			for b.Loop() {
				if out, made = e.Encode(out[:0], unit, row); made.Ending != Written {
					b.Fatal(made.Cause)
				}
			}
			b.ReportMetric(float64(len(out)), "bytes/row")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(p.Columns)), "ns/value")
		})
	}
	wide, row := planOf(b, wideColumns)
	bench("wide", wide, row)
	for name, social := range socialRows(b) {
		bench(name, social.plan, social.row)
	}
}

func BenchmarkTuple(b *testing.B) {
	p, row := planOf(b, wideColumns)
	tuple, made := p.NewEncoder().Encode(nil, nil, row)
	if made.Ending != Written {
		b.Fatal(made.Cause)
	}
	other := append([]byte(nil), tuple...)
	b.Run("key", func(b *testing.B) {
		var key []byte
		b.ReportAllocs()
		for b.Loop() {
			key = p.TupleKey(key[:0], tuple)
		}
	})
	b.Run("compare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.Differs(tuple, other) != "(none)" {
				b.Fatal("the tuple differs from itself")
			}
		}
	})
}
