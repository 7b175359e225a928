package ledger

import (
	"errors"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestRunLock(t *testing.T) {
	b := newBench(t)
	named, err := url.Parse(b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	values := named.Query()
	values.Set("application_name", "rehome-producer")
	named.RawQuery = values.Encode()
	pool, err := pgxpool.New(t.Context(), named.String())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()

	first, err := Open(pool).Lock(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a second run is told who holds it", func(t *testing.T) {
		_, err := b.Lock(t.Context(), "m")
		locked := (*LockedError)(nil)
		if !errors.As(err, &locked) {
			t.Fatalf("got %v, want a LockedError", err)
		}
		if locked.Migration != "m" || locked.Application != "rehome-producer" || locked.PID != int(first.conn.PgConn().PID()) ||
			locked.Address != "127.0.0.1" || locked.Since.IsZero() {
			t.Fatalf("got %+v", locked)
		}
	})
	t.Run("another migration is free", func(t *testing.T) {
		other, err := b.Lock(t.Context(), "n")
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it ends with its connection, and its holder learns of it", func(t *testing.T) {
		if err := first.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.exec(`SELECT pg_terminate_backend($1)`, int32(first.conn.PgConn().PID()))
		b.waitFor(`SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
		if err := first.Check(t.Context()); err == nil {
			t.Fatal("the holder of a lost lock goes on")
		}
		again, err := b.Lock(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
