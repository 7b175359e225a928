package legacy

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

const gatherMapping = `
name: m
legacy: {dsn: "mysql://h/db"}
target: {dsn: "postgres://h/db"}
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    gather:
      from: meta
      user: uid
      name: name
      value: value
      columns: {town: town}
      keep: {into: settings, like: ["k%"]}
      leave: {token: worthless}
    columns: {id: id, rep: rep}
    ignore: {mid: drawn anew}
`

// gathering compiles the mapping, edited, against the fixture's tables and a target that has what it needs.
func gathering(t *testing.T, f fixture, edits ...string) *mapping.Compiled {
	t.Helper()
	source := strings.NewReplacer(edits...).Replace(gatherMapping)
	file, faults := mapping.Parse("m.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	from, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, jsonb := value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}, value.TargetType{OID: 3802, Name: "jsonb", Kind: 'b', Typmod: -1}
	id := text
	if strings.Contains(from.Table("users").Column("id").Type.Name, "BINARY") {
		id = value.TargetType{OID: 17, Name: "bytea", Kind: 'b', Typmod: -1}
	}
	c, _, err := mapping.Compile(t.Context(), file, from, &mapping.TargetCatalog{Tables: []mapping.TargetTable{{
		Schema: "app", Name: "users", Kind: 'r', Uniques: []mapping.Unique{{Name: "pkey", Columns: []string{"id"}, Primary: true}},
		Columns: []mapping.TargetColumn{{Name: "id", Type: id, NotNull: true}, {Name: "rep", Type: text}, {Name: "town", Type: text}, {Name: "settings", Type: jsonb}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withAttributes makes tables of users and their attributes, who have a key of the type.
func withAttributes(t *testing.T, declaration string) fixture {
	f := newFixture(t, "CREATE TABLE users (id "+declaration+" NOT NULL PRIMARY KEY, rep INT)",
		"CREATE TABLE meta (mid INT AUTO_INCREMENT PRIMARY KEY, uid "+declaration+", name VARCHAR(100) COLLATE utf8mb4_bin, value LONGTEXT, KEY (uid))")
	f.exec(t, "SET NAMES utf8mb4")
	return f
}

// gathered is what came of a plan that gathers, by the unit.
type gathered struct {
	Cells string
	shard.Attributes
}

func gatheredRows(t *testing.T, s *Snapshot, p *mapping.RowPlan, slice shard.Slice, into map[string]gathered) error {
	return s.Rows(t.Context(), p, slice, func(r shard.Row) error {
		if _, twice := into[string(r.Unit)]; twice {
			t.Errorf("%s came twice", r.Unit)
		}
		into[string(r.Unit)] = gathered{string(slices.Concat(r.Cells...)), r.Attributes}
		clear(r.Cells)
		return nil
	})
}

func TestAttributesComeWithTheirUsersRow(t *testing.T) {
	f := withAttributes(t, "INT")
	f.exec(t, `INSERT INTO users VALUES (1, 10), (2, 20), (3, NULL), (5, 50)`, `INSERT INTO meta (mid, uid, name, value) VALUES
		(9, 1, 'town', 'Ulm'), (8, 1, 'kb', '8'), (7, 1, 'ka', '7'), (6, 1, 'token', 'x'),
		(5, 2, 'Town', 'Ulm'), (4, 2, 'TOKEN', 'x'), (3, 2, 'token', 'x'),
		(10, 5, 'town', NULL), (11, 5, 'k', ''), (12, 4, 'town', 'Bonn'), (13, NULL, 'kx', 'y'), (14, 5, 'token', 'x')`)
	c := gathering(t, f)
	s := f.snapshot(t, Reading{Users: c.Keys})
	got := map[string]gathered{}
	if err := gatheredRows(t, s, c.Plans[0], shard.Slice{Kind: shard.OfUsers}, got); err != nil {
		t.Fatal(err)
	}
	want := map[string]gathered{
		"1": {`110Ulm{"ka":"7","kb":"8"}`, shard.Attributes{Rows: 4, Gathered: 3, LeftOut: 1}},
		"2": {`220{}`, shard.Attributes{Rows: 3, LeftOut: 1, Cause: "gather:app.users", Key: keyspace.Key{"4"}, Name: "TOKEN"}},
		"3": {`3{}`, shard.Attributes{}},
		"5": {`550{"k":""}`, shard.Attributes{Rows: 3, Gathered: 2, LeftOut: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	t.Run("those of nobody are rows of the attribute table", func(t *testing.T) {
		all, err := cells(t.Context(), s, c.Plans[1], shard.Slice{Kind: shard.Unowned, Entry: c.Plans[1]})
		if diff := cmp.Diff(map[string][]string{"12": nil, "13": nil}, all); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("no other is, since each user is a row that takes them in", func(t *testing.T) {
		if all, err := cells(t.Context(), s, c.Plans[1], shard.Slice{Kind: shard.OfUsers}); err != nil || len(all) > 0 {
			t.Error(err, all)
		}
	})
}

func TestAttributesOfOneNameComeInTheOrderOfTheirKeys(t *testing.T) {
	f := withAttributes(t, "INT")
	// In InnoDB an index of the user alone has rows of one user in that order by chance.
	f.exec(t, `INSERT INTO users VALUES (1, 10)`, `ALTER TABLE meta MODIFY mid VARCHAR(10) COLLATE utf8mb4_general_ci, ENGINE = MyISAM`,
		`INSERT INTO meta (mid, uid, name, value) VALUES ('b', 1, 'k', '2'), ('A', 1, 'k', '1'), ('é', 1, 'k', '4'), ('D', 1, 'k', '3'), ('F', 1, 'k', '5')`)
	c := gathering(t, f, "columns: {town: town}", "many: array", "leave: {token: worthless}", "")
	got := map[string]gathered{}
	if err := gatheredRows(t, f.snapshot(t, Reading{Users: c.Keys}), c.Plans[0], shard.Slice{Kind: shard.OfUsers}, got); err != nil {
		t.Fatal(err)
	}
	if want := `110{"k":["1","2","3","4","5"]}`; got["1"].Cells != want {
		t.Errorf("got %s", got["1"].Cells)
	}
}

// TestEachAttributeIsCountedOnce lets plain SQL and Go say what should come, for every kind of key, condition and part.
func TestEachAttributeIsCountedOnce(t *testing.T) {
	names := []string{"town", "k1", "k2", "token"}
	for name, p := range populations {
		t.Run(name, func(t *testing.T) {
			f := withAttributes(t, p.declaration)
			f.exec(t, "ALTER TABLE meta ADD UNIQUE (uid, name)")
			rapid.Check(t, func(rt *rapid.T) {
				f.exec(t, "DELETE FROM users", "DELETE FROM meta")
				for i, k := range p.keys {
					if rapid.Bool().Draw(rt, "user") {
						f.exec(t, fmt.Sprintf("INSERT INTO users VALUES (%s, %d)", k, i))
					}
				}
				for _, k := range slices.Concat(p.keys, p.children) {
					for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(rt, "attributes") {
						f.exec(t, fmt.Sprintf("INSERT IGNORE INTO meta (uid, name, value) VALUES (%s, '%s', 'v')", k, name))
					}
				}
				var edits []string
				if rapid.Bool().Draw(rt, "where") {
					edits = []string{"    columns: {id:", "    where: rep > 2\n    columns: {id:"}
				}
				c := gathering(t, f, edits...)
				s, err := f.Snapshot(t.Context(), Reading{Users: c.Keys})
				if err != nil {
					rt.Fatal(err)
				}
				defer s.Close()
				slice := shard.Slice{Kind: shard.OfUsers}
				units, err := s.Units(t.Context(), slice)
				if err != nil {
					rt.Fatal(err)
				}
				if rapid.Bool().Draw(rt, "only") {
					slice.Only = slices.Clone(rapid.Permutation(units).Draw(rt, "units"))
					slice.Only = slice.Only[:len(slice.Only)/2]
				} else if len(units) > 2 {
					slice.Range = keyspace.Range{After: units[0], Through: units[len(units)-2]}
				}
				checkAttributes(t, rt, f, s, c, slice)
			})
		})
	}
}

// checkAttributes compares what the slice gives with what the tables hold.
func checkAttributes(t *testing.T, rt *rapid.T, f fixture, s *Snapshot, c *mapping.Compiled, slice shard.Slice) {
	users, meta := c.Plans[0], c.Plans[1]
	units, err := s.Units(t.Context(), slice)
	if err != nil {
		rt.Fatal(err)
	}
	got := map[string]gathered{}
	if err := gatheredRows(t, s, users, slice, got); err != nil {
		rt.Fatal(err)
	}
	n, err := s.Count(t.Context(), meta, slice)
	if err != nil {
		rt.Fatal(err)
	}
	left, err := s.LeftOut(t.Context(), meta, slice)
	if err != nil {
		rt.Fatal(err)
	}
	var sum shard.Attributes
	for _, g := range got {
		sum.Rows, sum.Gathered, sum.LeftOut = sum.Rows+g.Rows, sum.Gathered+g.Gathered, sum.LeftOut+g.LeftOut
		if want := strings.Count(g.Cells, "v"); int64(want) != g.Gathered {
			rt.Errorf("%s: %d gathered", g.Cells, g.Gathered)
		}
	}
	if sum.Rows+left != n || sum.Gathered+sum.LeftOut != sum.Rows {
		rt.Errorf("of %d rows came %+v, and %d are left out", n, sum, left)
	}
	for _, unit := range units {
		args, err := unit.Args(c.Keys.Kinds)
		if err != nil {
			rt.Fatal(err)
		}
		var taken bool
		var rows, tokens int64
		query := "SELECT COALESCE(" + orTrue(users.Where) + ", FALSE), (SELECT COUNT(*) FROM meta WHERE uid = id), " +
			"(SELECT COUNT(*) FROM meta WHERE uid = id AND name = 'token') FROM users WHERE id = ?"
		if err := f.pool.QueryRowContext(t.Context(), query, args...).Scan(&taken, &rows, &tokens); err != nil {
			rt.Fatal(err)
		}
		g, came := got[string(unit.Canonical())]
		want := shard.Attributes{Rows: rows, Gathered: rows - tokens, LeftOut: tokens}
		if came != taken || came && !cmp.Equal(g.Attributes, want) {
			rt.Errorf("%s: came %v, want %v: %+v, want %+v", unit, came, taken, g.Attributes, want)
		}
	}
}

func orTrue(condition string) string {
	if condition == "" {
		return "TRUE"
	}
	return condition
}

func TestAttributesWhoseUserHasNoRow(t *testing.T) {
	f := withAttributes(t, "INT")
	f.exec(t, `CREATE TABLE people (id INT PRIMARY KEY, wanted INT)`, `INSERT INTO people VALUES (1, 1), (2, 0), (3, NULL), (4, 1), (6, 1)`,
		`INSERT INTO users VALUES (1, 10), (2, 20), (3, 30), (5, 50)`,
		`INSERT INTO meta (mid, uid, name, value) VALUES (1, 1, 'town', 'Ulm'), (2, 2, 'k', 'x'), (3, 3, 'k', 'x'), (4, 4, 'k', 'x'), (5, 4, 'k2', 'x'), (6, 5, 'k', 'x')`)
	c := gathering(t, f, "users: {from: users, key: id}", "users: {from: people, key: id}", "    columns: {id:", "    where: id NOT IN (3, 5)\n    columns: {id:", "ignore: {mid: drawn anew}\n", "ignore: {mid: drawn anew}\nignore: {people: the keys alone}\n")
	s := f.snapshot(t, Reading{Users: c.Keys})
	slice := shard.Slice{Kind: shard.OfUsers, Where: "wanted IS NULL OR wanted = 1"}
	got, err := cells(t.Context(), s, c.Plans[1], slice)
	if diff := cmp.Diff(map[string][]string{"4": nil, "5": nil}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if n, err := s.LeftOut(t.Context(), c.Plans[1], slice); err != nil || n != 1 {
		t.Errorf("left out are %d: %v", n, err)
	}
	if n, err := s.Count(t.Context(), c.Plans[1], slice); err != nil || n != 4 {
		t.Errorf("there are %d: %v", n, err)
	}
	if n, err := s.LeftOut(t.Context(), c.Plans[1], shard.Slice{Kind: shard.Unowned, Entry: c.Plans[1]}); err != nil || n != 0 {
		t.Errorf("left out of those of nobody are %d: %v", n, err)
	}
}

// crowd makes users from 1 on, each with the same attributes.
func crowd(t *testing.T, f fixture, users int, value string) {
	f.exec(t, `INSERT INTO users SELECT seq, seq FROM `+sequence(1, users),
		`INSERT INTO meta (uid, name, value) SELECT id, 'town', `+value+` FROM users`, `INSERT INTO meta (uid, name, value) SELECT id, 'k', id FROM users`)
}

func TestUsersOfAnySizeAreGatheredInBatches(t *testing.T) {
	f := withAttributes(t, "INT")
	// 1,200 users of 10 bytes; some of 3 MiB next to each other, first and last among them; one far above what is read at once.
	crowd(t, f, 1200, "'0123456789'")
	f.exec(t, `UPDATE meta SET value = REPEAT('x', 3 << 20) WHERE name = 'town' AND uid IN (1, 2, 128, 129, 500, 501, 502, 1200)`,
		`UPDATE meta SET value = REPEAT('x', 9 << 20) WHERE name = 'town' AND uid IN (300, 301)`)
	c := gathering(t, f)
	for name, slice := range map[string]shard.Slice{
		"all":           {Kind: shard.OfUsers},
		"a range":       {Kind: shard.OfUsers, Range: keyspace.Range{After: keyspace.Key{"127"}, Through: keyspace.Key{"502"}}},
		"some of them":  {Kind: shard.OfUsers, Only: []keyspace.Key{{"502"}, {"1"}, {"301"}, {"300"}, {"7"}, {"2000"}}},
		"nobody at all": {Kind: shard.OfUsers, Range: keyspace.Range{After: keyspace.Key{"1200"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.snapshot(t, Reading{Users: c.Keys})
			units, err := s.Units(t.Context(), slice)
			if err != nil {
				t.Fatal(err)
			}
			came := map[string]bool{}
			err = s.Rows(t.Context(), c.Plans[0], slice, func(r shard.Row) error {
				unit := string(r.Unit)
				came[unit] = true
				if n := len(r.Cells[2]); n != 10 && n != 3<<20 && n != 9<<20 || string(r.Cells[3]) != `{"k":"`+unit+`"}` || r.Attributes.Gathered != 2 {
					t.Errorf("user %s: %d bytes, %s, %+v", unit, n, r.Cells[3], r.Attributes)
				}
				return nil
			})
			if err != nil || len(came) != len(units) {
				t.Errorf("%d of %d users came: %v", len(came), len(units), err)
			}
		})
	}
	t.Run("of a list that one statement cannot hold", func(t *testing.T) {
		slice := shard.Slice{Kind: shard.OfUsers}
		for i := range listSize + 500 {
			slice.Only = append(slice.Only, keyspace.Key{fmt.Sprint(listSize + 500 - i)})
		}
		got := map[string]gathered{}
		if err := gatheredRows(t, f.snapshot(t, Reading{Users: c.Keys}), c.Plans[0], slice, got); err != nil || len(got) != 1200 {
			t.Errorf("%d users came: %v", len(got), err)
		}
		for unit, g := range got {
			if g.Gathered != 2 {
				t.Errorf("user %s: %+v", unit, g.Attributes)
			}
		}
	})
}

func TestGatheringTakesAsMuchMemoryForManyAsForFew(t *testing.T) {
	f := withAttributes(t, "INT")
	crowd(t, f, 150, "REPEAT('x', 1 << 20)")
	c := gathering(t, f)
	s := f.snapshot(t, Reading{Users: c.Keys})
	var most uint64
	n := 0
	err := s.Rows(t.Context(), c.Plans[0], shard.Slice{Kind: shard.OfUsers}, func(r shard.Row) error {
		if clear(r.Cells); n%10 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		n++
		return nil
	})
	if err != nil || n != 150 || most > 40<<20 {
		t.Errorf("%d users of 1 MiB each took %d MiB: %v", n, most>>20, err)
	}
}

func TestAttributesThatAreTooWide(t *testing.T) {
	f := withAttributes(t, "INT")
	f.exec(t, `INSERT INTO users VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 123456)`, `INSERT INTO meta (uid, name, value) VALUES (5, 'town', REPEAT('w', 94)),
		(1, 'town', REPEAT('w', 101)), (2, 'town', REPEAT('w', 60)), (2, 'k', REPEAT('w', 60)), (3, 'town', REPEAT('w', 80)), (3, 'k', ''), (4, 'token', REPEAT('w', 60)), (4, 'town', REPEAT('w', 60))`)
	c := gathering(t, f)
	for only, wide := range map[string]bool{"1": true, "2": true, "3": false, "4": false, "5": true} {
		s := f.snapshot(t, Reading{Users: c.Keys, MaxRowBytes: 100})
		err := gatheredRows(t, s, c.Plans[0], shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{{only}}}, map[string]gathered{})
		if kind, cause := shard.KindOf(err); (err != nil) != wide || wide && (kind != shard.Data || cause != "row_too_wide:app.users") {
			t.Errorf("user %s: got %s, cause %q: %v", only, kind, cause, err)
		}
		if err != nil && strings.Contains(err.Error(), "www") {
			t.Errorf("the error holds a value: %v", err)
		}
		if n, err := s.Count(t.Context(), c.Plans[1], shard.Slice{Kind: shard.OfUsers}); err != nil || n != 8 {
			t.Errorf("the snapshot cannot be read on: %d, %v", n, err)
		}
	}
}

func TestFaultsWhileAttributesAreRead(t *testing.T) {
	f := withAttributes(t, "INT")
	crowd(t, f, 300, "'secret'")
	t.Run("a warning", func(t *testing.T) {
		c := gathering(t, f, "value: value", "value: CAST(CAST(value AS SIGNED) AS CHAR)")
		err := gatheredRows(t, f.snapshot(t, Reading{Users: c.Keys}), c.Plans[0], shard.Slice{Kind: shard.OfUsers}, map[string]gathered{})
		if kind, cause := shard.KindOf(err); kind != shard.Data || cause != "warning:app.users" || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("got %s, cause %q: %v", kind, cause, err)
		}
	})
	t.Run("an error of the reader comes back as it is, and the snapshot goes on", func(t *testing.T) {
		c := gathering(t, f)
		s, mine, n := f.snapshot(t, Reading{Users: c.Keys}), errors.New("mine"), 0
		err := s.Rows(t.Context(), c.Plans[0], shard.Slice{Kind: shard.OfUsers}, func(shard.Row) error {
			if n++; n == 200 {
				return mine
			}
			return nil
		})
		if err != mine {
			t.Errorf("got %v", err)
		}
		got := map[string]gathered{}
		if err := gatheredRows(t, s, c.Plans[0], shard.Slice{Kind: shard.OfUsers}, got); err != nil || len(got) != 300 {
			t.Errorf("got %d, %v", len(got), err)
		}
	})
	t.Run("a table that is gone", func(t *testing.T) {
		c := gathering(t, f)
		f.exec(t, "DROP TABLE meta")
		err := gatheredRows(t, f.snapshot(t, Reading{Users: c.Keys}), c.Plans[0], shard.Slice{Kind: shard.OfUsers}, map[string]gathered{})
		if kind, _ := shard.KindOf(err); kind != shard.Schema || !strings.Contains(fmt.Sprint(err), "read the attributes in meta for app.users") {
			t.Errorf("got %s: %v", kind, err)
		}
	})
}
