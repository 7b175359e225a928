package queue

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Queued returns the ordinals of the run's shards that have a task in the stream, waiting or leased. What is published or acked
// meanwhile may be in it or not.
func (c *Conn) Queued(ctx context.Context, migration, run string) (map[int]struct{}, error) {
	return c.present(ctx, tasks, migration, run)
}

// Receipted returns the ordinals of the run's shards that have a receipt in the stream, of whatever generation.
func (c *Conn) Receipted(ctx context.Context, migration, run string) (map[int]struct{}, error) {
	return c.present(ctx, receipts, migration, run)
}

// DeadLettered returns the ordinals of the run's shards that have a dead letter in the stream, of whatever generation.
func (c *Conn) DeadLettered(ctx context.Context, migration, run string) (map[int]struct{}, error) {
	return c.present(ctx, dead, migration, run)
}

func (c *Conn) present(ctx context.Context, k kind, migration, run string) (map[int]struct{}, error) {
	if err := checkMigration(migration); err != nil {
		return nil, err
	}
	if err := checkRun(run); err != nil {
		return nil, err
	}
	name := k.stream(migration)
	var info *jetstream.StreamInfo
	err := c.call(ctx, "list what is in stream "+name, func(ctx context.Context) error {
		stream, err := c.js.Stream(ctx, name)
		if err == nil {
			info, err = stream.Info(ctx, jetstream.WithSubjectFilter(k.of(migration, run))) // all pages
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	set := make(map[int]struct{}, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if n, ok := ordinal(subject); ok {
			set[n] = struct{}{}
		}
	}
	return set, nil
}

// A Backlog is the work in the queue.
type Backlog struct {
	Waiting     int  // tasks that nobody holds
	Held        int  // tasks that are leased, or returned and not due yet
	Redelivered int  // of those that are held: handed out more than once
	Paused      bool // nothing is handed out
}

// Backlog returns the work in the migration's queue at this moment.
func (c *Conn) Backlog(ctx context.Context, migration string) (Backlog, error) {
	if err := checkMigration(migration); err != nil {
		return Backlog{}, err
	}
	var consumer jetstream.Consumer
	err := c.call(ctx, "ask for the backlog of migration "+migration, func(ctx context.Context) (err error) {
		consumer, err = c.js.Consumer(ctx, tasks.stream(migration), workers)
		return err
	})
	if err != nil {
		return Backlog{}, err
	}
	info := consumer.CachedInfo()
	return Backlog{Waiting: int(info.NumPending), Held: info.NumAckPending, Redelivered: info.NumRedelivered, Paused: info.Paused}, nil
}
