// Package dispatch keeps the queue what the ledger says: it publishes planned shards that no stream holds, mirrors receipts and dead
// letters, and ends the sessions of frozen workers. The ledger is the truth; what is lost here is repaired by the next sweep. It plans
// nothing, moves no row, and does not know when the work is over.
package dispatch

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// Every is how often a Dispatcher is to sweep.
const Every = 5 * time.Second

const (
	idleAfter   = 20 * time.Second // without any worker, before it is said
	fewReceipts = 1000             // that are read again for the asking
	mostListing = time.Minute      // between two listings of everything, whatever they cost
)

// Work is what is planned, and to be in the queue.
type Work struct {
	Tasks func(context.Context) ([]shard.Task, error) // of all shards of it
	Count func(context.Context) (int, error)          // how many these are, which costs less
}

// A Dispatcher sweeps for one migration. All exported fields are required. It is for one goroutine.
type Dispatcher struct {
	Ledger *ledger.Ledger
	Queue  *queue.Conn
	Log    *slog.Logger
	Name   string // of the migration
	Run    string // of its plan

	compared  throttle.Interval // of listing what is planned and what is queued
	mirrored  throttle.Interval // of listing the receipts
	worked    time.Time         // when a worker was last known to be alive
	since     uint64            // transaction behind which no receipt has been looked at yet
	receipted int               // receipts that the stream held then
}

// Sweep repairs what the queue has lost: it publishes those of the planned shards that no stream holds, pauses it or ends its
// pause, mirrors receipts and dead letters, and ends the sessions of frozen workers. While NATS cannot be reached it says so, and the work goes on where it can. An
// error is one of a right on NATS that is missing.
func (d *Dispatcher) Sweep(ctx context.Context, work Work) error {
	err := d.publish(ctx, work)
	if err == nil {
		err = d.pause(ctx)
	}
	if err == nil {
		err = d.mirror(ctx)
	}
	if queue.Denied(err) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		d.Log.WarnContext(ctx, "the queue is not what the ledger says, trying again", "migration", d.Name, "err", err)
	}
	frozen := pausepoint.Wait("frozen", ledger.DefaultFrozen)
	if ended, err := d.Ledger.Reap(ctx, d.Name, ledger.All, frozen); err != nil && ctx.Err() == nil {
		d.Log.WarnContext(ctx, "frozen workers could not be looked for", "migration", d.Name, "err", err)
	} else if ended > 0 {
		d.Log.WarnContext(ctx, "sessions of frozen workers were ended, their shards come again", "migration", d.Name, "sessions", ended)
	}
	d.noticeIdle(ctx)
	return nil
}

// publish lists all that is planned and all that is queued, or, where that takes long, counts both and lists them if something must be missing. Messages
// that are of no use can hide that, but only until a worker has taken them.
func (d *Dispatcher) publish(ctx context.Context, work Work) error {
	d.compared.Most = mostListing
	if !d.compared.Due() {
		if short, err := d.short(ctx, work); err != nil || !short {
			return err
		}
	}
	began := time.Now()
	tasks, err := work.Tasks(ctx)
	if err != nil || len(tasks) == 0 {
		return err
	}
	if err := d.Queue.Declare(ctx, d.Name); err != nil {
		return err
	}
	queued, err := d.Queue.Queued(ctx, d.Name, d.Run)
	if err != nil {
		return err
	}
	d.compared.Asked(began)
	_, err = d.Queue.PublishTasks(ctx, func(yield func(shard.Task) bool) {
		for i, t := range tasks {
			if _, there := queued[t.Ordinal]; there {
				continue
			}
			if i == len(tasks)/2 {
				pausepoint.At("publishing")
			}
			if !yield(t) {
				return
			}
		}
	})
	return err
}

// short reports whether fewer tasks are queued than shards are planned. What is done in between the two questions is not counted as planned.
func (d *Dispatcher) short(ctx context.Context, work Work) (bool, error) {
	backlog, err := d.Queue.Backlog(ctx, d.Name)
	if queue.Undeclared(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	planned, err := work.Count(ctx)
	return backlog.Waiting+backlog.Held < planned, err
}

// mirror publishes the receipts and dead letters that the ledger has and the streams have not. Whose trace they were of is not known here, and they must
// not all become part of ours.
func (d *Dispatcher) mirror(ctx context.Context) error {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if err := d.mirrorDead(ctx); err != nil {
		return err
	}
	d.mirrored.Most = mostListing
	if !d.mirrored.Due() {
		return nil
	}
	began := time.Now()
	if err := d.mirrorReceipts(ctx); err != nil {
		return err
	}
	d.mirrored.Asked(began)
	return nil
}

// mirrorDead asks the stream before the ledger: who has a letter then is dead by then, or was republished or discarded since.
func (d *Dispatcher) mirrorDead(ctx context.Context) error {
	known, err := d.Queue.DeadLettered(ctx, d.Name, d.Run)
	if err != nil {
		return err
	}
	letters, err := d.Ledger.Dead(ctx, d.Name)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		if _, there := known[letter.Ordinal]; !there {
			if err := d.Queue.PublishDead(ctx, letter); err != nil {
				return err
			}
		}
		delete(known, letter.Ordinal)
	}
	for ordinal := range known {
		if err := d.Queue.RemoveDead(ctx, shard.ID{Migration: d.Name, Run: d.Run, Ordinal: ordinal}); err != nil {
			return err
		}
	}
	return nil
}

// mirrorReceipts looks at what has come since the last time, and at everything where the stream holds less than it did: then it was
// made anew. While there are few receipts, a new stream could hold as many by now.
func (d *Dispatcher) mirrorReceipts(ctx context.Context) error {
	known, err := d.Queue.Receipted(ctx, d.Name, d.Run)
	if err != nil {
		return err
	}
	since := d.since
	if len(known) < d.receipted || d.receipted < fewReceipts {
		since = 0
	}
	var missing []shard.Receipt // of a hundred thousand, few; and no session is kept while they are published
	there := func(ordinal, _ int) bool { _, is := known[ordinal]; return is }
	since, err = d.Ledger.ReceiptsSince(ctx, d.Name, since, there, func(receipt *shard.Receipt) error {
		missing = append(missing, *receipt)
		return nil
	})
	if err != nil {
		return err
	}
	for _, receipt := range missing {
		if err := d.Queue.PublishReceipt(ctx, receipt); err != nil {
			return err
		}
	}
	d.since, d.receipted = since, len(known)
	return nil
}

// noticeIdle says so when there is work and nobody to do it, and stops nothing: workers may come.
func (d *Dispatcher) noticeIdle(ctx context.Context) {
	workers, err := d.Ledger.Workers(ctx, d.Name, idleAfter)
	if err != nil || len(workers) > 0 || d.worked.IsZero() {
		d.worked = time.Now()
		return
	}
	if time.Since(d.worked) > idleAfter {
		d.Log.WarnContext(ctx, "no worker is alive: start one with the same TARGET_DSN, LEGACY_DSN and NATS_URL", "migration", d.Name)
		d.worked = time.Now()
	}
}
