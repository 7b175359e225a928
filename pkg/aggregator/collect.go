package aggregator

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// reconcileEvery is how often the tally is compared with the ledger: receipts may have been lost with the queue.
const reconcileEvery = 30 * time.Second

// Collect counts the receipts of a migration until ctx is done, from the queue as they come and from the ledger now and then, and
// calls show with each new sum. It returns nil when it was stopped.
func Collect(ctx context.Context, conn *queue.Conn, l *ledger.Ledger, name string, show func(report.Progress)) error {
	m, err := l.Load(ctx, name)
	if err != nil {
		return err
	}
	var tally report.Tally
	planned := Progress(m, nil)
	count := func(ctx context.Context, r shard.Receipt) error {
		if tally.Add(r) {
			show(tally.Sums().Of(planned))
			pausepoint.At("counted")
		}
		return ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return conn.Receipts(ctx, name, count) })
	group.Go(func() error { return reconcile(ctx, l, name, count) })
	if err := group.Wait(); err != nil && context.Cause(ctx) == nil {
		return fmt.Errorf("collect the receipts of migration %s: %w", name, err)
	}
	return nil
}

func reconcile(ctx context.Context, l *ledger.Ledger, name string, count func(context.Context, shard.Receipt) error) error {
	ticker := time.NewTicker(reconcileEvery)
	defer ticker.Stop()
	var since uint64
	for {
		receipts, next, err := l.Receipts(ctx, name, since)
		if err == nil {
			since = next
			for _, r := range receipts {
				if err := count(ctx, r); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Watch shows the progress of a migration from the ledger alone, until its verdict stands or ctx is done, and returns the report.
func Watch(ctx context.Context, l *ledger.Ledger, name, version string, every time.Duration, show func(report.Progress)) (*report.Report, error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		m, err := l.Load(ctx, name)
		if err != nil {
			return nil, err
		}
		waves, err := l.Progress(ctx, name)
		if err != nil {
			return nil, err
		}
		show(Progress(m, waves))
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
