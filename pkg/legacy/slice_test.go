package legacy

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A population is users with children, under one kind of key.
type population struct {
	declaration string // of the key's column
	kind        keyspace.Kind
	keys        []string // SQL of the users' keys
	children    []string // SQL of the children's users
	binary      bool
}

var populations = map[string]population{
	"signed integers": {"INT", keyspace.Integer,
		[]string{"-2147483648", "-5", "-1", "0", "1", "7", "2147483647"},
		[]string{"-5", "-5", "0", "7", "8", "NULL", "2147483647", "-2147483648"}, false},
	"unsigned integers of 64 bits": {"BIGINT UNSIGNED", keyspace.Integer,
		[]string{"0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"},
		[]string{"18446744073709551615", "9223372036854775808", "0", "5", "NULL"}, false},
	"text without case and trailing spaces": {"VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", keyspace.Text,
		[]string{"'A'", "'b'", "'C'", "''", "'é'", "'z''?\\\\'", "'😀'", "'_'"},
		[]string{"'a'", "'a '", "'A'", "'B  '", "'c'", "'E'", "'Z''?\\\\'", "' '", "'x'", "NULL", "'😀'"}, false},
	"latin1 text": {"VARCHAR(40) CHARACTER SET latin1", keyspace.Text,
		[]string{"'a'", "'é'", "'Z'", "'ß'", "'€'"}, []string{"'É'", "'z '", "'SS'", "'€'", "NULL"}, false},
	"uuids as text": {"CHAR(36) CHARACTER SET ascii", keyspace.Text,
		[]string{"'00000000-0000-0000-0000-000000000001'", "'ffffffff-0000-0000-0000-000000000001'", "'80000000-0000-0000-0000-000000000001'"},
		[]string{"'FFFFFFFF-0000-0000-0000-000000000001'", "'80000000-0000-0000-0000-000000000002'", "NULL"}, false},
	"uuids as bytes": {"BINARY(16)", keyspace.Binary,
		[]string{"0x00", "0x20", "0xFF00000000000000000000000000FF", "0x8000", "0x2720"},
		[]string{"0x20", "0x2000", "0xFF00000000000000000000000000FF", "0x01", "NULL"}, false},
	"bytes of any length": {"VARBINARY(20)", keyspace.Binary,
		[]string{"''", "0x00", "0x0000", "0x20", "0xFF27"}, []string{"''", "0x00", "0x2020", "0xFF27", "NULL"}, false},
}

func (p population) fixture(t *testing.T) fixture {
	f := newFixture(t, "CREATE TABLE users (id "+p.declaration+" NOT NULL PRIMARY KEY, rep INT)",
		"CREATE TABLE posts (pid INT AUTO_INCREMENT PRIMARY KEY, uid "+p.declaration+", body TEXT, KEY (uid))")
	f.exec(t, "SET NAMES utf8mb4")
	for i, k := range p.keys {
		f.exec(t, fmt.Sprintf("INSERT INTO users VALUES (%s, %d)", k, i))
	}
	for _, k := range p.children {
		f.exec(t, "INSERT INTO posts (uid) VALUES ("+k+")")
	}
	return f
}

func (p population) users() mapping.Keyspace {
	return mapping.Keyspace{From: "users", Key: "id", Kinds: []keyspace.Kind{p.kind}, Table: "users"}
}

func (p population) posts() *mapping.RowPlan {
	return &mapping.RowPlan{Into: "app.posts", From: "posts", Source: "posts", SourceName: "posts", User: "uid",
		SourceKey: []string{"`posts`.`pid`"}, SourceKinds: []keyspace.Kind{keyspace.Integer}, Select: []string{"uid", "body"}}
}

// told is what the slices of a set of ranges gave.
type told struct {
	units map[string]int // canonical key to how many slices gave it
	rows  map[string]int // row source's key to how often it came
	count int64
}

func (o *told) slice(ctx context.Context, s *Snapshot, p *mapping.RowPlan, slice shard.Slice) error {
	units, err := s.Units(ctx, slice)
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, u := range units {
		o.units[string(u.Canonical())]++
		here[string(u.Canonical())] = true
	}
	n, err := s.Count(ctx, p, slice)
	if err != nil {
		return err
	}
	o.count += n
	return s.Rows(ctx, p, slice, func(r shard.Row) error {
		o.rows[string(r.Key.Canonical())]++
		if n--; n < 0 {
			return fmt.Errorf("%s gives more rows than were counted", slice.Kind)
		}
		if r.Unit == nil || !here[string(r.Unit)] {
			return fmt.Errorf("a row of a unit %q that the slice does not have", r.Unit)
		}
		return nil
	})
}

func TestSlicesTile(t *testing.T) {
	for name, p := range populations {
		t.Run(name, func(t *testing.T) {
			f := p.fixture(t)
			var keys []keyspace.Key
			if err := f.Keys(t.Context(), p.users(), nil, func(k keyspace.Key, _ int) error {
				keys = append(keys, k)
				return nil
			}); err != nil || len(keys) != len(p.keys) {
				t.Fatalf("%d keys, %v", len(keys), err)
			}
			s := f.snapshot(t, Reading{Users: p.users()})
			rapid.Check(t, func(r *rapid.T) {
				tile(r, t.Context(), s, p, keys)
			})
		})
	}
}

// tile cuts the users and the unowned rows at random and looks for a user or a row that is in none or in two of the slices.
func tile(r *rapid.T, ctx context.Context, s *Snapshot, p population, keys []keyspace.Key) {
	out := told{units: map[string]int{}, rows: map[string]int{}}
	for _, part := range keyspace.Chain(cut(r, "users", keys)) {
		slice := shard.Slice{Kind: shard.OfUsers, Range: part}
		if rapid.Bool().Draw(r, "listed") {
			only, err := s.Units(ctx, slice)
			if err != nil {
				r.Fatal(err)
			}
			slice.Only = append([]keyspace.Key{}, only...)
		}
		if err := out.slice(ctx, s, p.posts(), slice); err != nil {
			r.Fatal(err)
		}
	}
	users := out.units
	if len(users) != len(p.keys) || slices.Max(slices.Collect(maps.Values(users))) != 1 {
		r.Fatalf("users %v", users)
	}
	out.units = map[string]int{}
	var rows []keyspace.Key
	for i := range p.children {
		rows = append(rows, keyspace.Key{fmt.Sprint(i + 1)})
	}
	for _, part := range keyspace.Chain(cut(r, "rows", rows)) {
		if err := out.slice(ctx, s, p.posts(), shard.Slice{Kind: shard.Unowned, Entry: p.posts(), Range: part}); err != nil {
			r.Fatal(err)
		}
	}
	if len(out.rows) != len(p.children) || slices.Max(slices.Collect(maps.Values(out.rows))) != 1 || out.count != int64(len(p.children)) {
		r.Fatalf("%d rows were counted, and came: %v", out.count, out.rows)
	}
}

// cut draws some of the keys, in their order.
func cut(r *rapid.T, label string, keys []keyspace.Key) []keyspace.Key {
	var cuts []keyspace.Key
	for _, k := range keys {
		if rapid.Bool().Draw(r, label) {
			cuts = append(cuts, k)
		}
	}
	return cuts
}

func TestOwnersSpelling(t *testing.T) {
	p := populations["text without case and trailing spaces"]
	s := p.fixture(t).snapshot(t, Reading{Users: p.users()})
	got := map[string][]string{}
	if err := s.Rows(t.Context(), p.posts(), shard.Slice{Kind: shard.OfUsers}, func(r shard.Row) error {
		got[string(r.Unit)] = append(got[string(r.Unit)], string(r.Cells[0]))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got["A"])
	if diff := cmp.Diff([]string{"A", "a", "a "}, got["A"]); diff != "" {
		t.Errorf("children of 'A': %s", diff)
	}
}

func TestPlansOfStatements(t *testing.T) {
	for _, name := range []string{"signed integers", "text without case and trailing spaces"} {
		p := populations[name]
		f := p.fixture(t)
		f.exec(t, `SET SESSION sql_mode = ''`)
		expr := "seq"
		if p.kind == keyspace.Text {
			expr = "CONCAT('k', seq)"
		}
		f.exec(t, "INSERT IGNORE INTO users SELECT "+expr+", seq FROM "+sequence(100, 5000),
			"INSERT INTO posts (uid, body) SELECT "+strings.ReplaceAll(expr, "seq", "seq % 5000")+", 'b' FROM "+sequence(1, 20_000), `ANALYZE TABLE users, posts`)
		r := keyspace.Range{After: keyspace.Key{"200"}, Through: keyspace.Key{"300"}}
		if p.kind == keyspace.Text {
			r = keyspace.Range{After: keyspace.Key{"k200"}, Through: keyspace.Key{"k203"}}
		}
		q := question{users: p.users(), plan: p.posts(), kind: shard.OfUsers}
		part, err := within([]string{"id"}, p.users().Kinds, r)
		if err != nil {
			t.Fatal(err)
		}
		list, err := among([]string{"id"}, p.users().Kinds, []keyspace.Key{r.After, r.Through})
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]clause{
			"rows of a range": q.rows(part), "rows of a list": q.rows(list), "the count of a range": q.count(part), "the count of a list": q.count(list),
		} {
			t.Run(name+": "+what+" are read by a range of users and an index of the children", func(t *testing.T) {
				plan := f.explain(t, c)
				if plan["users"] != "range" || plan["posts"] != "ref" {
					t.Errorf("got %v of %s", plan, c.sql)
				}
			})
		}
		unowned := question{users: p.users(), plan: p.posts(), kind: shard.Unowned}
		pids, err := within([]string{"`posts`.`pid`"}, integerKey, keyspace.Range{After: keyspace.Key{"10"}, Through: keyspace.Key{"200"}})
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]clause{
			"unowned rows": unowned.rows(pids), "keys of unowned rows": unowned.units(pids), "the count of unowned rows": unowned.count(pids),
		} {
			t.Run(name+": "+what+" are read by a range of their key and a look at their user", func(t *testing.T) {
				plan := f.explain(t, c)
				if plan["posts"] != "range" || plan["users"] != "eq_ref" && plan["users"] != "unique_subquery" {
					t.Errorf("got %v of %s", plan, c.sql)
				}
			})
		}
		t.Run(name+": weights are read from the children's index alone", func(t *testing.T) {
			part, err := within([]string{"uid"}, p.users().Kinds, r)
			if err != nil {
				t.Fatal(err)
			}
			weigh := q
			weigh.kind = shard.OwnKey
			if plan := f.explain(t, weigh.count(part)); plan["posts"] != "range" {
				t.Errorf("got %v", plan)
			}
		})
	}
}

// explain returns how each table is read.
func (f fixture) explain(t *testing.T, c clause) map[string]string {
	t.Helper()
	explain := "EXPLAIN "
	if !f.version.maria {
		explain = "EXPLAIN FORMAT=TRADITIONAL "
	}
	stmt, err := f.pool.PrepareContext(t.Context(), explain+c.sql)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	rows, err := stmt.QueryContext(t.Context(), c.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	fields, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range fields {
		into[i] = &fields[i]
	}
	out := map[string]string{}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out[fields[slices.Index(columns, "table")].String] = fields[slices.Index(columns, "type")].String
	}
	return out
}
