package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

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

// Process starts the span of the work on the task, in the trace that it was published in. The caller ends it.
func (l *Lease) Process(ctx context.Context) (context.Context, trace.Span) {
	ctx = extract(ctx, l.msg.Headers())
	return tracer().Start(ctx, processing.spanName(tasks, l.task.ID), processing.options(tasks, l.task.ID, size(l.msg.Data()), l.delivered())...)
}

// Lost tells, in the trace of the task, of an earlier work on it whose process has gone and can tell no more: the span that it had from then until it was found
// out. The ctx is the one that Process was given, and may say which ID that span has.
func (l *Lease) Lost(ctx context.Context, from, until time.Time, more ...attribute.KeyValue) {
	_, span := tracer().Start(extract(ctx, l.msg.Headers()), processing.spanName(tasks, l.task.ID),
		append(processing.options(tasks, l.task.ID, more...), trace.WithTimestamp(from))...)
	span.SetStatus(codes.Error, errLost)
	span.End(trace.WithTimestamp(until))
}

const errLost = "its worker is gone, without a word"

// delivered counts the deliveries of the task, this one included.
func (l *Lease) delivered() attribute.KeyValue {
	meta, err := l.msg.Metadata()
	if err != nil {
		return delivery(1) // it has come, so that it is one
	}
	return delivery(meta.NumDelivered)
}

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
func (l *Lease) Ack(ctx context.Context) (err error) {
	l.release()
	ctx, span := within(ctx, acking, tasks, l.task.ID)
	defer func() { end(span, err) }()
	return l.conn.call(context.WithoutCancel(ctx), "ack task of shard "+l.task.String(), func(ctx context.Context) error {
		if err := l.msg.DoubleAck(ctx); !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			return err
		}
		return nil
	})
}

// Return gives the task back, to be delivered again after the delay, and waits until the server has it, at most 5 seconds, even when
// ctx is done. After an error the task is delivered again when the lease lapses.
func (l *Lease) Return(ctx context.Context, delay time.Duration) (err error) {
	l.release()
	ctx, span := within(ctx, returning, tasks, l.task.ID)
	defer func() { end(span, err) }()
	return l.conn.call(context.WithoutCancel(ctx), "return task of shard "+l.task.String(), func(ctx context.Context) error {
		if err := l.msg.NakWithDelay(delay); err != nil {
			return err
		}
		return l.conn.nc.FlushWithContext(ctx)
	})
}

func (l *Lease) release() { l.once.Do(func() { close(l.released) }) }
