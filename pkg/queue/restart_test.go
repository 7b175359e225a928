package queue

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
)

// waitNext takes a task in the background and delivers its lease, or nil.
func waitNext(t *testing.T, c *Conn) <-chan *Lease {
	t.Helper()
	leases := make(chan *Lease, 1)
	var group errgroup.Group
	group.Go(func() error {
		lease, err := queueOf(t, c).Next(t.Context())
		leases <- lease
		return err
	})
	t.Cleanup(func() {
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
	return leases
}

func got(t *testing.T, leases <-chan *Lease, ordinal int) *Lease {
	t.Helper()
	select {
	case lease := <-leases:
		if lease == nil || lease.Task().Ordinal != ordinal {
			t.Fatalf("lease %+v came, want shard %d", lease, ordinal)
		}
		return lease
	case <-time.After(30 * time.Second):
		t.Fatalf("the task of shard %d does not come", ordinal)
	}
	return nil
}

func requeue(t *testing.T, c *Conn, ordinal int) {
	t.Helper()
	retry(t, func() error {
		_, err := c.PublishTask(t.Context(), task(ordinal))
		return err
	})
}

func TestAKilledServer(t *testing.T) {
	t.Run("who waits for a task gets it when the server is back", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t)
		c := p.connect(t)
		declare(t, c)
		leases := waitNext(t, c)
		p.kill(t)
		if err := c.PublishReceipt(t.Context(), receipt(1)); err == nil {
			t.Error("a receipt is published while the server is away")
		}
		p.start(t)
		requeue(t, c, 1)
		ack(t, got(t, leases, 1))
	})

	t.Run("what was acked stays away, and what was not comes again", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t)
		c := p.connect(t, lapseAfter(time.Second))
		declare(t, c)
		publish(t, c, 1, 2, 3)
		ack(t, next(t, c))
		next(t, c)
		p.kill(t)
		p.start(t)
		seen := map[int]bool{}
		for range 2 {
			lease := next(t, c)
			seen[lease.Task().Ordinal] = true
			retry(t, func() error { return lease.Ack(t.Context()) })
		}
		if want := map[int]bool{2: true, 3: true}; !maps.Equal(seen, want) {
			t.Errorf("shards %v came, want %v", seen, want)
		}
		nothing(t, c, 2*time.Second)
	})

	t.Run("an ack that cannot be sent is an error, and the task comes again", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t)
		c := p.connect(t, lapseAfter(time.Second))
		declare(t, c)
		publish(t, c, 1)
		lease := next(t, c)
		p.kill(t)
		if err := lease.Ack(t.Context()); err == nil {
			t.Error("acked without a server")
		}
		if err := lease.Return(t.Context(), 0); err == nil {
			t.Error("returned without a server")
		}
		p.start(t)
		again := next(t, c)
		ack(t, again)
		ack(t, again)
		if b := backlog(t, c); b != (Backlog{}) {
			t.Errorf("backlog %+v, want none", b)
		}
	})

	t.Run("publishing many through a kill and repeating it queues each once", func(t *testing.T) {
		const many = 3000
		p := startProcess(t)
		c := p.connect(t)
		declare(t, c)
		started, killed := make(chan struct{}), make(chan struct{})
		var group errgroup.Group
		group.Go(func() error {
			_, err := c.PublishTasks(t.Context(), func(yield func(shard.Task) bool) {
				for i := range many {
					if i == many/2 { // in the middle of a batch
						close(started)
						<-killed
					}
					if !yield(task(i)) {
						return
					}
				}
			})
			return err
		})
		<-started
		p.kill(t)
		close(killed)
		if err := group.Wait(); err == nil {
			t.Error("publishing through a kill is no error")
		}
		p.start(t)
		retry(t, func() error {
			_, err := c.PublishTasks(t.Context(), upTo(many))
			return err
		})
		present, err := c.Queued(t.Context(), name, run)
		if err != nil {
			t.Fatal(err)
		}
		if b := backlog(t, c); len(present) != many || b.Waiting != many {
			t.Errorf("%d shards queued, backlog %+v, want %d", len(present), b, many)
		}
	})

	t.Run("receipts go on where they were, none twice", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t)
		c := p.connect(t)
		declare(t, c)
		read := readReceipts(t, c)
		report(t, c, 1, 2)
		comes(t, read, 1, 2)
		p.kill(t)
		p.start(t)
		report(t, c, 3)
		comes(t, read, 3)
	})
}

func TestALostStore(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	c := p.connect(t)
	declare(t, c)
	read := readReceipts(t, c)
	publish(t, c, 1, 2, 3)
	report(t, c, 11, 12, 13)
	comes(t, read, 11, 12, 13)
	held := next(t, c)

	p.kill(t)
	p.wipe(t)
	p.start(t)
	leases := waitNext(t, c)
	retry(t, func() error {
		if _, err := c.Queued(t.Context(), name, run); !Undeclared(err) {
			return errors.Join(errors.New("the streams are not missed"), err)
		}
		return nil
	})
	if err := held.Ack(t.Context()); err == nil {
		t.Error("a task that is lost is acked")
	}
	declare(t, c)
	requeue(t, c, 3)
	report(t, c, 14)
	ack(t, got(t, leases, 3))
	comes(t, read, 14)
}

func TestADeletedConsumerOrStream(t *testing.T) {
	for what, remove := range map[string]func(*testing.T, *Conn) error{
		"consumer": func(t *testing.T, c *Conn) error {
			return c.js.DeleteConsumer(t.Context(), tasks.stream(name), workers)
		},
		"stream": func(t *testing.T, c *Conn) error { return c.Delete(t.Context(), name) },
	} {
		t.Run("who waits goes on when the "+what+" is declared again", func(t *testing.T) {
			t.Parallel()
			c := declared(t)
			leases := waitNext(t, c)
			if err := remove(t, c); err != nil {
				t.Fatal(err)
			}
			declare(t, c)
			publish(t, c, 1)
			ack(t, got(t, leases, 1))
		})
	}
}

func TestStreamsAreMadeAtOnceAfterTheyWereDeleted(t *testing.T) {
	t.Parallel()
	c := declared(t)
	for range 500 { // without the repetition in create some of these fail
		if err := c.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		declare(t, c)
	}
}

func TestWorkThatNobodyHasDoneIsNeverDropped(t *testing.T) {
	c := declared(t)
	for i := range 5 {
		publish(t, c, i)
	}
	want := []int{0, 1, 2, 3, 4}
	// A publish that forgets the condition is refused, where Discard=Old would delete the first.
	body, err := encode(tasks, id(2), task(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.js.PublishMsg(t.Context(), message(t.Context(), tasks, id(2), body)); err == nil {
		t.Error("a second task for the shard is stored")
	}
	present, err := c.Queued(t.Context(), name, run)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(present))); diff != "" {
		t.Error(diff)
	}
}
