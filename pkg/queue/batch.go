package queue

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/shard"
)

const (
	batchSize   = 1000 // tasks that the server takes as one, which is written to disk at once; it allows no more
	asyncWindow = 256  // messages that may wait for their PubAck at once, where each is written by itself
)

// Headers by which the server knows the messages of a batch.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// A batch is tasks that are published as one: the server adds all of them, or none.
type batch struct {
	conn     *Conn
	outgoing []outgoing
}

// outgoing is a task that is being published.
type outgoing struct {
	id   shard.ID
	msg  *nats.Msg
	span trace.Span
}

// PublishTasks queues many tasks as PublishTask does one, and returns how many were added; the others were queued already. They go in batches, each of
// which is added at once. At the first error it stops: what was sent by then may be queued or not. Repeating is safe.
func (c *Conn) PublishTasks(ctx context.Context, list iter.Seq[shard.Task]) (added int, err error) {
	ctx, release := c.guard.watch(ctx)
	defer release()
	b := &batch{conn: c}
	send := func() error {
		n, err := b.send(ctx)
		added += n
		return err
	}
	for task := range list {
		body, refused := encode(tasks, task.ID, task)
		if refused != nil {
			return added, errors.Join(refused, send())
		}
		b.add(ctx, task, body)
		if len(b.outgoing) == batchSize {
			if err := send(); err != nil {
				return added, err
			}
		}
	}
	return added, send()
}

func (b *batch) add(ctx context.Context, task shard.Task, body []byte) {
	ctx, span := published(ctx, task, body)
	b.outgoing = append(b.outgoing, outgoing{task.ID, message(ctx, tasks, task.ID, body), span})
}

// send publishes what there is, as one. Where the server refuses the whole, as some of it is queued already, or as it takes no batches of that size, each
// task goes by itself.
func (b *batch) send(ctx context.Context) (added int, err error) {
	list := b.outgoing
	b.outgoing = nil
	if len(list) == 0 {
		return 0, nil
	}
	switch err := b.commit(ctx, list); {
	case err == nil:
		for _, o := range list {
			end(o.span, nil)
		}
		return len(list), nil
	case !refused(err):
		err = fmt.Errorf("publish the tasks of %d shards from %s on: %w", len(list), list[0].id, explain(ctx, err))
		for _, o := range list {
			end(o.span, err)
		}
		return 0, err
	}
	return b.conn.publishEach(ctx, list)
}

// commit sends the messages and waits for the server's word that all of them are stored.
func (b *batch) commit(ctx context.Context, list []outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, asyncWait)
	defer cancel()
	name := rand.Text()
	for i, o := range list {
		msg := nats.Msg{Subject: o.msg.Subject, Data: o.msg.Data, Header: maps.Clone(o.msg.Header)}
		msg.Header.Set(batchID, name)
		msg.Header.Set(batchSequence, strconv.Itoa(i+1))
		msg.Header.Set(jetstream.ExpectedStreamHeader, tasks.stream(o.id.Migration))
		msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, "0")
		if i < len(list)-1 {
			if err := b.conn.nc.PublishMsg(&msg); err != nil {
				return err
			}
			continue
		}
		msg.Header.Set(batchCommit, "1")
		answer, err := b.conn.nc.RequestMsgWithContext(ctx, &msg)
		if err != nil {
			return err
		}
		return committed(answer.Data, len(list))
	}
	return nil
}

// committed reads the server's answer to a batch of so many messages.
func committed(answer []byte, want int) error {
	var ack struct {
		Count int                 `json:"count"`
		Error *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(answer, &ack); {
	case err != nil:
		return fmt.Errorf("read the server's answer to a batch: %w", err)
	case ack.Error != nil:
		return ack.Error
	case ack.Count != want:
		return fmt.Errorf("the server says that it has stored %d of %d messages", ack.Count, want)
	}
	return nil
}

// refused tells whether the server has answered err, so that nothing of the batch is stored.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) || errors.Is(err, nats.ErrNoResponders)
}
