// Package worker is the body of the worker program: it takes tasks from the queue, claims their shards in the ledger, has them
// moved and verified in one transaction, and answers for them. The order in which a shard ends (commit, publish the receipt, ack the
// task) stands here and nowhere else. It does not plan, and it runs no DDL.
package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/transfer"
)

// Timing of a worker. A heartbeat that stays out for ledger.DefaultFrozen makes its holder a frozen one.
const (
	beatEvery   = 3 * time.Second
	graceTime   = 20 * time.Second // where the Worker says nothing else
	outageDelay = 2 * time.Second  // before a task comes again that an outage has ended
	busyDelay   = 3 * time.Second  // and one that somebody else works on
	retryDelay  = 500 * time.Millisecond
	maxFailures = 3 // of a shard's own, after which it is dead
)

// A Worker serves one migration. All fields but Grace, Quiet and Limits are required.
type Worker struct {
	Migration string
	Slots     int // shards at a time
	Legacy    *legacy.DB
	Connect   func(context.Context) (*pgx.Conn, error) // a session of the target, one for each slot
	Ledger    *ledger.Ledger                           // over sessions of its own, which the data does not use
	Queue     *queue.Conn
	Log       *slog.Logger
	Version   string
	Grace     time.Duration // for shards in work when the worker is told to stop; 0 is 20 s
	Quiet     bool          // log what went wrong only, as a view shows the rest
	Limits    transfer.Limits

	holder   uuid.UUID
	mappings mappings
}

// Run takes tasks until ctx is done. Then it takes nothing new, gives the shards in work some time to end, rolls back those that do
// not, and gives their tasks back. It returns nil when it was stopped so.
func (w *Worker) Run(ctx context.Context) error {
	w.holder = uuid.New()
	tasks, err := w.Queue.Tasks(w.Migration)
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(cmp.Or(w.Grace, graceTime), stop) })()
	if err := w.beat(work); err != nil {
		return err
	}
	beats, stopBeats := context.WithCancel(work)
	var group errgroup.Group
	group.Go(func() error { return w.beats(beats) })
	slots, slotCtx := errgroup.WithContext(ctx)
	for range w.Slots {
		slots.Go(func() error {
			s := slot{Worker: w}
			defer s.drop()
			return s.serve(slotCtx, work, tasks)
		})
	}
	err = slots.Wait()
	stopBeats()
	err = errors.Join(err, group.Wait())
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, w.Ledger.Retire(last, w.holder))
}

func (w *Worker) beat(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return w.Ledger.Beat(ctx, ledger.Worker{Holder: w.holder, Migration: w.Migration, Host: host, Program: "worker " + w.Version, Slots: w.Slots})
}

// beats tells the ledger that this process is alive. While the ledger cannot be reached nobody can be reaped through it either.
func (w *Worker) beats(ctx context.Context) error {
	ticker := time.NewTicker(pausepoint.Wait("beat", beatEvery))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := w.beat(ctx); err != nil && ctx.Err() == nil {
				w.Log.WarnContext(ctx, "the ledger does not know that this worker is alive", "migration", w.Migration, "err", err)
			}
		}
	}
}
