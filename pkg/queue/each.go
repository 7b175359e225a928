package queue

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// A flight is tasks that are published each by itself: those whose PubAck is awaited, oldest first, and what became of the others.
type flight struct {
	conn    *Conn
	waiting []pending
	added   int
	err     error // the first
}

type pending struct {
	outgoing
	future jetstream.PubAckFuture
}

// publishEach publishes the tasks, several under way at once, and returns how many were added; the others were queued already. At the first error it
// stops, but waits for those under way.
func (c *Conn) publishEach(ctx context.Context, list []outgoing) (added int, err error) {
	f := &flight{conn: c}
	for i, o := range list {
		if len(f.waiting) == asyncWindow {
			f.settle(ctx)
		}
		if f.err != nil {
			for _, rest := range list[i:] {
				end(rest.span, f.err)
			}
			break
		}
		f.send(ctx, o)
	}
	for len(f.waiting) > 0 {
		f.settle(ctx)
	}
	return f.added, f.err
}

// send starts the publishing of one task.
func (f *flight) send(ctx context.Context, o outgoing) {
	future, err := f.conn.js.PublishMsgAsync(o.msg, append(absentOnly(o.id), jetstream.WithStallWait(asyncWait))...)
	if err != nil {
		f.fail(o, explain(ctx, err))
		return
	}
	f.waiting = append(f.waiting, pending{o, future})
}

// settle waits for the oldest PubAck. Every one is read: that none is outstanding says nothing about how they ended.
func (f *flight) settle(ctx context.Context) {
	p := f.waiting[0]
	f.waiting = f.waiting[1:]
	var err error
	select {
	case <-p.future.Ok():
		f.added++
	case err = <-p.future.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil || queued(err) {
		end(p.span, nil)
		return
	}
	f.fail(p.outgoing, crowded(explain(ctx, err)))
}

func (f *flight) fail(o outgoing, err error) {
	err = fmt.Errorf("publish task of shard %s: %w", o.id, err)
	end(o.span, err)
	if f.err == nil {
		f.err = err
	}
}
