package dispatch

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"rehome/pkg/queue"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// dispatcher is one of the migration, with a NATS of its own.
func (b *bench) dispatcher() (*Dispatcher, *queue.Conn) {
	b.Helper()
	server, err := queue.Embed(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Close)
	conn, err := queue.Connect(b.Context(), queue.Options{URL: server.URL(), Token: server.Token(), Name: b.Name()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(conn.Close)
	m, err := b.ledger.Load(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	return &Dispatcher{Ledger: b.ledger, Queue: conn, Log: slog.New(slog.DiscardHandler), Name: "bench", Run: m.Run}, conn
}

func TestWhatIsQueuedIsListedSeldomWhereThatTakesLong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d, conn := b.dispatcher()
	listed := 0
	work := Work{
		Tasks: func(ctx context.Context) ([]shard.Task, error) {
			listed++
			return b.ledger.Next(ctx, "bench", 0)
		},
		Count: func(ctx context.Context) (int, error) { return b.ledger.CountNext(ctx, "bench", 0) },
	}
	sweep := func(lists, queued int) {
		t.Helper()
		listed = 0
		if err := d.Sweep(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		backlog, err := conn.Backlog(t.Context(), "bench")
		if err != nil || listed != lists || backlog.Waiting+backlog.Held != queued {
			t.Fatalf("listed %d times, %+v, %v", listed, backlog, err)
		}
	}
	long := func() {
		d.compared = throttle.Interval{}
		d.compared.Asked(time.Now().Add(-time.Hour))
	}
	sweep(1, 1)
	d.compared = throttle.Interval{} // it is due again
	sweep(1, 1)
	long()
	sweep(0, 1)

	tasks, err := conn.Tasks("bench")
	if err != nil {
		t.Fatal(err)
	}
	lease, err := tasks.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sweep(0, 1)
	if err := lease.Ack(t.Context()); err != nil { // the task is lost, as nobody has done it
		t.Fatal(err)
	}
	sweep(1, 1)
	long()
	if err := conn.Delete(t.Context(), "bench"); err != nil {
		t.Fatal(err)
	}
	sweep(1, 1)
}
