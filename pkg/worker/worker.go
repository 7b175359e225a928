// Package worker is the body of the worker program: it takes tasks from the queue, claims their shards in the ledger, has them
// moved and verified in one transaction, and answers for them. The order in which a shard ends (commit, publish the receipt, ack the
// task) stands here and nowhere else. It does not plan, and it runs no DDL.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/queue"
	"rehome/pkg/throttle"
	"rehome/pkg/transfer"
)

// Timing of a worker. A heartbeat that stays out for ledger.DefaultFrozen makes its holder a frozen one.
const (
	beatEvery   = 3 * time.Second
	graceTime   = 20 * time.Second // where the Worker says nothing else
	outageDelay = 2 * time.Second  // before a task comes again that an outage has ended
	busyDelay   = 3 * time.Second  // and one that somebody else works on
	retryDelay  = 500 * time.Millisecond
	lateDelay   = 5 * time.Second  // and one that is too late for the deadline, which may be moved
	lastWords   = 15 * time.Second // for what the ledger and the queue have to be told of a shard
	maxFailures = 3                // of a shard's own, after which it is dead
)

// A Worker serves one migration, once. All fields but Auto, Grace, Quiet, Limits, Watch and Settled are required.
type Worker struct {
	Migration string
	Slots     int  // shards at a time
	Auto      bool // Slots is the most: how many are open the worker finds itself, by how fast rows are moved
	Legacy    *legacy.DB
	Connect   func(context.Context) (*pgx.Conn, error) // a session of the target, one for each slot
	Ledger    *ledger.Ledger                           // over sessions of its own, which the data does not use
	Queue     *queue.Conn
	Log       *slog.Logger
	Version   string
	Grace     time.Duration // for shards in work when the worker is told to stop; 0 is 20 s
	Quiet     bool          // log what went wrong only, as a view shows the rest
	Limits    transfer.Limits

	// Watch has a loop of the worker watched: each calls what it gets for its name with every turn, which nothing but a defect or a frozen
	// process keeps it from for 10 s. May be nil.
	Watch func(loop string) (turn func())

	// Settled is called whenever the ledger holds how the work on a shard has ended, by whichever slot; it has to return at once. May be nil.
	Settled func()

	holder   uuid.UUID
	mappings mappings
	controls controls
	pacer    throttle.Pacer
	meters   *meters
	climb    *climb // nil unless Auto
}

// ErrGone is how Run ends when the ledger does not have the migration any more, as after producer reset.
var ErrGone = errors.New("the ledger does not have the migration any more, as after producer reset")

// Run takes tasks until ctx is done. Then it takes nothing new, gives the shards in work some time to end, rolls back those that do
// not, and gives their tasks back. It returns nil when it was stopped so, and ErrGone when the ledger does not have the migration any more. Meanwhile it goes by what the ledger
// has as the migration's controls.
func (w *Worker) Run(ctx context.Context) error {
	w.holder, w.meters = uuid.New(), newMeters(w.Migration)
	w.meters.begin(ctx)
	defer w.observe()()
	defer collectLess()()
	tasks, err := w.Queue.Tasks(w.Migration)
	if err != nil {
		return err
	}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	there, forget := context.WithCancelCause(ctx)
	defer forget(nil)
	slots, taking := errgroup.WithContext(there)
	w.controls.begin(taking, lasting)
	w.controls.open = w.Slots
	if w.Auto {
		w.climb = newClimb(w.Slots)
		w.controls.open = w.climb.open
	}
	defer w.controls.end()
	if err := w.beat(lasting); err != nil {
		return err
	}
	var loops errgroup.Group
	turning, stop := context.WithCancel(lasting)
	loops.Go(func() error { w.beats(turning, w.turn("beats")); return nil })
	loops.Go(func() error { (&watch{Worker: w, forget: forget}).run(turning, w.turn("controls")); return nil })
	loops.Go(func() error { w.stops(ctx, turning); return nil })
	for range w.Slots {
		slots.Go(func() error {
			s := slot{Worker: w}
			defer s.drop()
			return s.serve(taking, tasks)
		})
	}
	if err = slots.Wait(); ctx.Err() == nil && errors.Is(context.Cause(there), ErrGone) {
		err = ErrGone // what its shards failed of follows from that
	}
	stop()
	_ = loops.Wait() // none of them fails
	w.drained(lasting)
	last, cancelLast := context.WithTimeout(lasting, 5*time.Second)
	defer cancelLast()
	return errors.Join(err, w.Ledger.Retire(last, w.holder))
}

// turn returns what a loop of the name calls with every turn.
func (w *Worker) turn(loop string) func() {
	if w.Watch == nil {
		return func() {}
	}
	return w.Watch(loop)
}
