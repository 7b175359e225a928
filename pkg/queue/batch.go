package queue

import (
	"context"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/shard"
)

// asyncWindow is how many messages may wait for their PubAck at once.
const asyncWindow = 256

// A batch is a publishing of many tasks: those whose PubAck is awaited, oldest first, and what became of the others.
type batch struct {
	conn    *Conn
	waiting []pending
	added   int
	err     error // the first
}

type pending struct {
	id     shard.ID
	span   trace.Span
	future jetstream.PubAckFuture
}

// PublishTasks queues many tasks as PublishTask does one, several under way at once, and returns how many were added; the others
// were queued already. At the first error it stops, but waits for those under way. Repeating is safe.
func (c *Conn) PublishTasks(ctx context.Context, list iter.Seq[shard.Task]) (added int, err error) {
	b := &batch{conn: c}
	ctx, release := c.guard.watch(ctx)
	defer release()
	for task := range list {
		if len(b.waiting) == asyncWindow {
			b.settle(ctx)
		}
		if b.err != nil {
			break
		}
		b.send(ctx, task)
	}
	for len(b.waiting) > 0 {
		b.settle(ctx)
	}
	return b.added, b.err
}

// send starts the publishing of one task.
func (b *batch) send(ctx context.Context, task shard.Task) {
	body, err := encode(tasks, task.ID, task)
	if err != nil {
		b.fail(err)
		return
	}
	ctx, span := published(ctx, task, body)
	future, err := b.conn.js.PublishMsgAsync(message(ctx, tasks, task.ID, body), append(absentOnly(task.ID), jetstream.WithStallWait(asyncWait))...)
	if err != nil {
		err = fmt.Errorf("publish task of shard %s: %w", task.ID, explain(ctx, err))
		end(span, err)
		b.fail(err)
		return
	}
	b.waiting = append(b.waiting, pending{task.ID, span, future})
}

// settle waits for the oldest PubAck. Every one is read: that none is outstanding says nothing about how they ended.
func (b *batch) settle(ctx context.Context) {
	p := b.waiting[0]
	b.waiting = b.waiting[1:]
	var err error
	defer func() { end(p.span, err) }()
	select {
	case <-p.future.Ok():
		b.added++
		return
	case err = <-p.future.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if queued(err) {
		err = nil
		return
	}
	err = fmt.Errorf("publish task of shard %s: %w", p.id, crowded(explain(ctx, err)))
	b.fail(err)
}

func (b *batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}
