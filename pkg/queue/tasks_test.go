package queue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
)

func TestNext(t *testing.T) {
	t.Run("nothing is taken ahead", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		publish(t, c, 1, 2)
		lease := next(t, c)
		if got := lease.Task(); got != task(1) {
			t.Errorf("task %+v, want %+v", got, task(1))
		}
		if b := backlog(t, c); b != (Backlog{Waiting: 1, Held: 1}) {
			t.Errorf("backlog %+v, want 1 waiting and 1 held", b)
		}
		ack(t, lease)
		if b := backlog(t, c); b != (Backlog{Waiting: 1}) {
			t.Errorf("backlog %+v, want 1 waiting", b)
		}
	})

	t.Run("many who take at once share the work, and nobody gets what another holds", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		if _, err := c.PublishTasks(t.Context(), upTo(60)); err != nil {
			t.Fatal(err)
		}
		q := queueOf(t, c)
		var mu sync.Mutex
		seen := map[int]int{}
		var group errgroup.Group
		for range 6 {
			group.Go(func() error {
				for range 10 {
					lease, err := q.Next(t.Context())
					if err != nil {
						return err
					}
					mu.Lock()
					seen[lease.Task().Ordinal]++
					mu.Unlock()
					if err := lease.Ack(t.Context()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 60 {
			t.Errorf("%d of 60 tasks were taken: %v", len(seen), seen)
		}
	})

	t.Run("who stops waiting leaves the next task to others", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		ctx, cancel := context.WithCancel(t.Context())
		var group errgroup.Group
		group.Go(func() error {
			_, err := queueOf(t, c).Next(ctx)
			return err
		})
		waiting := func() error {
			consumer, err := c.js.Consumer(t.Context(), tasks.stream(name), workers)
			if err == nil && consumer.CachedInfo().NumWaiting == 0 {
				err = errors.New("nobody waits")
			}
			return err
		}
		retry(t, waiting)
		cancel()
		if err := group.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		publish(t, c, 1)
		ack(t, next(t, c))
	})

	t.Run("a task that is on its way when the wait ends is given back", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		publish(t, c, 1)
		consumer, err := queueOf(t, c).bind(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*10*time.Microsecond)
			if msg, err := pull(ctx, consumer); err == nil {
				_ = msg.Nak()
			}
			cancel()
		}
		ack(t, next(t, c))
	})

	t.Run("a closed connection ends the wait", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		var group errgroup.Group
		group.Go(func() error {
			_, err := queueOf(t, c).Next(t.Context())
			return err
		})
		c.Close()
		if err := group.Wait(); err == nil {
			t.Error("a task came")
		}
	})
}

func TestLease(t *testing.T) {
	t.Run("one that is not kept lapses, and one that is kept does not", func(t *testing.T) {
		t.Parallel()
		c := declared(t, lapseAfter(500*time.Millisecond))
		publish(t, c, 1)
		next(t, c) // and never heard of again
		lease := next(t, c)
		ctx, drop := context.WithCancel(t.Context())
		var group errgroup.Group
		group.Go(func() error {
			lease.Keep(ctx)
			return nil
		})
		nothing(t, c, 2*time.Second)
		drop()
		_ = group.Wait()
		ack(t, next(t, c))
	})

	t.Run("a returned one comes again, after its delay", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		publish(t, c, 1)
		lease := next(t, c)
		start := time.Now()
		if err := lease.Return(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		lease.Keep(t.Context()) // which is over
		ack(t, next(t, c))
		if took := time.Since(start); took < time.Second {
			t.Errorf("it came after %v", took)
		}
	})

	t.Run("it is acked once, even with a context that is done, and acking again is no error", func(t *testing.T) {
		t.Parallel()
		c := declared(t)
		publish(t, c, 1)
		lease := next(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if err := lease.Ack(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if b := backlog(t, c); b != (Backlog{}) {
			t.Errorf("backlog %+v, want none", b)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	c := declared(t, lapseAfter(500*time.Millisecond))
	publish(t, c, 1, 2)
	held := next(t, c)
	for range 2 {
		if err := c.Pause(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	declare(t, c) // does not lift it
	if b := backlog(t, c); !b.Paused {
		t.Errorf("backlog %+v, want it paused", b)
	}
	nothing(t, c, 1500*time.Millisecond)
	ack(t, held)
	for range 2 {
		if err := c.Resume(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	lease := next(t, c)
	if lease.Task().Ordinal != 2 {
		t.Errorf("task %d came", lease.Task().Ordinal)
	}
	ack(t, lease)
	if err := c.Pause(t.Context(), "other"); !Undeclared(err) {
		t.Errorf("error %v, want one that Undeclared knows", err)
	}
}

func TestForeignMessages(t *testing.T) {
	subject := tasks.subject(id(1))
	for what, msg := range map[string]nats.Msg{
		"no JSON":                   {Subject: subject, Data: []byte("canary")},
		"nothing":                   {Subject: subject},
		"an unknown field":          {Subject: subject, Data: []byte(`{"migration":"community","run":"r1","ordinal":1,"lo":"canary"}`)},
		"a wrong type":              {Subject: subject, Data: []byte(`{"migration":"community","run":"r1","ordinal":"canary"}`)},
		"data after the end":        {Subject: subject, Data: []byte(`{"migration":"community","run":"r1","ordinal":1} canary`)},
		"too much":                  {Subject: subject, Data: []byte(`{"migration":"` + strings.Repeat("x", shard.MaxBytes) + `"}`)},
		"another ordinal":           {Subject: subject, Data: []byte(`{"migration":"community","run":"r1","ordinal":2}`)},
		"another run":               {Subject: subject, Data: []byte(`{"migration":"community","run":"r2","ordinal":1}`)},
		"another migration":         {Subject: subject, Data: []byte(`{"migration":"canary","run":"r1","ordinal":1}`)},
		"a generation below 0":      {Subject: subject, Data: []byte(`{"migration":"community","run":"r1","ordinal":1,"generation":-1}`)},
		"an ordinal with zeros":     {Subject: "rehome.community.shard.r1.01", Data: []byte(`{"migration":"community","run":"r1","ordinal":1}`)},
		"a subject of another form": {Subject: "rehome.community.shard.canary", Data: []byte(`{"migration":"community","run":"r1","ordinal":1}`)},
	} {
		t.Run(what+" is removed, counted and logged without what stands in it", func(t *testing.T) {
			var log bytes.Buffer
			c := declared(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
			if _, err := c.js.PublishMsg(t.Context(), &msg); err != nil {
				t.Fatal(err)
			}
			publish(t, c, 7)
			lease := next(t, c)
			if lease.Task().Ordinal != 7 {
				t.Errorf("task %+v came", lease.Task())
			}
			ack(t, lease)
			if b := backlog(t, c); b != (Backlog{}) || c.Refused() != 1 {
				t.Errorf("backlog %+v, %d refused, want none and 1", b, c.Refused())
			}
			text := strings.ReplaceAll(log.String(), msg.Subject, "")
			if !strings.Contains(text, `"sequence":1`) || strings.Contains(text, "xxx") || strings.Contains(text, `"canary"`) {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestAForgedStatusDoesNotStopTheWork(t *testing.T) {
	t.Parallel()
	c := declared(t)
	// The client takes it for the server's own word, and nobody can remove it but by its subject.
	forged := nats.Msg{Subject: tasks.subject(id(1)), Header: nats.Header{"Status": {"409"}, "Description": {"Consumer Deleted"}}}
	if _, err := c.js.PublishMsg(t.Context(), &forged); err != nil {
		t.Fatal(err)
	}
	publish(t, c, 7)
	ack(t, next(t, c))
}
