package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/shard"
)

// PublishTask queues the task unless one for the same shard is queued already; added tells which. The message starts a trace of its
// own, linked to ctx's span, or goes on as the task's Trace says. After an error it may be queued or not; repeating is safe.
func (c *Conn) PublishTask(ctx context.Context, task shard.Task) (added bool, err error) {
	body, err := encode(tasks, task.ID, task)
	if err != nil {
		return false, err
	}
	ctx, span := published(ctx, task, body)
	defer func() { end(span, err) }()
	msg := message(ctx, tasks, task.ID, body)
	err = c.call(ctx, "publish task of shard "+task.String(), func(ctx context.Context) error {
		_, err := c.js.PublishMsg(ctx, msg, absentOnly(task.ID)...)
		return crowded(err)
	})
	if queued(err) {
		return false, nil
	}
	return err == nil, err
}

// PublishReceipt stores the receipt in place of the shard's last one. The message carries ctx's trace, if any, which should be the shard's. Repeating is safe.
func (c *Conn) PublishReceipt(ctx context.Context, r shard.Receipt) error {
	return c.put(ctx, receipts, r.ID, r)
}

// PublishDead stores the dead letter in place of the shard's last one. The message carries ctx's trace, as PublishReceipt's. Repeating is safe.
func (c *Conn) PublishDead(ctx context.Context, d shard.DeadLetter) error {
	return c.put(ctx, dead, d.ID, d)
}

func (c *Conn) put(ctx context.Context, k kind, id shard.ID, what any) (err error) {
	body, err := encode(k, id, what)
	if err != nil {
		return err
	}
	ctx, span := within(ctx, publishing, k, id, size(body))
	defer func() { end(span, err) }()
	msg := message(ctx, k, id, body)
	return c.call(ctx, fmt.Sprintf("publish %s of shard %s", k, id), func(ctx context.Context) error {
		_, err := c.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(k.stream(id.Migration)))
		return crowded(err)
	})
}

// RemoveDead removes the shard's dead letter, of whatever generation; it is no error when there is none.
func (c *Conn) RemoveDead(ctx context.Context, id shard.ID) error {
	if err := check(id); err != nil {
		return fmt.Errorf("remove dead letter: %w", err)
	}
	return c.call(ctx, "remove dead letter of shard "+id.String(), func(ctx context.Context) error {
		stream, err := c.js.Stream(ctx, dead.stream(id.Migration))
		if err != nil {
			return err
		}
		return stream.Purge(ctx, jetstream.WithPurgeSubject(dead.subject(id)))
	})
}

// encode makes the body of a shard's message. One that Decode would refuse is refused here.
func encode(k kind, id shard.ID, what any) ([]byte, error) {
	if err := check(id); err != nil {
		return nil, fmt.Errorf("publish %s: %w", k, err)
	}
	body, err := shard.Encode(what)
	if err != nil {
		return nil, fmt.Errorf("publish %s of shard %s: %w", k, id, err)
	}
	if len(body) > shard.MaxBytes {
		return nil, fmt.Errorf("publish %s of shard %s: it has %d bytes, more than the %d allowed", k, id, len(body), shard.MaxBytes)
	}
	return body, nil
}

// message makes the message of a shard, which carries ctx's trace.
func message(ctx context.Context, k kind, id shard.ID, body []byte) *nats.Msg {
	return &nats.Msg{Subject: k.subject(id), Data: body, Header: inject(ctx)}
}

// absentOnly are the options of a publish that the server refuses when the shard has a task. Unlike Nats-Msg-Id this is no matter of
// a time window, and once the task is acked there is room again, as a republished shard needs it.
func absentOnly(id shard.ID) []jetstream.PublishOpt {
	return []jetstream.PublishOpt{
		jetstream.WithExpectStream(tasks.stream(id.Migration)),
		jetstream.WithExpectLastSequencePerSubject(0),
	}
}

// queued tells whether the server refused a task because there is one already.
func queued(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
