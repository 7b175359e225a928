package producer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/target"
)

// How long a stage is expected to take.
const (
	assumedRate = 30 << 20         // bytes of tables per second, before a stage of its kind has been measured
	marginOf    = 1.5              // of what was measured: one table is not like the other
	leastFirst  = 10 * time.Second // that must be left for the first stage of its kind
	leastMore   = 2 * time.Second  // and for every other
	mostSeconds = 1e9              // that are expected: beyond that a Duration overflows
)

// A stage is one step of the end of the load. Each can be begun again when it was broken off.
type stage struct {
	phase  string   // of the report, to which it belongs
	what   string   // as in "building users_pkey of app.users"
	kind   string   // stages of one kind take as long for as many bytes
	tables []string // of the target, over which it goes
}

// A clocking is what stages of one kind have taken.
type clocking struct {
	bytes int64
	took  time.Duration
}

// clockings are what the stages that were done have taken, by kind. The zero clockings are ready.
type clockings struct {
	mu     sync.Mutex
	byKind map[string]clocking
}

func (c *clockings) of(kind string) clocking {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKind[kind]
}

func (c *clockings) add(kind string, more clocking) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKind == nil {
		c.byKind = map[string]clocking{}
	}
	before := c.byKind[kind]
	c.byKind[kind] = clocking{before.bytes + more.bytes, before.took + more.took}
}

// expect returns how long a stage over so many bytes must be given.
func (c clocking) expect(bytes int64) time.Duration {
	rate, least := float64(assumedRate), leastFirst
	if c.took > 0 {
		rate, least = float64(max(c.bytes, 1))/c.took.Seconds()/marginOf, leastMore
	}
	return max(least, time.Duration(min(float64(bytes)/rate, mostSeconds)*float64(time.Second)))
}

// stage does one step of the end of the load: not while the operator's pause holds, and not where it would not end before the deadline. The error is
// a *tooLate where there is no time for it. Several goroutines may do stages.
func (r *Run) stage(ctx context.Context, s stage, step func(context.Context) error) error {
	do := func(ctx context.Context) error { return r.clocked(ctx, s, step) }
	if !r.heeds {
		r.step("%s", s.what)
		return do(ctx)
	}
	sight, err := r.resumed(ctx)
	if err != nil {
		return err
	}
	r.step("%s", s.what)
	if sight.Controls.Deadline.IsZero() {
		return do(ctx)
	}
	bytes, err := target.Size(ctx, r.Pool, s.tables)
	if err != nil {
		return err
	}
	if expected := r.clockings.of(s.kind).expect(bytes); expected >= sight.Controls.Left {
		return &tooLate{sight, "there is no time for " + s.what}
	}
	inner, cancel := context.WithTimeout(ctx, sight.Controls.Left)
	defer cancel()
	start := time.Now()
	err = do(inner)
	if err != nil && ctx.Err() == nil && errors.Is(inner.Err(), context.DeadlineExceeded) {
		return &tooLate{sight, s.what + " was broken off"}
	}
	r.clockings.add(s.kind, clocking{bytes, time.Since(start)})
	return err
}

// A tooLate is why a stage cannot be done before the deadline.
type tooLate struct {
	sight *aggregator.Sight
	why   string
}

// Error says so.
func (t *tooLate) Error() string { return t.why }

// clocked does the step, and notes how long it took.
func (r *Run) clocked(ctx context.Context, s stage, step func(context.Context) error) error {
	start := time.Now()
	if err := step(ctx); err != nil {
		return err
	}
	return r.ledger.NotePhase(ctx, r.m.Name, s.phase, s.what, time.Since(start))
}

// resumed waits while the operator's pause holds, and tells how the migration stands then.
func (r *Run) resumed(ctx context.Context) (*aggregator.Sight, error) {
	for {
		sight, err := r.sight(ctx)
		if err != nil {
			return nil, err
		}
		r.show(sight.Progress())
		if sight.Controls.Paused == "" || sight.Controls.Due() {
			return sight, nil
		}
		if err := r.wake(ctx, lookEvery, nil); err != nil {
			return nil, err
		}
	}
}

// sight looks at the migration, for several goroutines by one looker: the sums over all shards are not to be asked for with each stage.
func (r *Run) sight(ctx context.Context) (*aggregator.Sight, error) {
	r.looking.Lock()
	defer r.looking.Unlock()
	r.looker.Ledger, r.looker.Name = r.ledger, r.m.Name
	return r.looker.Look(ctx, r.m)
}

// wake returns when the time is over, or before that when it is told.
func (r *Run) wake(ctx context.Context, after time.Duration, told <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the shards of migration %s: %w", r.m.Name, context.Cause(ctx))
	case <-told:
	case <-time.After(after):
	}
	return nil
}

// mostOff is how many constraints and indexes are told by their names.
const mostOff = 10

// outOfTime ends the run before the end of the load has come to its end.
func (r *Run) outOfTime(ctx context.Context, sight *aggregator.Sight, why string) error {
	known, _, err := r.detached(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("the time is up (%s): %s, and %s", r.deadline(sight), shardsDone(sight.Progress()), why)
	if len(known) > 0 {
		text += fmt.Sprintf("; %d constraints and indexes are off: %s", len(known), offList(known))
	}
	return &Stopped{text + "; producer run goes on with that, and so does producer finish"}
}

func shardsDone(p report.Progress) string {
	return fmt.Sprintf("%s of %s shards are done", report.Number(p.Shards.Done), report.Number(p.Shards.Planned))
}

func offList(parts []ledger.Part) string {
	var names []string
	for _, p := range parts[:min(len(parts), mostOff)] {
		names = append(names, p.Name+" of "+p.Table)
	}
	if more := len(parts) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
