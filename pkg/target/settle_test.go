package target

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

func part(t testing.TB, parts []Part, name string) Part {
	t.Helper()
	at := slices.IndexFunc(parts, func(p Part) bool { return p.Name == name })
	if at < 0 {
		t.Fatalf("%s does not come off", name)
	}
	return parts[at]
}

func orphans(t testing.TB, db DB, p Part, key ...string) []Orphan {
	t.Helper()
	var out []Orphan
	for o, err := range Orphans(t.Context(), db, p, key) {
		must(t, err)
		out = append(out, o)
	}
	return out
}

func groups(t testing.TB, db DB, p Part, key ...string) [][]string {
	t.Helper()
	var out [][]string
	for group, err := range Duplicates(t.Context(), db, p, key) {
		must(t, err)
		var keys []string
		for _, k := range group {
			keys = append(keys, string(k))
		}
		slices.Sort(keys)
		out = append(out, keys)
	}
	return out
}

func texts(numbers ...int) (out []string) {
	for _, n := range numbers {
		out = append(out, string(key(n)))
	}
	return out
}

func TestOrphans(t *testing.T) {
	t.Run("pitfall 15: come out of a cycle, one ring after the other, until none is left", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.a (id bigint PRIMARY KEY, b bigint)`,
			`CREATE TABLE app.b (id bigint PRIMARY KEY, a bigint CONSTRAINT b_a REFERENCES app.a)`,
			`ALTER TABLE app.a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES app.b`)
		parts := detachable(t, conn, "app.a", "app.b")
		detach(t, conn, parts)
		// 1 -> 1 -> 2 -> 9, which is not there; 5 and 5 hold each other; 6 refers to nothing.
		run(t, conn, `INSERT INTO app.a VALUES (1, 1), (2, 9), (5, 5), (6, NULL)`, `INSERT INTO app.b VALUES (1, 2), (5, 5)`)
		tx, err := conn.Begin(t.Context())
		must(t, err)
		var taken []string
		for {
			found := 0
			for _, p := range parts {
				var keys [][]byte
				for _, o := range orphans(t, tx, p, "id") {
					keys = append(keys, o.Child)
				}
				found += len(keys)
				must(t, Take(t.Context(), tx, p.Table, []string{"id"}, []string{"id"}, keys, func(key, _ []byte) error {
					taken = append(taken, p.Table+string(key))
					return nil
				}))
			}
			if found == 0 {
				break
			}
		}
		must(t, tx.Commit(t.Context()))
		if diff := cmp.Diff([]string{"app.a" + string(key(2)), "app.b" + string(key(1)), "app.a" + string(key(1))}, taken); diff != "" {
			t.Error(diff)
		}
		attach(t, conn, parts)
	})
	t.Run("name what they need in the referenced column's type, and follow MATCH SIMPLE and FULL", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE EXTENSION citext SCHEMA public`,
			`CREATE TABLE app.p (x int, y public.citext, PRIMARY KEY (x, y))`,
			`CREATE TABLE app.c (id bigint PRIMARY KEY, x bigint, y public.citext,
				CONSTRAINT simple FOREIGN KEY (x, y) REFERENCES app.p, CONSTRAINT whole FOREIGN KEY (y, x) REFERENCES app.p (y, x) MATCH FULL)`)
		parts := detachable(t, conn, "app.p", "app.c")
		detach(t, conn, parts)
		run(t, conn, `INSERT INTO app.p VALUES (1, 'Ann')`,
			`INSERT INTO app.c VALUES (1, 1, 'ANN'), (2, NULL, NULL), (3, 3, NULL), (4, 4, 'bob'), (5, 9000000000, 'x')`)
		simple := orphans(t, conn, part(t, parts, "simple"), "id")
		want := []Orphan{{Child: key(4), Needs: appendFields(nil, [][]byte{int4of(4), []byte("bob")})},
			{Child: key(5), Needs: appendFields(nil, [][]byte{nil, []byte("x")})}}
		if diff := cmp.Diff(want, simple); diff != "" {
			t.Error(diff)
		}
		whole := orphans(t, conn, part(t, parts, "whole"), "id")
		want = []Orphan{{Child: key(3), Needs: appendFields(nil, [][]byte{nil, int4of(3)})},
			{Child: key(4), Needs: appendFields(nil, [][]byte{[]byte("bob"), int4of(4)})},
			{Child: key(5), Needs: appendFields(nil, [][]byte{[]byte("x"), nil})}}
		if diff := cmp.Diff(want, whole); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("end early without an error when the caller has enough", func(t *testing.T) {
		conn, _ := open(t, community...)
		parts := detachable(t, conn, fed...)
		detach(t, conn, parts)
		run(t, conn, `INSERT INTO "My App"."Posts" SELECT n, n, NULL, NULL, n FROM generate_series(1, 3000) AS n`)
		for range Orphans(t.Context(), conn, part(t, parts, "Author"), []string{"Id"}) {
			break
		}
		must(t, conn.Ping(t.Context()))
	})
}

func TestDuplicates(t *testing.T) {
	conn, _ := open(t, append(community,
		`CREATE COLLATION public.folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
		`CREATE TABLE app.names (id bigint PRIMARY KEY, name text)`,
		`CREATE UNIQUE INDEX names_folded ON app.names (name COLLATE public.folded)`)...)
	parts := detachable(t, conn, append(fed, "app.names")...)
	detach(t, conn, parts)
	run(t, conn, `INSERT INTO app.users (id, handle, email, tenant, code, friend) VALUES
		(1, 'Ann', 'a', 1, 1, NULL), (2, 'ANN', 'b', 1, 2, NULL), (3, 'ann', 'A', 0, 3, 7), (4, 'bob', NULL, 2, 4, 8),
		(5, '', NULL, 2, 5, 7), (6, 'BOB', 'c', 2, NULL, 9), (7, 'Bob', 'd', 2, NULL, NULL)`,
		`INSERT INTO app.names VALUES (1, 'Zoe'), (2, 'ZOE'), (3, 'zoé'), (4, NULL), (5, NULL)`)
	for name, want := range map[string][][]string{
		"users_handle": {texts(1, 2), texts(4, 6, 7)}, // over lower(handle), and not beyond the predicate
		"users_email":  nil,
		"users_code":   nil,                           // a NULL in one column makes rows distinct
		"users_friend": {texts(3, 5), texts(1, 2, 7)}, // NULLS NOT DISTINCT
		"names_folded": {texts(1, 2)},
	} {
		t.Run(name+" groups what it would refuse", func(t *testing.T) {
			if diff := cmp.Diff(want, groups(t, conn, part(t, parts, name), "id")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTake(t *testing.T) {
	setup := func(t *testing.T) (*pgx.Conn, pgx.Tx) {
		conn, _ := open(t, people, `INSERT INTO app.users SELECT n, 'u' || n FROM generate_series(1, 10000) AS n`)
		tx, _ := begin(t, conn)
		return conn, tx
	}
	t.Run("passes on each row and deletes just these", func(t *testing.T) {
		conn, tx := setup(t)
		var keys [][]byte
		want := map[string]string{}
		for n := 2; n <= 10_000; n += 2 {
			keys = append(keys, key(n))
			want[string(key(n))] = string(appendTuple(nil, [][]byte{[]byte("u" + strconv.Itoa(n)), int8of(n)}))
		}
		got := map[string]string{}
		must(t, Take(t.Context(), tx, "app.users", []string{"name", "id"}, []string{"id"}, keys, func(key, tuple []byte) error {
			got[string(key)] = string(tuple)
			return nil
		}))
		if !cmp.Equal(want, got) {
			t.Errorf("%d rows came, not the %d asked for", len(got), len(want))
		}
		if n, err := CountKeys(t.Context(), conn, "app.users"); n != 5000 || err != nil {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
	t.Run("is a defect when a key finds no row", func(t *testing.T) {
		_, tx := setup(t)
		err := Take(t.Context(), tx, "app.users", []string{"id"}, []string{"id"}, [][]byte{key(1), key(424242)},
			func(_, _ []byte) error { return nil })
		if kind, _ := shard.KindOf(err); kind != shard.Defect {
			t.Errorf("got %v", err)
		}
	})
	t.Run("refuses to let a cascade take rows that nobody asked for", func(t *testing.T) {
		conn, tx := setup(t)
		run(t, conn, `CREATE TABLE app.notes (id int PRIMARY KEY, "of" int CONSTRAINT notes_of REFERENCES app.users ON DELETE CASCADE)`,
			`INSERT INTO app.notes VALUES (1, 7)`)
		take := func(n int) error {
			return Take(t.Context(), tx, "app.users", []string{"id"}, []string{"id"}, [][]byte{key(n)}, func(_, _ []byte) error { return nil })
		}
		must(t, take(8))
		err := take(7)
		expect(t, err, "rows of app.notes refer to them by notes_of")
		if kind, _ := shard.KindOf(err); kind != shard.Defect {
			t.Errorf("got %v", err)
		}
	})
	t.Run("returns the caller's error", func(t *testing.T) {
		_, tx := setup(t)
		enough := errors.New("enough")
		err := Take(t.Context(), tx, "app.users", []string{"id"}, []string{"id"}, [][]byte{key(1)}, func(_, _ []byte) error { return enough })
		if !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
	})
}
