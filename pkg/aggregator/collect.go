package aggregator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// reconcileEvery is how often the tally is compared with the ledger: receipts may have been lost with the queue.
const reconcileEvery = 30 * time.Second

// Timing of what the aggregator shows beside its tally.
const (
	watchEvery = time.Second     // what holds the work up
	sumsEvery  = 5 * time.Second // sums over all shards
)

// Collect counts the receipts of a migration until ctx is done, from the queue as they come and from the ledger now and then, and
// calls show with each new sum, one call at a time. It returns nil when it was stopped. Conn is nil where nobody but the run's own process can reach its
// queue: then all receipts come from the ledger.
func Collect(ctx context.Context, conn *queue.Conn, l *ledger.Ledger, name string, show func(report.Progress)) error {
	c := &collector{ledger: l, name: name, show: show, meters: NewMeters(name), looker: Looker{Ledger: l, Name: name, Every: sumsEvery}}
	if err := c.look(ctx); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	reconcile := watchEvery
	if conn != nil {
		reconcile = pausepoint.Wait("reconcile", reconcileEvery)
		group.Go(func() error { return conn.Receipts(inner, name, c.count) })
	}
	group.Go(func() error { return c.reconcile(inner, reconcile) })
	group.Go(func() error { return c.meters.While(inner, conn, c.watch) })
	if err := group.Wait(); ctx.Err() == nil {
		return fmt.Errorf("collect the receipts of migration %s: %w", name, err)
	}
	return nil
}

// A collector counts receipts, wherever they come from.
type collector struct {
	ledger *ledger.Ledger
	name   string
	since  uint64 // see ledger.Receipts
	looker Looker
	meters *Meters

	mu      sync.Mutex // so that what is shown never goes back
	show    func(report.Progress)
	tally   report.Tally
	planned report.Progress
}

func (c *collector) count(ctx context.Context, r shard.Receipt) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.tally.Add(r)
	trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("rehome.counted", counted)) // once, however often the receipt comes
	if counted {
		c.show(c.tally.Sums().Of(c.planned))
		pausepoint.At("counted")
	}
	return ctx.Err()
}

// reconcile looks at the ledger again and again. One that does not answer is asked the next time: the queue still tells what is new.
func (c *collector) reconcile(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		next, err := c.ledger.ReceiptsSince(ctx, c.name, c.since, c.tally.Has, func(r *shard.Receipt) error { return c.count(ctx, *r) })
		if err == nil {
			c.since = next
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// look asks the ledger what is planned, and what holds the work up: shards are split, and some are added for users who came late.
func (c *collector) look(ctx context.Context) error {
	m, err := c.ledger.Load(ctx, c.name)
	if err != nil {
		return err
	}
	sight, err := c.looker.Look(ctx, m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.planned = sight.Progress()
	c.meters.See(sight, c.planned)
	return nil
}

// watch shows what holds the work up as soon as it changes, whether receipts come or not.
func (c *collector) watch(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if c.look(ctx) != nil {
			continue // it is asked the next time
		}
		c.mu.Lock()
		c.show(c.tally.Sums().Of(c.planned))
		c.mu.Unlock()
	}
}

// Watch shows the progress of a migration from the ledger alone, until its verdict stands or ctx is done, and returns the report.
func Watch(ctx context.Context, l *ledger.Ledger, name, version string, every time.Duration, show func(report.Progress)) (*report.Report, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	looker := Looker{Ledger: l, Name: name}
	for {
		m, err := l.Load(ctx, name)
		if err != nil {
			return nil, err
		}
		sight, err := looker.Look(ctx, m)
		if err != nil {
			return nil, err
		}
		show(sight.Progress())
		if m.State == ledger.Finished {
			return Report(ctx, l, name, version)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("watch migration %s: %w", name, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}
