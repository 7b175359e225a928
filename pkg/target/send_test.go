package target

import (
	"context"
	"errors"
	"testing"

	"rehome/pkg/shard"
)

// growing is a window that has so many of its rows when it is sent for the first time, and then all.
func growing(t *testing.T, tx *Tx, w *shard.Window, steps ...int) error {
	t.Helper()
	all := *w
	for _, tuples := range steps {
		w.Tuples = all.Tuples[:tuples]
		if err := tx.Send(t.Context(), w); err != nil {
			return err
		}
	}
	w.Tuples = all.Tuples
	return tx.Copy(t.Context(), w)
}

func TestSend(t *testing.T) {
	t.Run("a window that is sent while it is made arrives like one that is sent at once", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		raw, tx := begin(t, conn)
		rows := users(0, 30_000)
		w := window(e, rows...)
		must(t, growing(t, tx, w, 0, 1, 200_000, 200_000, 500_001))
		same(t, readBack(t, tx, w), tuples(rows))
		must(t, raw.Commit(t.Context()))
	})
	t.Run("a row that the table refuses is told by the next Send or by Copy, and can be undone", func(t *testing.T) {
		for _, at := range []int{0, 29_999} {
			conn, _ := open(t, people)
			e := plan(t, conn, "app.users", 1, "id", "name")
			_, tx := begin(t, conn)
			must(t, tx.Copy(t.Context(), window(e, users(at, at+1)...)))
			must(t, tx.Savepoint(t.Context()))
			err := growing(t, tx, window(e, users(0, 30_000)...), 100_000, 200_000, 300_000, 400_000)
			if kind, cause := shard.KindOf(err); err == nil || kind != shard.Data || cause != "unique:app.users.users_pkey" {
				t.Fatalf("got %v of kind %s and cause %q", err, kind, cause)
			}
			must(t, tx.Undo(t.Context()))
			w := window(e, users(at+1, at+10)...)
			must(t, tx.Copy(t.Context(), w))
			same(t, readBack(t, tx, w), tuples(users(at+1, at+10)))
		}
	})
	t.Run("of what is given up nothing is left", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		raw, tx := begin(t, conn)
		must(t, tx.Savepoint(t.Context()))
		w := window(e, users(0, 30_000)...)
		w.Tuples = w.Tuples[:300_000]
		must(t, tx.Send(t.Context(), w))
		must(t, tx.Undo(t.Context()))
		must(t, tx.Savepoint(t.Context()))
		w = window(e, users(5, 7)...)
		must(t, tx.Copy(t.Context(), w))
		same(t, readBack(t, tx, w), tuples(users(5, 7)))
		must(t, tx.Seal(t.Context()))
		must(t, raw.Commit(t.Context()))
		if n, err := CountKeys(t.Context(), conn, "app.users"); n != 2 || err != nil {
			t.Errorf("%d rows, %v; want 2", n, err)
		}
	})
	t.Run("who is told to stop in the middle stops", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		must(t, tx.Savepoint(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		w := window(e, users(0, 30_000)...)
		all := w.Tuples
		w.Tuples = all[:300_000]
		must(t, tx.Send(ctx, w))
		cancel()
		w.Tuples = all
		if err := tx.Copy(ctx, w); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if err := tx.Undo(t.Context()); err == nil {
			t.Error("a connection that was cut in the middle of a COPY can be used")
		}
	})
}
