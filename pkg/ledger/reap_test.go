package ledger

import (
	"bytes"
	"io"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func (b *bench) reap(ordinal int) int {
	b.t.Helper()
	n, err := b.Reap(b.t.Context(), "m", ordinal, DefaultFrozen)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// age makes the holder's last beat a minute older.
func (b *bench) age() {
	b.t.Helper()
	b.exec(`UPDATE rehome.worker SET beat = beat - interval '1 minute' WHERE holder = $1`, b.holder)
}

func TestReap(t *testing.T) {
	t.Run("a holder frozen in the middle of COPY is ended and its shard can be claimed", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.exec(`CREATE TABLE public.users (id int)`)
		b.beat()
		conn, other := b.connect(), b.connect()
		book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))

		read, write := io.Pipe()
		var group errgroup.Group
		group.Go(func() error {
			_, err := conn.PgConn().CopyFrom(t.Context(), read, `COPY public.users FROM STDIN`)
			if err == nil {
				t.Error("the COPY of an ended backend has succeeded")
			}
			return read.CloseWithError(io.ErrClosedPipe)
		})
		// More than the driver's and the kernel's buffers together hold back; then silence.
		group.Go(func() error {
			_, _ = write.Write(bytes.Repeat([]byte("1\n"), 1<<15))
			return nil
		})
		b.waitFor(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY public.users%' AND state = 'active')`)

		b.claim(other, id(m, 0), Busy)
		if n := b.reap(All); n != 0 {
			t.Fatalf("%d holders ended although they beat", n)
		}
		b.age()
		if n := b.reap(1); n != 0 {
			t.Fatalf("%d holders of another shard ended", n)
		}
		if n := b.reap(0); n != 1 {
			t.Fatalf("%d holders ended, want 1", n)
		}
		b.waitFor(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'COPY public.users%')`)
		b.beat()
		b.move(other, id(m, 0), []string{"1", "2"})

		if err := write.Close(); err != nil { // the frozen one wakes up
			t.Fatal(err)
		}
		_ = group.Wait()
		if err := book.Commit(t.Context()); err == nil {
			t.Fatal("the woken holder has committed")
		}
		if n := query[int](b, `SELECT count(*) FROM public.users`); n != 0 {
			t.Fatalf("the woken holder has left %d rows", n)
		}
		if n := query[int](b, `SELECT count(*) FROM rehome.event WHERE what = 'reaped' AND ordinal = 0 AND attempt = 1`); n != 1 {
			t.Fatalf("%d events, want 1", n)
		}
	})
	t.Run("a holder who has retired and is still in a transaction is ended", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.beat()
		conn := b.connect()
		b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		if err := b.Retire(t.Context(), b.holder); err != nil {
			t.Fatal(err)
		}
		if n := b.reap(All); n != 1 {
			t.Fatalf("%d holders ended, want 1", n)
		}
	})
	t.Run("a holder who froze before the server's clock was set back is ended", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.beat()
		conn := b.connect()
		b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		b.exec(`UPDATE rehome.worker SET beat = beat + interval '1 hour'`)
		if workers, err := b.Workers(t.Context(), "m", time.Minute); err != nil || len(workers) != 0 {
			t.Errorf("got %+v, %v of one whose beat lies ahead", workers, err)
		}
		if c, err := b.Controls(t.Context(), "m"); err != nil || c.Busy != 0 {
			t.Errorf("got %+v, %v: one whose beat lies ahead is at work", c, err)
		}
		if n := b.reap(All); n != 1 {
			t.Fatalf("%d holders ended, want 1", n)
		}
	})
	t.Run("a session that only has the pid of a holder is left alone", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.beat()
		conn := b.connect()
		b.claim(conn, id(m, 0), Claimed)
		b.age()
		b.exec(`UPDATE rehome.shard SET holder_started = holder_started - interval '1 hour' WHERE ordinal = 0`)
		run(t, conn, `BEGIN; SELECT 1`)
		if n := b.reap(All); n != 0 {
			t.Fatalf("%d strangers ended", n)
		}
	})
	t.Run("a holder in no transaction is left alone", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.beat()
		conn := b.connect()
		b.claim(conn, id(m, 0), Claimed)
		b.age()
		if n := b.reap(All); n != 0 {
			t.Fatalf("%d holders ended", n)
		}
	})
}

func TestWorkers(t *testing.T) {
	b := newBench(t)
	b.beat()
	b.beat()
	workers, err := b.Workers(t.Context(), "m", time.Minute)
	if err != nil || len(workers) != 1 || workers[0].Holder != b.holder || workers[0].Host != "here" || workers[0].Beat.Before(workers[0].Started) {
		t.Fatalf("got %+v, %v", workers, err)
	}
	b.age()
	if workers, err := b.Workers(t.Context(), "m", 30*time.Second); err != nil || len(workers) != 0 {
		t.Fatalf("got %+v, %v of one who is silent", workers, err)
	}
}
