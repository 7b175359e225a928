package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/throttle"
)

// Timing of a watch.
const (
	lookEvery   = 500 * time.Millisecond
	lookTimeout = 3 * time.Second
	lightEvery  = 5 * time.Second // while a claim was late
	blindLong   = 5 * time.Second // after which it is said that the controls cannot be read
	waitedLong  = 3 * time.Second // that a wait for rows makes a worker count as limited
)

// A watch reads the controls again and again and gives the worker its orders. It is for one goroutine.
type watch struct {
	*Worker
	forget context.CancelCauseFunc // called when the ledger does not have the migration any more

	read *ledger.Controls // nil while they were never read
	at   time.Time        // when it was asked for them

	blind  time.Time // since when they cannot be read; zero while they can
	blamed bool      // that was said
	share  throttle.Share
	shared time.Time // when share was looked at
	waited time.Duration
	slowed time.Time // when rows were last waited for
	stood  time.Time // since when all stands still; zero while it does not
	light  time.Time // when it was asked for the lightest shard
	late   bool      // nothing that is left would end before the deadline
	told   string    // the last thing that was said of the pace

	stretch sighted // since the last step of the climb

	counted time.Time // until when time was counted to the reason of a slower pace
}

// run looks until ctx is done.
func (w *watch) run(ctx context.Context, turn func()) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		w.look(ctx)
		turn()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.controls.ask:
		}
	}
}

// look reads the controls and gives the order that follows. While they cannot be read those of before hold, and grow old.
func (w *watch) look(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	began := time.Now()
	read, err := w.Ledger.Controls(asking, w.Migration)
	if errors.Is(err, ledger.ErrNotFound) {
		w.forget(ErrGone)
		return
	}
	w.sight(ctx, err)
	if err == nil {
		w.changed(ctx, read)
		w.read, w.at = read, began
		w.lateness(asking)
	}
	if w.read == nil {
		return
	}
	s := w.state()
	o := s.order()
	w.pace(&s, &o)
	w.controls.obey(o)
	w.climbs(&s, &o, time.Now())
	w.held(ctx, &s, &o)
	w.say(ctx, &o)
	if w.controls.saw(w.read.Version, o.slow) {
		nudge(w.controls.tell)
	}
}

// sight says when the controls cannot be read for a while, and when they can again.
func (w *watch) sight(ctx context.Context, err error) {
	switch {
	case err == nil && w.blamed:
		w.Log.InfoContext(ctx, "the controls can be read again", "migration", w.Migration)
		fallthrough
	case err == nil:
		w.blind, w.blamed = time.Time{}, false
	case ctx.Err() != nil:
	case w.blind.IsZero():
		w.blind = time.Now()
	case !w.blamed && time.Since(w.blind) >= blindLong:
		w.blamed = true
		w.Log.WarnContext(ctx, "the controls cannot be read, the last that were known hold on", "migration", w.Migration, "err", err)
	}
}

// changed says what the operator has changed, and forgets what followed from what was before.
func (w *watch) changed(ctx context.Context, read *ledger.Controls) {
	if w.read != nil && w.read.Version == read.Version {
		return
	}
	w.late, w.light = false, time.Time{}
	w.controls.timely()
	if w.Quiet || read.Version == 0 {
		return
	}
	deadline := "none"
	if !read.Deadline.IsZero() {
		deadline = read.Deadline.UTC().Format(time.RFC3339)
	}
	w.Log.InfoContext(ctx, "the controls are", "migration", w.Migration, "version", read.Version, "paused", read.Paused, "limits", read.Limits.String(),
		"deadline", deadline)
}

// lateness tells, while there is a deadline, how fast shards are where this worker has done none, and whether one that is left would end in time.
func (w *watch) lateness(ctx context.Context) {
	if w.read.Deadline.IsZero() {
		return
	}
	if w.controls.speed.perRow() == 0 {
		if rows, took, err := w.Ledger.Speed(ctx, w.Migration); err == nil {
			w.controls.speed.add(rows, took)
		}
	}
	if !w.controls.isLate() || time.Since(w.light) < lightEvery {
		return
	}
	w.light = time.Now()
	if weight, found, err := w.Ledger.Lightest(ctx, w.Migration); err == nil {
		if part := w.part(); part > 0 {
			weight = min(weight, part) // of what is heavier, a part would end
		}
		w.late = found && w.read.Left-ledger.Ahead <= time.Duration(weight)*w.perRow()
	}
}

func (w *watch) state() state {
	s := state{Controls: w.read, age: time.Since(w.at), busy: w.controls.inWork(), slots: w.slots(), tooLate: w.late}
	if waited := w.pacer.Waited(); waited > w.waited {
		w.waited, w.slowed = waited, time.Now()
	}
	s.waited = !w.slowed.IsZero() && time.Since(w.slowed) < waitedLong
	if s.gauge().Pace > 0 {
		w.stood = time.Time{}
	} else if w.stood.IsZero() {
		w.stood = time.Now()
	}
	if !w.stood.IsZero() {
		s.stood = time.Since(w.stood)
	}
	return s
}

// pace sets how fast rows are read.
func (w *watch) pace(s *state, o *order) {
	now := time.Now()
	w.share.See(now.Sub(w.shared), s.busy, s.Busy)
	w.shared = now
	rows := float64(throttle.Unlimited)
	if s.Limits.Rows > 0 {
		rows = w.share.Of(float64(s.Limits.Rows))
	}
	w.pacer.Set(rows, o.pace)
}

// say logs why the worker is closed or slower because of the databases, when that becomes another thing, and not with each number.
func (w *watch) say(ctx context.Context, o *order) {
	what := o.closed
	if what == "" && o.pace < 1 {
		what = o.slow
	}
	kind := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, what)
	if kind == w.told {
		return
	}
	w.told = kind
	switch {
	case w.Quiet:
	case what == "" && w.read.Limits != (throttle.Limits{}):
		w.Log.InfoContext(ctx, "going on within the limits", "migration", w.Migration, "limits", w.read.Limits.String())
	case what == "":
		w.Log.InfoContext(ctx, "going on at full speed", "migration", w.Migration)
	case o.closed != "":
		w.Log.InfoContext(ctx, "no shard is taken: "+what, "migration", w.Migration)
	default:
		w.Log.InfoContext(ctx, what, "migration", w.Migration)
	}
}
