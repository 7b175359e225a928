package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	pullExpiry    = 30 * time.Second
	pullHeartbeat = time.Second // of the server; two missed ones mean that it has forgotten the request
	retryWait     = time.Second // plus as much of jitter, while there is nothing to consume from
)

// Tasks is the migration's queue as a worker sees it. Any number of goroutines may take from it.
type Tasks struct {
	conn      *Conn
	migration string

	mu       sync.Mutex
	consumer jetstream.Consumer // nil until known, and again after it has failed
}

// Tasks returns the queue of the migration. Its streams need not be there yet. Nothing has to be closed.
func (c *Conn) Tasks(migration string) (*Tasks, error) {
	if err := checkMigration(migration); err != nil {
		return nil, err
	}
	return &Tasks{conn: c, migration: migration}, nil
}

// Next waits for a task and returns its lease; nothing is fetched ahead. It waits through restarts of the server and until streams
// that are not there, or no longer, are declared again. It ends with ctx's error, with one that Denied knows, or when the Conn is
// closed. Messages that are not ours are removed from the queue.
func (t *Tasks) Next(ctx context.Context) (*Lease, error) {
	for fails := 0; ; {
		lease, err := t.watched(ctx)
		switch {
		case err == nil && lease != nil:
			if fails > 0 {
				t.conn.log.Info("tasks can be had again", "migration", t.migration)
			}
			return lease, nil
		case err == nil:
			continue
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for a task of migration %s: %w", t.migration, context.Cause(ctx))
		case Denied(err) || errors.Is(err, jetstream.ErrConnectionClosed) || t.conn.nc.IsClosed():
			return nil, fmt.Errorf("wait for a task of migration %s: %w", t.migration, err)
		}
		if fails++; fails == 1 {
			t.conn.log.Warn("no tasks can be had, trying again", "migration", t.migration, "err", err)
		}
		t.drop()
		if !silent(err) { // which has taken its time
			pause(ctx)
		}
	}
}

// watched is take, ended by what the server refuses.
func (t *Tasks) watched(ctx context.Context) (*Lease, error) {
	guarded, release := t.conn.guard.watch(ctx)
	defer release()
	lease, err := t.take(guarded)
	return lease, explain(guarded, err)
}

// take waits for one message. The lease is nil when the message was not ours.
func (t *Tasks) take(ctx context.Context) (*Lease, error) {
	consumer, err := t.bind(ctx)
	if err != nil {
		return nil, err
	}
	msg, err := pull(ctx, consumer)
	if err != nil {
		return nil, err
	}
	lease := &Lease{conn: t.conn, msg: msg, wait: consumer.CachedInfo().Config.AckWait, released: make(chan struct{})}
	if !t.conn.open(tasks, t.migration, msg, &lease.task, &lease.task.ID) {
		return nil, msg.TermWithReason("not a task of rehome")
	}
	return lease, nil
}

// pull asks the server for one message and waits for it.
func pull(ctx context.Context, consumer jetstream.Consumer) (jetstream.Msg, error) {
	messages, err := consumer.Messages(jetstream.PullMaxMessages(1), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return nil, err
	}
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err == nil {
		messages.Stop()
		return msg, nil
	}
	// A message may be on its way to us. Nobody else would get it before its lease has lapsed.
	messages.Drain()
	for {
		late, over := messages.Next(jetstream.NextMaxWait(time.Second))
		if over != nil {
			return nil, err
		}
		_ = late.Nak()
	}
}

// bind returns the handle of the consumer, which the producer makes.
func (t *Tasks) bind(ctx context.Context) (jetstream.Consumer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.consumer != nil {
		return t.consumer, nil
	}
	err := t.conn.call(ctx, "look up consumer "+workers, func(ctx context.Context) (err error) {
		t.consumer, err = t.conn.js.Consumer(ctx, tasks.stream(t.migration), workers)
		return err
	})
	return t.consumer, err
}

// drop makes the next bind ask again.
func (t *Tasks) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.consumer = nil
}

// pause waits a little, no two processes for the same time.
func pause(ctx context.Context) {
	timer := time.NewTimer(retryWait + rand.N(retryWait))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
