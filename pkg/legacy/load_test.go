package legacy

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestThreadsRunning(t *testing.T) {
	f := newFixture(t, `CREATE TABLE wide (id INT PRIMARY KEY, v LONGTEXT)`)
	for id := range 40 { // more than sockets take
		if _, err := f.admin.ExecContext(t.Context(), `INSERT INTO wide VALUES (?, REPEAT('x', 1000000))`, id); err != nil {
			t.Fatal(err)
		}
	}
	running := func() int {
		t.Helper()
		n, err := f.ThreadsRunning(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	idle := running() // the server's own, of which MySQL counts some
	for range 20 {
		idle = min(idle, running()) // the end of a statement before may have been among them
	}

	await := func(t *testing.T, what string, is func(int) bool) {
		t.Helper()
		tick, late := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
		defer tick.Stop()
		for n := running(); !is(n); n = running() {
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%s: %d threads, %d of an idle server", what, n, idle)
			}
		}
	}
	t.Run("a statement that runs counts", func(t *testing.T) {
		conn, err := f.admin.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var asleep errgroup.Group
		asleep.Go(func() error {
			_, err := conn.ExecContext(t.Context(), `DO SLEEP(2)`)
			return err
		})
		await(t, "while a statement runs", func(n int) bool { return n > idle })
		if err := asleep.Wait(); err != nil {
			t.Fatal(err)
		}
		await(t, "when it has ended", func(n int) bool { return n <= idle })
	})
	t.Run("a reader who rests does not", func(t *testing.T) {
		rows, err := f.pool.QueryContext(t.Context(), `SELECT id, v FROM wide`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		await(t, "while a reader rests", func(n int) bool { return n <= idle })
		var waiting int
		if err := f.admin.QueryRowContext(t.Context(), `
			SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND = 'Query' AND ID <> CONNECTION_ID()`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting == 0 {
			t.Error("no statement is open")
		}
	})
}
