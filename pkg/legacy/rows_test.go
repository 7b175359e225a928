package legacy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

var integerKey = []keyspace.Kind{keyspace.Integer}

// one is a plan of a table t with the primary key id, whose rows belong to the users in t itself.
func one(selected ...string) (mapping.Keyspace, *mapping.RowPlan) {
	return mapping.Keyspace{From: "t", Key: "id", Kinds: integerKey, Table: "t"},
		&mapping.RowPlan{Into: "app.t", From: "t", Source: "t", SourceName: "t", User: "id", SourceKey: []string{"`t`.`id`"},
			SourceKinds: integerKey, Select: selected}
}

// cells reads the plan's rows as text, by their keys; NULL is <nil>.
func cells(ctx context.Context, s *Snapshot, p *mapping.RowPlan, slice shard.Slice) (map[string][]string, error) {
	out := map[string][]string{}
	err := s.Rows(ctx, p, slice, func(r shard.Row) error {
		row := []string{}
		for _, c := range r.Cells {
			if c == nil {
				row = append(row, "<nil>")
			} else {
				row = append(row, string(c))
			}
		}
		if r.Cells == nil {
			row = nil
		}
		out[strings.Join(r.Key, ",")] = row
		return nil
	})
	return out, err
}

func TestCells(t *testing.T) {
	f := newFixture(t)
	users, _ := one()
	for declared, values := range both(dialect.cells, map[string][][2]string{
		"FLOAT":                             {{"1234567.75", "1.2345678e+06"}, {"0.1", "0.1"}, {"-0.5", "-0.5"}, {"NULL", "<nil>"}},
		"DOUBLE":                            {{"1234567.75", "1.23456775e+06"}, {"0.1", "0.1"}, {"1e300", "1e+300"}},
		"TINYINT":                           {{"-128", "-128"}, {"127", "127"}},
		"BIGINT UNSIGNED":                   {{"18446744073709551615", "18446744073709551615"}, {"0", "0"}},
		"BIGINT":                            {{"-9223372036854775808", "-9223372036854775808"}},
		"DECIMAL(65,30)":                    {{"-1.5", "-1.500000000000000000000000000000"}},
		"DATE":                              {{"'0000-00-00'", "0000-00-00"}, {"'2020-00-15'", "2020-00-15"}, {"'0009-12-04'", "0009-12-04"}},
		"DATETIME":                          {{"'0000-00-00 00:00:00'", "0000-00-00 00:00:00"}, {"'2020-05-00 10:00:00'", "2020-05-00 10:00:00"}, {"'2020-05-01'", "2020-05-01 00:00:00"}},
		"DATETIME(6)":                       {{"'2020-05-01 10:11:12.000001'", "2020-05-01 10:11:12.000001"}, {"'2020-05-01'", "2020-05-01 00:00:00.000000"}, {"'0000-00-00'", "0000-00-00 00:00:00.000000"}},
		"TIMESTAMP(3) NULL":                 {{"'2020-05-01 10:11:12.120'", "2020-05-01 10:11:12.120"}, {"'0000-00-00'", "0000-00-00 00:00:00.000"}},
		"TIME(2)":                           {{"'-838:59:59'", "-838:59:59.00"}, {"'100:00:00.25'", "100:00:00.25"}, {"'0'", "00:00:00.00"}},
		"TIME":                              {{"'-00:00:01'", "-00:00:01"}, {"'24:00:00'", "24:00:00"}},
		"YEAR":                              {{"0", "0000"}, {"1901", "1901"}, {"2155", "2155"}},
		"BIT(10)":                           {{"b'1000000001'", "\x02\x01"}, {"0", "\x00\x00"}},
		"VARCHAR(10) CHARACTER SET latin1":  {{"_latin1 0xE9", "é"}, {"_latin1 0x80", "€"}, {"''", ""}, {"NULL", "<nil>"}},
		"VARCHAR(10) CHARACTER SET utf8mb4": {{"_utf8mb4 0xF09F9880", "😀"}, {"0x6100", "a\x00"}},
		"VARCHAR(10) CHARACTER SET utf8mb3": {{"_utf8mb4 0xE697A5", "日"}, {"'é'", "é"}},
		"CHAR(5)":                           {{"'ab  '", "ab"}},
		"BINARY(4)":                         {{"0x00FF", "\x00\xff\x00\x00"}},
		"BLOB":                              {{"0x00FF", "\x00\xff"}, {"''", ""}},
		"ENUM('a','b')":                     {{"'b'", "b"}, {"0", ""}},
		"SET('x','y')":                      {{"'y,x'", "x,y"}, {"''", ""}},
		"GEOMETRY":                          {{"POINT(1,2)", "\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\xf0?\x00\x00\x00\x00\x00\x00\x00@"}},
	}) {
		t.Run(pitfallOf[declared]+declared+" arrives as it is stored", func(t *testing.T) {
			f.exec(t, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INT PRIMARY KEY, v "+declared+")")
			want := map[string][]string{}
			for i, v := range values {
				f.exec(t, fmt.Sprintf("INSERT IGNORE INTO t VALUES (%d, %s)", i, v[0]))
				want[fmt.Sprint(i)] = []string{v[1], v[1]}
			}
			_, p := one("v", "t.v")
			got, err := cells(t.Context(), f.snapshot(t, Reading{Users: users}), p, shard.Slice{Kind: shard.OfUsers})
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// pitfallOf are the types that other tools read as what they are not.
var pitfallOf = map[string]string{
	"FLOAT":                             "pitfall 33: ",
	"DATE":                              "pitfall 3: ",
	"DATETIME":                          "pitfall 3: ",
	"VARCHAR(10) CHARACTER SET utf8mb4": "pitfall 28: ",
	"VARCHAR(10) CHARACTER SET utf8mb3": "pitfall 28: ",
}

func TestRowFaults(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))`,
		`INSERT INTO t VALUES (1, '17'), (2, 'secret'), (3, REPEAT('w', 150)), (4, '0000-00-00')`)
	users, _ := one()
	for name, c := range map[string]struct {
		expr, only, cause, says string
		kind                    shard.Failure
	}{
		"pitfall 32: a text cast to a number": {"CAST(v AS SIGNED)", "2", "warning:app.t", "(1292)", shard.Data},
		"pitfall 32: a division by zero":      {"1 / (id - 2)", "2", "warning:app.t", "(1365)", shard.Data},
		"a number out of range":               {"CAST(id AS UNSIGNED) - 5", "2", "", "1690 (22003)", shard.Data},
		"a subquery of several rows":          {"(SELECT v FROM t AS x)", "2", "", "1242 (21000)", shard.Data},
		"pitfall 27: a row that is too wide":  {"v", "3", "row_too_wide:app.t", "max_row_bytes is 100", shard.Data},
		"a column that is not there":          {"gone", "1", "", "Unknown column 'gone'", shard.Schema},
		"a comparison with a zero date":       {"v = '0000-00-00'", "4", "", "", -1},
		"a note, that digits were cast away":  {"CAST('10:11:12.1234567' AS TIME(2))", "1", "", "", -1},
		"a number in a text":                  {"CAST(v AS SIGNED)", "1", "", "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, p := one(c.expr)
			s := f.snapshot(t, Reading{Users: users, MaxRowBytes: 100})
			_, err := cells(t.Context(), s, p, shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{{c.only}}})
			if c.kind == -1 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("nothing was said")
			}
			if kind, cause := shard.KindOf(err); kind != c.kind || cause != c.cause || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s, cause %q: %v", kind, cause, err)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "www") {
				t.Errorf("the error holds a value: %v", err)
			}
			if n, err := s.Count(t.Context(), p, shard.Slice{Kind: shard.OfUsers}); err != nil || n != 4 {
				t.Errorf("the snapshot cannot be read on: %d, %v", n, err)
			}
		})
	}
	t.Run("pitfall 27: what is wider than max_allowed_packet is a fault, not a NULL", func(t *testing.T) {
		f.exec(t, `SET GLOBAL max_allowed_packet = 1048576`)
		t.Cleanup(func() { _, _ = f.admin.Exec(`SET GLOBAL max_allowed_packet = 1073741824`) })
		db, err := Open(t.Context(), f.config)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s, err := db.Snapshot(t.Context(), Reading{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, p := one("REPEAT(v, 20000)")
		_, err = cells(t.Context(), s, p, shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{{"3"}}})
		if kind, cause := shard.KindOf(err); err == nil || kind != shard.Data || cause != "warning:app.t" || !strings.Contains(err.Error(), "(1301)") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an error of the reader comes back as it is, and the snapshot goes on", func(t *testing.T) {
		_, p := one("v")
		s, mine := f.snapshot(t, Reading{Users: users}), errors.New("mine")
		if err := s.Rows(t.Context(), p, shard.Slice{Kind: shard.OfUsers}, func(shard.Row) error { return mine }); err != mine {
			t.Errorf("got %v", err)
		}
		if got, err := cells(t.Context(), s, p, shard.Slice{Kind: shard.OfUsers}); err != nil || len(got) != 4 {
			t.Errorf("%d rows, %v", len(got), err)
		}
	})
	t.Run("a cancelled read is an outage, and the snapshot can be closed", func(t *testing.T) {
		_, p := one("v")
		s := f.snapshot(t, Reading{Users: users})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := cells(ctx, s, p, shard.Slice{Kind: shard.OfUsers})
		if kind, _ := shard.KindOf(err); !errors.Is(err, context.Canceled) || kind != shard.Outage {
			t.Errorf("got %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("pitfall 26: a killed connection is an outage, and the snapshot can be closed", func(t *testing.T) {
		_, p := one("v")
		s := f.snapshot(t, Reading{Users: users})
		id, err := number(t.Context(), s.conn, clause{sql: "SELECT CONNECTION_ID()"})
		if err != nil {
			t.Fatal(err)
		}
		f.exec(t, fmt.Sprintf("KILL %d", id))
		_, err = cells(t.Context(), s, p, shard.Slice{Kind: shard.OfUsers})
		if kind, _ := shard.KindOf(err); err == nil || kind != shard.Outage {
			t.Errorf("got %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSnapshotIsOneMoment(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v INT)`, `INSERT INTO t VALUES (1, 1)`)
	users, p := one("v")
	s := f.snapshot(t, Reading{Users: users})
	f.exec(t, `INSERT INTO t VALUES (2, 2)`, `UPDATE t SET v = 9`)
	got, err := cells(t.Context(), s, p, shard.Slice{Kind: shard.OfUsers})
	if diff := cmp.Diff(map[string][]string{"1": {"1"}}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestManyKeys(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v INT)`, `INSERT INTO t SELECT seq, seq FROM `+sequence(1, 30_000))
	users, p := one("v")
	s := f.snapshot(t, Reading{Users: users})
	slice := shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{}}
	for i := 1; i <= 25_001; i++ {
		slice.Only = append(slice.Only, keyspace.Key{fmt.Sprint(i)})
	}
	t.Run("lists of any length are read whole", func(t *testing.T) {
		got, err := cells(t.Context(), s, p, slice)
		n, err2 := s.Count(t.Context(), p, slice)
		if err != nil || err2 != nil || len(got) != 25_001 || n != 25_001 {
			t.Errorf("%d rows, %d counted, %v, %v", len(got), n, err, err2)
		}
	})
	t.Run("an empty list is no unit, not all of them", func(t *testing.T) {
		slice.Only = []keyspace.Key{}
		if n, err := s.Count(t.Context(), p, slice); err != nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
}
