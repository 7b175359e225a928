package transfer

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// benchRows is how many users a benchmark's shard has.
const benchRows = 20_000

// A wideColumn is a column of a user as a shop or a forum has it, on both sides, with a value; the key's is another one in each row.
type wideColumn struct {
	name   string
	legacy value.LegacyType
	target value.TargetType
	value  string
}

func varchar(n int64) value.LegacyType {
	return value.LegacyType{Name: "VARCHAR", Length: n}
}

func base(oid uint32, name string) value.TargetType {
	return value.TargetType{OID: oid, Name: name, Kind: 'b', Typmod: -1}
}

func limited(n int32) value.TargetType {
	return value.TargetType{OID: 1043, Name: "character varying", Kind: 'b', Typmod: n + 4}
}

var (
	integer   = value.LegacyType{Name: "INT"}
	timestamp = base(1114, "timestamp without time zone")
	wide      = []wideColumn{
		{"id", integer, base(23, "integer"), ""},
		{"username", varchar(40), limited(40), "user_734211"},
		{"email", varchar(80), limited(80), "user.734211@mail18.example.org"},
		{"password_hash", varchar(60), limited(60), "$2y$10$b1d5781111d84f7b3fe45a0852e59758cd7a87e5827ccb0eea8a7"},
		{"first_name", varchar(40), limited(40), "Łukasz"},
		{"last_name", varchar(40), limited(40), "Sürname 4211"},
		{"about", value.LegacyType{Name: "TEXT"}, base(25, "text"), strings.Repeat("lives by the sea, reads a lot. ", 4)},
		{"website", varchar(100), limited(100), "https://www.example.org/people/734211"},
		{"location", varchar(60), limited(60), "São Paulo"},
		{"birthday", value.LegacyType{Name: "DATE"}, base(1082, "date"), "1998-07-04"},
		{"created_at", value.LegacyType{Name: "DATETIME"}, timestamp, "2009-01-09 11:56:51"},
		{"last_seen", value.LegacyType{Name: "DATETIME"}, timestamp, "2020-01-09 11:56:51"},
		{"reputation", integer, base(23, "integer"), "16909"},
		{"views", integer, base(23, "integer"), "541"},
		{"is_active", value.LegacyType{Name: "TINYINT", Length: 1}, base(16, "boolean"), "1"},
		{"score", value.LegacyType{Name: "DECIMAL", Length: 10, Decimals: 2}, value.TargetType{OID: 1700, Name: "numeric", Kind: 'b', Typmod: 10<<16 | 2 + 4}, "1658.07"},
		{"account", value.LegacyType{Name: "CHAR", Length: 36}, base(2950, "uuid"), "a87ff679-a2f3-e71d-9181-a67b7542122c"},
	}
)

// knowing is a legacy server that knows the types of the columns.
type knowing struct{ answers }

func (k knowing) Resolve(ctx context.Context, query string) (mapping.Resolved, error) {
	out, err := k.answers.Resolve(ctx, query)
	for i, ref := range out.Mentioned {
		if c := columnOf(ref.Column); c >= 0 {
			out.Types[i] = wide[c].legacy
		}
	}
	return out, err
}

// columnOf is the position of the column that an expression names, -1 where it names none.
func columnOf(expr string) int {
	name := strings.Trim(expr[strings.LastIndexByte(expr, '.')+1:], "()`")
	return slices.IndexFunc(wide, func(c wideColumn) bool { return c.name == name })
}

func compileWide(t testing.TB) *mapping.Compiled {
	t.Helper()
	source := "name: wide\nlegacy: {dsn: \"mysql://h/db\"}\ntarget: {dsn: \"postgres://h/db\"}\nusers: {from: users, key: id}\n" +
		"tables:\n  - into: app.users\n    from: users\n    user: id\n    columns:\n"
	from := mapping.LegacyTable{Name: "users", PrimaryKey: []string{"id"}, Indexes: [][]string{{"id"}}}
	into := mapping.TargetTable{Schema: "app", Name: "users", Kind: 'r', Uniques: []mapping.Unique{{Name: "pkey", Columns: []string{"id"}, Primary: true}}}
	for _, c := range wide {
		source += "      " + c.name + ": " + c.name + "\n"
		from.Columns = append(from.Columns, mapping.LegacyColumn{Name: c.name, Type: c.legacy, Charset: "utf8mb4", Collation: "utf8mb4_general_ci"})
		into.Columns = append(into.Columns, mapping.TargetColumn{Name: c.name, Type: c.target, NotNull: c.name == "id"})
	}
	file, faults := mapping.Parse("wide.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	c, _, err := mapping.Compile(t.Context(), file, &mapping.LegacyCatalog{Tables: []mapping.LegacyTable{from}, Resolve: knowing{}}, &mapping.TargetCatalog{Tables: []mapping.TargetTable{into}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A swift source has its rows at once, and keeps none of them.
type swift struct {
	legacy
	keys []keyspace.Key
}

func newSwift() *swift {
	s := &swift{}
	for n := 1; n <= benchRows; n++ {
		s.keys = append(s.keys, keyspace.Key{strconv.Itoa(n)})
	}
	return s
}

func (s *swift) Units(context.Context, shard.Slice) ([]keyspace.Key, error) { return s.keys, nil }

func (s *swift) Counts(context.Context, []*mapping.RowPlan, shard.Slice) ([]shard.Counted, error) {
	return []shard.Counted{{Source: benchRows}}, nil
}

func (s *swift) Rows(_ context.Context, e *mapping.RowPlan, _ shard.Slice, yield func(shard.Row) error) error {
	var row shard.Row
	at := 0
	for i, name := range e.Select {
		column := columnOf(name)
		if row.Cells = append(row.Cells, value.Cell(wide[column].value)); column == 0 {
			at = i
		}
	}
	for _, key := range s.keys {
		row.Unit, row.Key = append(row.Unit[:0], key[0]...), key
		row.Cells[at] = append(row.Cells[at][:0], key[0]...)
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

// A mirror is a target that gives back what it was given.
type mirror struct {
	target
	windows map[*shard.Window][][]byte
	memory  []byte
}

func (m *mirror) Savepoint(context.Context) error { return nil }
func (m *mirror) Undo(context.Context) error      { return nil }
func (m *mirror) Keep(context.Context) error      { return nil }
func (m *mirror) Seal(context.Context) error      { return nil }
func (m *mirror) Finish(context.Context) error    { return nil }

func (m *mirror) Copy(_ context.Context, w *shard.Window) error {
	m.memory = append(m.memory[:0], w.Tuples...)
	m.windows[w] = tuples(&shard.Window{Entry: w.Entry, Tuples: m.memory, Rows: w.Rows})
	return nil
}

func (m *mirror) ReadBack(_ context.Context, w *shard.Window, yield func(int, []byte) error) error {
	for i, tuple := range m.windows[w] {
		if err := yield(i, tuple); err != nil {
			return err
		}
	}
	delete(m.windows, w)
	return nil
}

// BenchmarkMove moves a shard of wide users between a source and a target that take next to no time: it is what a row costs in this process beside reading from
// MariaDB and speaking with PostgreSQL.
func BenchmarkMove(b *testing.B) {
	m := Mover{Mapping: compileWide(b)}
	src, tgt := newSwift(), &mirror{windows: map[*shard.Window][][]byte{}}
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rows := 0
	for b.Loop() {
		receipt, err := m.Move(b.Context(), users(), 1, src, tgt, &book{})
		if err != nil {
			b.Fatal(err)
		}
		if receipt.Tables[0].Written != benchRows {
			b.Fatalf("%d rows were written, of %d; causes %v", receipt.Tables[0].Written, benchRows, receipt.Causes)
		}
		rows += benchRows
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rows), "allocs/row")
}
