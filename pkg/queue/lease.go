package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/shard"
)

// A Lease is a task in our hands until it is acked or returned, or until nothing has been heard of us for the lease's time. It does
// not keep others out, the ledger does. Nor are its methods fenced: one that has lapsed acts on the next holder's lease, and after the
// queue was lost and filled again even on another shard's. So ack only what the ledger has as done; it also knows what to queue again.
type Lease struct {
	conn *Conn
	msg  jetstream.Msg
	task shard.Task
	wait time.Duration // until it lapses

	once     sync.Once
	released chan struct{}
}

// Task returns what is to be done.
func (l *Lease) Task() shard.Task { return l.task }

// Context returns ctx with the trace that the task was published in.
func (l *Lease) Context(ctx context.Context) context.Context { return extract(ctx, l.msg.Headers()) }

// Keep keeps the lease from lapsing, until it is acked or returned or ctx is done. Where that cannot be said to the server the lease
// may lapse, which is not an error: somebody else is given the task.
func (l *Lease) Keep(ctx context.Context) {
	ticker := time.NewTicker(l.wait / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.released:
			return
		case <-ticker.C:
			_ = l.msg.InProgress()
		}
	}
}

// Ack removes the task from the queue and waits for the server's word that it is gone, at most 5 seconds, even when ctx is done. After
// an error it may be gone or not: Ack may be repeated, and a task that is still there is delivered again.
func (l *Lease) Ack(ctx context.Context) error {
	l.release()
	return l.conn.call(context.WithoutCancel(ctx), "ack task of shard "+l.task.String(), func(ctx context.Context) error {
		if err := l.msg.DoubleAck(ctx); !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return err
		}
		return nil
	})
}

// Return gives the task back, to be delivered again after the delay, and waits until the server has it, at most 5 seconds, even when
// ctx is done. After an error the task is delivered again when the lease lapses.
func (l *Lease) Return(ctx context.Context, delay time.Duration) error {
	l.release()
	return l.conn.call(context.WithoutCancel(ctx), "return task of shard "+l.task.String(), func(ctx context.Context) error {
		if err := l.msg.NakWithDelay(delay); err != nil {
			return err
		}
		return l.conn.nc.FlushWithContext(ctx)
	})
}

func (l *Lease) release() { l.once.Do(func() { close(l.released) }) }
