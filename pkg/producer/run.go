package producer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/dispatch"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// Timing of a run.
const (
	lookFirst    = 10 * time.Millisecond  // until the ledger is looked at for the second time, for progress; then twice as long, and so on
	lookOften    = 250 * time.Millisecond // at most, while the end of a wave is near
	lookEvery    = time.Second            // else
	nearEnd      = 100                    // shards or fewer to be done
	lateRounds   = 10                     // of looking for users who have appeared meanwhile
	triedAtLeast = 1000                   // users, before the quarantine limit can stop a run
)

// Options of a run.
type Options struct {
	Again    bool                  // everyone is to be done again
	Through  string                // the last wave to publish; empty for all
	Pass     string                // the wave whose gate is passed though it is closed; empty for none
	By       string                // who says so, for the ledger
	Until    Until                 // when the run has to be over
	Progress func(report.Progress) // called now and then; may be nil
}

// Go publishes what is not done yet to the queue, waits for the workers wave by wave, ends the load and returns the verdict's report. The
// error is a *Refusal where a guard refuses, and a *Stopped where the run ended as it was told to before its end.
func (r *Run) Go(ctx context.Context) (result *report.Report, err error) {
	if r.Finished() {
		return r.Report(ctx)
	}
	err = r.meters.While(ctx, r.Queue, func(ctx context.Context) (err error) {
		result, err = r.traced(ctx)
		return err
	})
	if err == nil {
		r.meters.Turn(r.m.State, result.Verdict)
	}
	return result, err
}

// run is Go where there is something to do.
func (r *Run) run(ctx context.Context) (*report.Report, error) {
	if r.m.State != ledger.Finished || r.left != (ledger.Left{}) || r.planned.Redo != nil {
		over := r.m.State == ledger.Finished && r.off == 0
		moved, err := r.load(ctx)
		if err != nil {
			return nil, err
		}
		if over && !moved {
			return r.Report(ctx)
		}
	}
	if err := r.end(ctx); err != nil {
		return nil, err
	}
	return r.Report(ctx)
}

// show tells whoever watches how far the run has come.
func (r *Run) show(p report.Progress) {
	r.watched.Lock()
	defer r.watched.Unlock()
	r.tell(p)
}

// tell shows it. The caller has locked.
func (r *Run) tell(p report.Progress) {
	if r.shown = p; r.options.Progress != nil {
		r.options.Progress(p)
	}
}

// step tells whoever watches what the end of the load is at.
func (r *Run) step(format string, args ...any) {
	r.meters.Turn(r.m.State, report.Incomplete)
	r.watched.Lock()
	defer r.watched.Unlock()
	p := r.shown
	p.Migration, p.State, p.Step = r.m.Name, string(r.m.State), fmt.Sprintf(format, args...)
	r.tell(p)
}

func (p *Producer) wave(name string) int {
	for i, wave := range p.File.Waves {
		if wave.Name.Text == name {
			return i
		}
	}
	return -1
}

// load has all shards moved: the mapping's waves in order, the rest with the last of them, then users who have appeared since, and at last whoever
// is to be done again. It reports whether there was anything to move.
func (r *Run) load(ctx context.Context) (moved bool, err error) {
	if err := r.Queue.Declare(ctx, r.m.Name); err != nil {
		return false, err
	}
	last := plan.RestWave(r.mapping)
	if through := r.options.Through; through != "" {
		last = r.wave(through)
	}
	if err := r.reopen(ctx); err != nil {
		return false, err
	}
	l := &looker{Run: r, Dispatcher: dispatch.Dispatcher{Ledger: r.ledger, Queue: r.Queue, Log: r.Log, Name: r.m.Name, Run: r.m.Run}, looker: aggregator.Looker{Ledger: r.ledger, Name: r.m.Name}}
	if err := l.spare(ctx); err != nil {
		return false, err
	}
	for wave := 0; wave <= last; wave++ {
		if wave < last && !gated(l.File, wave) {
			continue // nothing is decided behind it: its shards come with the next one's, and before them
		}
		if err := l.wait(ctx, wave); err != nil {
			return false, err
		}
		behind := l.pass
		if wave == last && r.options.Through != "" {
			behind = l.through
		}
		if err := behind(ctx, wave); err != nil {
			return false, err
		}
	}
	late, err := l.late(ctx)
	if err != nil {
		return false, err
	}
	again, err := l.redo(ctx)
	return late || again || r.left != (ledger.Left{}), err
}

// A looker watches the shards of a run while workers move them.
type looker struct {
	*Run
	dispatch.Dispatcher
	looker aggregator.Looker
	swept  time.Time
	split  int       // shards that were seen to be split, and
	halved int       // those of them whose halves were published
	spared int64     // quarantined users who are still to be done again, and do not count against the limit before they are
	idle   time.Time // since when nobody has worked on a shard, and none would end in time
}

// spare counts the quarantined users who are to be done again: a run that they have stopped could never go on.
func (l *looker) spare(ctx context.Context) error {
	left, err := l.ledger.Left(ctx, l.m.Name)
	if err != nil {
		return err
	}
	l.spared = left.Users
	if l.planned.Redo == nil {
		return nil
	}
	if l.planned.Redo.Everyone {
		l.spared = math.MaxInt64 / 2
		return nil
	}
	mends, err := l.mends(ctx)
	if err != nil {
		return err
	}
	facts, err := l.ledger.Facts(ctx, l.m.Name)
	if err != nil {
		return err
	}
	for _, c := range facts.Causes {
		if slices.ContainsFunc(mends, func(m mapping.Mend) bool { return m.Touches(l.mapping, c.Cause.Cause) }) {
			l.spared += c.Users
		}
	}
	return nil
}

// late brings users who have appeared meanwhile, until there are none.
func (l *looker) late(ctx context.Context) (moved bool, err error) {
	for range lateRounds {
		late, err := l.Run.late(ctx)
		if err != nil || late == 0 {
			return moved, err
		}
		moved = true
		if err := l.reopen(ctx); err != nil {
			return moved, err
		}
		if err := l.wait(ctx, l.redoWave()); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// redo has those done again who are to be, and then rows for which what they waited for has come.
func (l *looker) redo(ctx context.Context) (moved bool, err error) {
	shards, err := l.Run.redo(ctx, l.redoWave(), true)
	for tried := map[string]bool{}; err == nil; {
		if err = l.wait(ctx, l.redoWave()); err != nil {
			break
		}
		l.spared = 0
		moved = moved || shards > 0
		if shards, err = l.released(ctx, tried); shards == 0 {
			break
		}
	}
	pausepoint.At("redone")
	if err == nil && l.m.State != ledger.Finished {
		err = l.clashAgain(ctx)
	}
	if err != nil {
		return moved, err
	}
	_, err = l.look(ctx, l.redoWave()) // at the limit, with nobody spared
	return moved, err
}

// wait publishes the planned shards up to the wave and returns when none is left.
func (l *looker) wait(ctx context.Context, wave int) error {
	if err := l.unfinish(ctx); err != nil {
		return err
	}
	l.swept = time.Time{}
	for next := lookFirst; ; next *= 2 {
		heard := l.heard.count()
		left, err := l.look(ctx, wave)
		if err != nil {
			return err
		}
		if l.split > l.halved || time.Since(l.swept) >= dispatch.Every {
			if err := l.sweep(ctx, wave); err != nil {
				return err
			}
		}
		if left == 0 {
			return nil
		}
		if next = min(next, lookEvery); left <= nearEnd {
			next = min(next, lookOften)
		}
		if err := l.wake(ctx, next, l.heard.from(heard+left)); err != nil {
			return err
		}
	}
}

// sweep has the queue say what the ledger says of the shards up to the wave, by the mapping of now.
func (l *looker) sweep(ctx context.Context, wave int) error {
	l.halved = l.split
	if err := l.lock.Check(ctx); err != nil {
		return err
	}
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	err := l.Sweep(ctx, dispatch.Work{
		Tasks: func(ctx context.Context) ([]shard.Task, error) { return l.ledger.Next(ctx, l.m.Name, wave) },
		Count: func(ctx context.Context) (int, error) { return l.ledger.CountNext(ctx, l.m.Name, wave) },
	})
	l.swept = time.Now()
	return err
}

// unfinish notes, before shards of a migration are moved that was finished, that what the end of the load has counted does not hold any more:
// a run that dies when they are done, and before it has counted again, would else leave them to the old verdict.
func (l *looker) unfinish(ctx context.Context) error {
	if l.m.State != ledger.Finished {
		return nil
	}
	left, err := l.ledger.Left(ctx, l.m.Name)
	if err != nil || left == (ledger.Left{}) {
		return err
	}
	if err := l.ledger.SetClosing(ctx, l.m.Name, json.RawMessage("{}"), "", ""); err != nil {
		return err
	}
	if err := l.ledger.SetState(ctx, l.m.Name, ledger.Settling); err != nil {
		return err
	}
	l.m.State, l.m.Closing = ledger.Settling, nil
	return nil
}

// look shows how far the run has come, and tells how many shards up to the wave are left. The error is a *Stopped where the run has to end.
func (l *looker) look(ctx context.Context, wave int) (left int, err error) {
	sight, err := l.looker.Look(ctx, l.m)
	if err != nil {
		return 0, err
	}
	p := sight.Progress()
	l.meters.See(sight, p)
	l.show(p)
	if reason := sight.Controls.Halted; reason != "" {
		return 0, &Stopped{fmt.Sprintf("migration %s is halted: %s; what is done stays done, and the next run goes on", l.m.Name, reason)}
	}
	var tried, quarantined int64
	l.split = 0
	for _, w := range sight.Waves {
		if l.split += w.Split; w.Wave <= wave {
			left += w.Planned
		}
		tried, quarantined = tried+w.Migrated+w.Quarantined, quarantined+w.Quarantined
	}
	if quarantined -= min(quarantined, l.spared); l.tooMany(tried, quarantined) {
		return 0, &Stopped{fmt.Sprintf("%d of %d users tried are quarantined, more than the %g%% that stop.quarantined allows: look at the causes in "+
			"the report, mend the mapping or raise the limit, and start again", quarantined, tried, l.File.Stop.Quarantined)}
	}
	if left > 0 {
		err = l.inTime(ctx, sight, p)
	}
	return left, err
}
