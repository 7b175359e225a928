package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/mapping"
)

const people = `CREATE SCHEMA app; CREATE TABLE app.users (id bigint PRIMARY KEY, name text)`

func TestReadBack(t *testing.T) {
	t.Run("passes on each row of each of 64k windows exactly once, as it was sent", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		for first := 0; first < 200_000; first += 65_536 {
			rows := users(first, min(first+65_536, 200_000))
			w := window(e, rows...)
			must(t, tx.Copy(t.Context(), w))
			must(t, tx.Finish(t.Context()))
			same(t, readBack(t, tx, w), tuples(rows))
		}
	})
	t.Run("finds windows that were all copied before the first is read back", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		low, high := users(0, 700), users(700, 1000)
		first, second := window(e, low...), window(e, high...)
		must(t, tx.Copy(t.Context(), first))
		must(t, tx.Copy(t.Context(), second))
		same(t, readBack(t, tx, second), tuples(high))
		same(t, readBack(t, tx, first), tuples(low))
	})
	t.Run("finds rows that went into free space of older pages", func(t *testing.T) {
		conn, _ := open(t, people, `INSERT INTO app.users SELECT n, repeat('y', 100) FROM generate_series(1, 20000) AS n`,
			`DELETE FROM app.users WHERE id % 3 = 0`, `VACUUM app.users`)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		rows := users(100_000, 108_000)
		w := window(e, rows...)
		must(t, tx.Copy(t.Context(), w))
		var behind int64
		must(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM app.users WHERE id >= 100000 AND ctid < `+tx.marks[w].first()).Scan(&behind))
		if behind == 0 {
			t.Fatal("the test proves nothing: no row went into an older page")
		}
		same(t, readBack(t, tx, w), tuples(rows))
	})
	t.Run("tells rows of concurrent transactions apart", func(t *testing.T) {
		conn, config := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		group, ctx := errgroup.WithContext(t.Context())
		for worker := range 2 {
			own := session(t, config)
			group.Go(func() error { return copyInTurns(ctx, own, e, worker*100_000) })
		}
		must(t, group.Wait())
	})
	t.Run("finds rows under nested savepoints, and none that were undone", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		raw, tx := begin(t, conn)
		must(t, tx.Copy(t.Context(), window(e, users(0, 10)...)))
		must(t, tx.Savepoint(t.Context()))
		undone := window(e, users(10, 20)...)
		must(t, tx.Copy(t.Context(), undone))
		must(t, tx.Savepoint(t.Context()))
		if err := tx.Copy(t.Context(), window(e, users(0, 1)...)); err == nil {
			t.Fatal("a duplicate key was copied")
		}
		must(t, tx.Undo(t.Context()))
		rows := users(20, 5000)
		w := window(e, rows...)
		must(t, tx.Savepoint(t.Context()))
		must(t, tx.Copy(t.Context(), w))
		must(t, tx.Keep(t.Context()))
		same(t, readBack(t, tx, w), tuples(rows))
		must(t, tx.Undo(t.Context()))
		if got := readBack(t, tx, undone); len(got) > 0 {
			t.Errorf("%d undone rows were read back", len(got))
		}
		if len(tx.marks) != 1 {
			t.Errorf("%d windows are held, want the one that was neither undone nor read back", len(tx.marks))
		}
		must(t, raw.Commit(t.Context()))
		if n, err := CountKeys(t.Context(), conn, "app.users"); n != 10 || err != nil {
			t.Errorf("%d rows, %v; want 10", n, err)
		}
	})
	t.Run("shows what a BEFORE trigger made of a row", func(t *testing.T) {
		conn, _ := open(t, people, `CREATE FUNCTION app.shout() RETURNS trigger LANGUAGE plpgsql
			AS $$ BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$`,
			`CREATE TRIGGER shout BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.shout()`)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		w := window(e, [][]byte{int8of(1), []byte("ann")})
		must(t, tx.Copy(t.Context(), w))
		same(t, readBack(t, tx, w), []string{string(appendTuple(nil, [][]byte{int8of(1), []byte("ANN")}))})
	})
	t.Run("shows what a deferred trigger made of a row once Finish has run it", func(t *testing.T) {
		conn, _ := open(t, people, `CREATE FUNCTION app.late() RETURNS trigger LANGUAGE plpgsql
			AS $$ BEGIN UPDATE app.users SET name = 'late' WHERE id = NEW.id; RETURN NULL; END $$`,
			`CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.late()`)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		w := window(e, [][]byte{int8of(1), nil})
		must(t, tx.Copy(t.Context(), w))
		must(t, tx.Finish(t.Context()))
		same(t, readBack(t, tx, w), []string{string(appendTuple(nil, [][]byte{int8of(1), []byte("late")}))})
	})
	t.Run("passes fewer rows when a key is not there", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		w := window(e, users(1, 4)...)
		must(t, tx.Copy(t.Context(), w))
		run(t, conn, `UPDATE app.users SET id = 99 WHERE id = 1`)
		if got := readBack(t, tx, w); len(got) != 2 {
			t.Errorf("%d rows, want 2", len(got))
		}
	})
	t.Run("returns the caller's error and leaves the session usable", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		w := window(e, users(1, 400)...)
		must(t, tx.Copy(t.Context(), w))
		enough := errors.New("enough")
		if err := tx.ReadBack(t.Context(), w, func(int, []byte) error { return enough }); !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
		must(t, tx.Finish(t.Context()))
	})
	t.Run("follows keys of several columns, by the index's own operators", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE EXTENSION citext SCHEMA public`,
			`CREATE TYPE app.kind AS ENUM ('a', 'b')`, `CREATE DOMAIN app.tag AS char(4)`,
			`CREATE TABLE app.tags (name public.citext, kind app.kind, tag app.tag, n int, note text, PRIMARY KEY (kind, name, tag))`)
		e := plan(t, conn, "app.tags", 3, "name", "kind", "tag", "n")
		_, tx := begin(t, conn)
		rows := [][][]byte{
			{[]byte("Ann"), []byte("a"), []byte("x   "), int4of(1)},
			{[]byte("Ann"), []byte("b"), []byte("x   "), nil},
			{[]byte("Bob"), []byte("a"), []byte("yyyy"), int4of(3)},
		}
		w := window(e, rows...)
		must(t, tx.Copy(t.Context(), w))
		run(t, conn, `UPDATE app.tags SET n = n`) // moves nothing away: all are found by page
		same(t, readBack(t, tx, w), tuples(rows))
		same(t, readBack(t, tx, w), tuples(rows)) // without its mark: all are found by key
		found, err := tx.Existing(t.Context(), e, [][]byte{
			appendFields(nil, [][]byte{[]byte("bob"), []byte("a"), []byte("yyyy")}), appendFields(nil, rows[1][:3]),
			appendFields(nil, [][]byte{[]byte("Bob"), []byte("b"), []byte("yyyy")}),
		})
		must(t, err)
		if len(found) != 2 {
			t.Errorf("found %d keys, want 2: a citext is equal in any case", len(found))
		}
	})
	t.Run("reads a partitioned table by key", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.users (id bigint PRIMARY KEY, name text) PARTITION BY HASH (id)`,
			`CREATE TABLE app.users_0 PARTITION OF app.users FOR VALUES WITH (MODULUS 2, REMAINDER 0)`,
			`CREATE TABLE app.users_1 PARTITION OF app.users FOR VALUES WITH (MODULUS 2, REMAINDER 1)`)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		rows := users(0, 10_000)
		w := window(e, rows...)
		must(t, tx.Copy(t.Context(), w))
		same(t, readBack(t, tx, w), tuples(rows))
	})
}

// copyInTurns copies small windows in one transaction, so that two of them share many pages, and compares each.
func copyInTurns(ctx context.Context, conn *pgx.Conn, e *mapping.RowPlan, first int) error {
	return pgx.BeginFunc(ctx, conn, func(pgx.Tx) error {
		tx := NewTx(conn)
		for from := first; from < first+50_000; from += 500 {
			rows := users(from, from+500)
			w := window(e, rows...)
			if err := tx.Copy(ctx, w); err != nil {
				return err
			}
			var got []string
			if err := tx.ReadBack(ctx, w, func(_ int, tuple []byte) error { got = append(got, string(tuple)); return nil }); err != nil {
				return err
			}
			slices.Sort(got)
			if !slices.Equal(got, tuples(rows)) {
				return fmt.Errorf("window from %d: %d rows came back, not the ones that were sent", from, len(got))
			}
		}
		return nil
	})
}

func same(t testing.TB, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows were read back of %d", len(got), len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(strings.ToValidUTF8(diff[:min(len(diff), 2000)], "?"))
	}
}
