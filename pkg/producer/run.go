package producer

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// Timing of a run.
const (
	lookOften    = 250 * time.Millisecond // at the ledger, for progress, while the end of a wave is near
	lookEvery    = time.Second            // else
	nearEnd      = 100                    // shards or fewer to be done
	fewReceipts  = 1000                   // that are read again for the asking
	sweepEvery   = 5 * time.Second        // over ledger and streams, and for frozen holders
	lateRounds   = 10                     // of looking for users who have appeared meanwhile
	idleAfter    = 20 * time.Second       // without any worker, before it is said
	triedAtLeast = 1000                   // users, before the quarantine limit can stop a run
)

// Options of Run.
type Options struct {
	Through  string                // the last wave to publish; empty for all
	Progress func(report.Progress) // called now and then; may be nil
}

// Go publishes what is not done yet to the queue, waits for the workers wave by wave, ends the load and returns the verdict's report. The
// error is a *Refusal where a guard refuses, and a *Stopped where the run ended as it was told to before its end.
func (r *Run) Go(ctx context.Context, o Options) (*report.Report, error) {
	r.watcher = o.Progress
	if r.Finished() {
		return r.Report(ctx)
	}
	if r.m.State != ledger.Finished || r.left > 0 {
		if err := r.load(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := r.end(ctx); err != nil {
		return nil, err
	}
	return r.Report(ctx)
}

// show tells whoever watches how far the run has come.
func (r *Run) show(p report.Progress) {
	if r.shown = p; r.watcher != nil {
		r.watcher(p)
	}
}

// step tells whoever watches what the end of the load is at.
func (r *Run) step(format string, args ...any) {
	p := r.shown
	p.Migration, p.State, p.Step = r.m.Name, string(r.m.State), fmt.Sprintf(format, args...)
	r.show(p)
}

func (p *Producer) wave(name string) int {
	for i, wave := range p.File.Waves {
		if wave.Name.Text == name {
			return i
		}
	}
	return -1
}

// load has all shards moved: the mapping's waves in order, then the rest, then users who have appeared since.
func (r *Run) load(ctx context.Context, o Options) error {
	if err := r.Queue.Declare(ctx, r.m.Name); err != nil {
		return err
	}
	last := plan.RestWave(r.mapping)
	if o.Through != "" {
		last = r.wave(o.Through)
	}
	if err := r.reopen(ctx); err != nil {
		return err
	}
	l := &looker{Run: r}
	for wave := 0; wave <= last; wave++ {
		if err := l.wait(ctx, wave); err != nil {
			return err
		}
	}
	if o.Through != "" {
		return &Stopped{fmt.Sprintf("wave %s is done, as --through says; the next run goes on behind it", o.Through)}
	}
	for range lateRounds {
		late, err := r.late(ctx)
		if err != nil || late == 0 {
			return err
		}
		if err := r.reopen(ctx); err != nil {
			return err
		}
		if err := l.wait(ctx, last); err != nil {
			return err
		}
	}
	return nil
}

// A looker watches the shards of a run while workers move them.
type looker struct {
	*Run
	swept     time.Time
	worked    time.Time // when a worker was last known to be alive
	since     uint64    // transaction behind which no receipt has been looked at yet
	receipted int       // receipts that the stream held then
}

// wait publishes the planned shards up to the wave and returns when none is left.
func (l *looker) wait(ctx context.Context, wave int) error {
	if l.worked.IsZero() {
		l.worked = time.Now()
	}
	l.swept = time.Time{}
	for {
		if time.Since(l.swept) >= sweepEvery {
			if err := l.lock.Check(ctx); err != nil {
				return err
			}
			l.sweep(ctx, wave)
			l.swept = time.Now()
		}
		left, err := l.look(ctx, wave)
		if err != nil || left == 0 {
			return err
		}
		next := lookEvery
		if left <= nearEnd {
			next = lookOften
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the shards of migration %s: %w", l.m.Name, context.Cause(ctx))
		case <-time.After(next):
		}
	}
}

// look tells how many shards up to the wave are left, and whether the run has to end.
func (l *looker) look(ctx context.Context, wave int) (left int, err error) {
	switch reason, err := l.ledger.Paused(ctx, l.m.Name); {
	case err != nil:
		return 0, err
	case reason != "":
		return 0, &Stopped{fmt.Sprintf("migration %s is paused: %s; what is done stays done, and the next run goes on", l.m.Name, reason)}
	}
	waves, err := l.ledger.Progress(ctx, l.m.Name)
	if err != nil {
		return 0, err
	}
	l.show(aggregator.Progress(l.m, waves))
	var tried, quarantined int64
	for _, w := range waves {
		if w.Wave <= wave {
			left += w.Planned
		}
		tried, quarantined = tried+w.Migrated+w.Quarantined, quarantined+w.Quarantined
	}
	if l.tooMany(tried, quarantined) {
		return 0, &Stopped{fmt.Sprintf("%d of %d users tried are quarantined, more than the %g%% that stop.quarantined allows: look at the causes in "+
			"the report, mend the mapping or raise the limit, and start again", quarantined, tried, l.File.Stop.Quarantined)}
	}
	return left, nil
}

// sweep repairs what the queue has lost: it publishes planned shards that no stream holds, mirrors receipts and dead letters, and
// ends the sessions of frozen workers. The ledger is the truth; while NATS cannot be reached the work goes on where it can.
func (l *looker) sweep(ctx context.Context, wave int) {
	err := l.publish(ctx, wave)
	if err == nil {
		err = l.mirror(ctx)
	}
	if err != nil && ctx.Err() == nil {
		l.Log.WarnContext(ctx, "the queue is not what the ledger says, trying again", "migration", l.m.Name, "err", err)
	}
	frozen := pausepoint.Wait("frozen", ledger.DefaultFrozen)
	if ended, err := l.ledger.Reap(ctx, l.m.Name, ledger.All, frozen); err != nil && ctx.Err() == nil {
		l.Log.WarnContext(ctx, "frozen workers could not be looked for", "migration", l.m.Name, "err", err)
	} else if ended > 0 {
		l.Log.WarnContext(ctx, "sessions of frozen workers were ended, their shards come again", "migration", l.m.Name, "sessions", ended)
	}
	l.noticeIdle(ctx)
}

func (l *looker) publish(ctx context.Context, wave int) error {
	tasks, err := l.ledger.Next(ctx, l.m.Name, wave)
	if err != nil || len(tasks) == 0 {
		return err
	}
	if err := l.Queue.Declare(ctx, l.m.Name); err != nil {
		return err
	}
	queued, err := l.Queue.Queued(ctx, l.m.Name, l.m.Run)
	if err != nil {
		return err
	}
	_, err = l.Queue.PublishTasks(ctx, func(yield func(shard.Task) bool) {
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

// mirror publishes the receipts and dead letters that the ledger has and the streams have not.
func (l *looker) mirror(ctx context.Context) error {
	letters, err := l.ledger.Dead(ctx, l.m.Name)
	if err != nil {
		return err
	}
	known, err := l.Queue.DeadLettered(ctx, l.m.Name, l.m.Run)
	if err != nil {
		return err
	}
	for _, letter := range letters {
		if _, there := known[letter.Ordinal]; !there {
			if err := l.Queue.PublishDead(ctx, letter); err != nil {
				return err
			}
		}
	}
	return l.mirrorReceipts(ctx)
}

// mirrorReceipts looks at what has come since the last time, and at everything where the stream holds less than it did: then it was
// made anew. While there are few receipts, a new stream could hold as many by now.
func (l *looker) mirrorReceipts(ctx context.Context) error {
	receipts, since, err := l.ledger.Receipts(ctx, l.m.Name, l.since)
	if err != nil {
		return err
	}
	known, err := l.Queue.Receipted(ctx, l.m.Name, l.m.Run)
	if err != nil {
		return err
	}
	if l.since > 0 && (len(known) < l.receipted || l.receipted < fewReceipts) {
		if receipts, since, err = l.ledger.Receipts(ctx, l.m.Name, 0); err != nil {
			return err
		}
	}
	for _, receipt := range receipts {
		if _, there := known[receipt.Ordinal]; !there {
			if err := l.Queue.PublishReceipt(ctx, receipt); err != nil {
				return err
			}
		}
	}
	l.since, l.receipted = since, len(known)
	return nil
}

// noticeIdle says so when there is work and nobody to do it, and stops nothing: workers may come.
func (l *looker) noticeIdle(ctx context.Context) {
	workers, err := l.ledger.Workers(ctx, l.m.Name, idleAfter)
	if err != nil || len(workers) > 0 {
		l.worked = time.Now()
		return
	}
	if time.Since(l.worked) > idleAfter {
		l.Log.WarnContext(ctx, "no worker is alive: start one with the same TARGET_DSN, LEGACY_DSN and NATS_URL", "migration", l.m.Name)
		l.worked = time.Now()
	}
}
