package dashboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/report"
)

const (
	lookWithin = 10 * time.Second // a ledger that takes longer is taken for one that cannot be reached
	lingerFor  = 5 * time.Second  // how long after the last who looked the ledger is still asked
)

// A crowd is who looks at the moment.
type crowd struct {
	mu    sync.Mutex
	here  int
	seen  time.Time // when somebody was here last
	acted bool      // so that the next look is not to wait
	come  chan struct{}
}

// enter counts somebody in who stays until leave; it refuses above the limit.
func (c *crowd) enter(limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.here >= limit {
		return false
	}
	c.here++
	c.call()
	return true
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.here--
	c.seen = time.Now()
}

// visit counts somebody who asks once.
func (c *crowd) visit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = time.Now()
	c.call()
}

// act has all who are here see at once what somebody has done.
func (c *crowd) act() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acted = true
	c.call()
}

// patience is how old the last look may be for another to be left out: who comes asks for none of their own.
func (c *crowd) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	acted := c.acted
	c.acted = false
	if acted {
		return 0
	}
	return lookEvery / 2
}

// call wakes Run up.
func (c *crowd) call() {
	select {
	case c.come <- struct{}{}:
	default:
	}
}

func (c *crowd) anybody() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.here > 0 || time.Since(c.seen) < lingerFor
}

// Run looks at the ledger while somebody looks at the dashboard, until ctx ends; then it sends everybody home and returns nil.
func (d *Dashboard) Run(ctx context.Context) error {
	defer close(d.closing)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-d.crowd.come:
			}
			d.watch(ctx, group)
		}
	})
	return group.Wait()
}

// watch looks again and again until nobody is there any more.
func (d *Dashboard) watch(ctx context.Context, group *errgroup.Group) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for d.crowd.anybody() {
		_ = d.look(ctx, d.crowd.patience()) // who looks is told
		_ = d.draw(ctx)                     // likewise
		if d.verdict.begin(d.key()) {
			group.Go(func() error {
				began := time.Now()
				_, err := d.verdict.come(ctx, d)
				d.verdict.ended(err, time.Since(began)) // the last report holds as long as there is no other
				return nil
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-d.crowd.come:
		}
	}
}

// ask has do look at the ledger, one at a time.
func (d *Dashboard) ask(ctx context.Context, do func(context.Context, *eyes) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
	case <-ctx.Done():
		return unavailable("wait for the ledger, which is slow to answer: %s", context.Cause(ctx))
	}
	if d.eyes == nil {
		return errNone
	}
	return do(ctx, d.eyes)
}

// look looks at the ledger, unless somebody has done so within that time.
func (d *Dashboard) look(ctx context.Context, within time.Duration) error {
	return d.ask(ctx, func(ctx context.Context, e *eyes) error {
		if time.Since(e.looked) < within {
			return e.failed
		}
		seen, err := e.look(ctx)
		if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
			return err // who asked has gone, which says nothing of the ledger
		}
		e.looked, e.failed = time.Now(), err
		d.publish(seen, err)
		return err
	})
}

// publish shows what was seen to all who look.
func (d *Dashboard) publish(seen *look, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		_, d.current.trouble = statusOf(err)
		d.tell()
		return
	}
	now := time.Now()
	if !d.past.told {
		d.past.add(now, seen.progress)
	}
	d.current.trouble, d.current.seen = "", d.current.seen+1
	d.current.actions = d.may(&seen.rights)
	d.current.Sight = Sight{
		At: seen.at, Version: d.config.Version, Migration: d.name, Run: seen.migration.Run, Mapping: seen.migration.Mapping, Progress: seen.progress,
		Rate: d.past.rate(&seen.progress), Workers: seen.workers, TraceURL: d.config.TraceURL,
		Verdict: Verdict{Reasons: []string{}}, Tables: []report.Table{},
	}
	d.verdict.tell(&d.current.Sight)
	d.tell()
}

// tell wakes all who wait for something new. It is for who holds mu.
func (d *Dashboard) tell() {
	close(d.changed)
	d.changed = make(chan struct{})
}
