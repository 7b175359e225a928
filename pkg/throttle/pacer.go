package throttle

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// How a Pacer makes its readers wait.
const (
	burst   = 500 * time.Millisecond // of rows that were not read may be made up for
	nap     = 100 * time.Millisecond // after which one who rests looks at what is set now
	longest = 250 * time.Millisecond // that a number of rows is waited for by what was set before
	stint   = 20 * time.Millisecond  // of work, before a rest
	stretch = 256                    // rows, before a reader looks at what is set, or counts them
)

// Unlimited is the number of rows per second that limits nobody.
const Unlimited = math.MaxFloat64

// A Pacer holds the readers of one process to a number of rows per second, for all of them together, and each to a part of full speed. Both may change
// at any time and take effect within a second. Its zero value holds nobody. It is safe for concurrent use.
type Pacer struct {
	bounds atomic.Pointer[bounds] // nil while there are none
	read   atomic.Int64
	waited atomic.Int64
	rows   *rate.Limiter // for Set alone
}

// bounds are what is set.
type bounds struct {
	rows  *rate.Limiter // nil: as many as there are
	piece int           // rows that are asked for at once
	pace  float64
}

// Set has all readers together read at most so many rows per second, Unlimited or 0 and more, and each spend the given part of its time, 0 to 1, on work. Set is not
// safe for use by several goroutines at once.
func (p *Pacer) Set(rows, pace float64) {
	if rows >= Unlimited && pace >= full {
		p.bounds.Store(nil)
		p.rows = nil
		return
	}
	b := &bounds{pace: min(max(pace, stand), full), piece: stretch}
	if rows >= Unlimited {
		p.rows = nil
	} else {
		p.limit(rows)
		b.rows, b.piece = p.rows, max(1, min(stretch, p.rows.Burst()/4))
	}
	p.bounds.Store(b)
}

func (p *Pacer) limit(rows float64) {
	most := max(1, int(rows*burst.Seconds()))
	if p.rows == nil {
		p.rows = rate.NewLimiter(rate.Limit(rows), most)
		p.rows.AllowN(time.Now(), most) // nothing was left unread yet
		return
	}
	p.rows.SetLimit(rate.Limit(rows))
	p.rows.SetBurst(most)
}

// Read returns how many rows were read so far.
func (p *Pacer) Read() int64 { return p.read.Load() }

// Waited returns for how long its readers, all together, have waited so far for rows that they were not allowed yet.
func (p *Pacer) Waited() time.Duration { return time.Duration(p.waited.Load()) }

// A Flow is one reader of a Pacer. It is for one goroutine.
type Flow struct {
	pacer *Pacer
	rows  int       // that are not counted yet
	since time.Time // when its last rest ended; zero while it does not rest

	waited time.Duration
}

// Waited returns for how long the Flow has waited so far, for rows and in rests.
func (f *Flow) Waited() time.Duration { return f.waited }

// Flow returns a reader. Its End is to be called.
func (p *Pacer) Flow() *Flow { return &Flow{pacer: p} }

// Take is called with the rows that were read since the last time, and returns when the next may be. It ends early with ctx's cause.
func (f *Flow) Take(ctx context.Context, rows int) error {
	f.rows += rows
	b := f.pacer.bounds.Load()
	if b == nil && f.rows < stretch {
		return nil
	}
	if b == nil || b.pace >= full {
		f.since = time.Time{}
	} else if err := f.rest(ctx); err != nil {
		return err
	}
	switch {
	case b == nil || b.rows == nil:
		f.count()
		return nil
	case f.rows < b.piece:
		return nil
	}
	return f.wait(ctx)
}

// End counts what was read last. It does not wait: who reads next does.
func (f *Flow) End() {
	if b := f.pacer.bounds.Load(); b != nil && b.rows != nil {
		b.rows.ReserveN(time.Now(), f.rows)
	}
	f.count()
}

func (f *Flow) count() {
	f.pacer.read.Add(int64(f.rows))
	f.rows = 0
}

// wait returns when the rows that were read are paid for.
func (f *Flow) wait(ctx context.Context) error {
	due := f.rows
	f.count()
	for due > 0 {
		b := f.pacer.bounds.Load()
		if b == nil || b.rows == nil {
			return nil
		}
		n := min(due, b.piece)
		if b.rows.AllowN(time.Now(), n) {
			due -= n
			continue
		}
		missing := float64(n) - b.rows.Tokens()
		if err := f.pause(ctx, within(missing/float64(b.rows.Limit()))); err != nil {
			return err
		}
	}
	return nil
}

// within returns the seconds as a time to wait before one looks again; they may be infinite.
func within(seconds float64) time.Duration {
	if !(seconds < longest.Seconds()) {
		return longest
	}
	return max(time.Millisecond, time.Duration(seconds*float64(time.Second)))
}

// pause waits for rows, which is no work.
func (f *Flow) pause(ctx context.Context, d time.Duration) error {
	began := time.Now()
	err := sleep(ctx, d)
	waited := time.Since(began)
	f.pacer.waited.Add(int64(waited))
	f.waited += waited
	if !f.since.IsZero() {
		f.since = f.since.Add(waited)
	}
	return err
}

// rest makes up for what was worked since the last rest.
func (f *Flow) rest(ctx context.Context) error {
	began := time.Now()
	if f.since.IsZero() {
		f.since = began
	}
	worked, rested := began.Sub(f.since), false
	for {
		left := restOf(f.pacer.bounds.Load(), worked, time.Since(began))
		if left <= 0 {
			break
		}
		rested = true
		if err := sleep(ctx, min(left, nap)); err != nil {
			return err
		}
	}
	if rested {
		f.since = time.Now()
		f.waited += f.since.Sub(began)
	}
	return nil
}

// restOf returns how long one has still to rest who has worked and then rested so long.
func restOf(b *bounds, worked, rested time.Duration) time.Duration {
	switch {
	case b == nil || b.pace >= full:
		return 0
	case b.pace <= stand:
		return nap
	case worked < stint:
		return 0
	}
	return time.Duration(float64(worked)*(1/b.pace-1)) - rested
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
