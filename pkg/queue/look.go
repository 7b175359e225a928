package queue

import (
	"context"
	"fmt"
	"time"

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
	start, name := time.Now(), k.stream(migration)
	var info *jetstream.StreamInfo
	stream, err := c.js.Stream(ctx, name)
	if err == nil {
		info, err = stream.Info(ctx, jetstream.WithSubjectFilter(k.of(migration, run)))
	}
	if err != nil {
		return nil, fmt.Errorf("list what is in stream %s: %w", name, c.explain(start, err))
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
	Waiting int  // tasks that nobody holds
	Held    int  // tasks that are leased, or returned and not due yet
	Paused  bool // nothing is handed out
}

// Backlog returns the work in the migration's queue at this moment.
func (c *Conn) Backlog(ctx context.Context, migration string) (Backlog, error) {
	if err := checkMigration(migration); err != nil {
		return Backlog{}, err
	}
	start := time.Now()
	consumer, err := c.js.Consumer(ctx, tasks.stream(migration), workers)
	if err != nil {
		return Backlog{}, fmt.Errorf("ask for the backlog of migration %s: %w", migration, c.explain(start, err))
	}
	info := consumer.CachedInfo()
	return Backlog{Waiting: int(info.NumPending), Held: info.NumAckPending, Paused: info.Paused}, nil
}
