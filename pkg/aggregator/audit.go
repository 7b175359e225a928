package aggregator

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rehome/pkg/dispatch"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// OnConflict says what a repair does where the target itself has changed what arrived.
type OnConflict string

// What a repair may do.
const (
	KeepTarget OnConflict = "keep"   // the target's row stays, and is reported
	TakeLegacy OnConflict = "legacy" // the legacy database's row takes its place, and the target's is kept in rehome.original
)

// An Audit has both sides of a migration read again by its workers, which the queue wakes, and reports what they find.
type Audit struct {
	Ledger     *ledger.Ledger
	Queue      *queue.Conn
	Log        *slog.Logger
	Migration  string
	Version    string
	Repair     bool
	OnConflict OnConflict
	Show       func(report.Progress) // called now and then

	m      *ledger.Migration
	record *plan.Record
	lock   *ledger.RunLock
}

const (
	lookEvery    = 250 * time.Millisecond
	repairRounds = 10 // of repairing what the round before has found
)

// Run audits the migration, and repairs what it is told to. An audit that was ended in the middle goes on where it was. The error wraps a
// *ledger.LockedError where a run, or another audit, of the migration is alive.
func (a *Audit) Run(ctx context.Context) (r *AuditReport, err error) {
	if a.lock, err = a.Ledger.Lock(ctx, a.Migration); err != nil {
		return nil, err
	}
	defer func() { _ = a.lock.Close(context.WithoutCancel(ctx)) }() // the lock ends with its connection anyway
	if a.m, err = a.Ledger.Load(ctx, a.Migration); err != nil {
		return nil, err
	}
	if a.record, err = recordOf(a.m); err != nil {
		return nil, err
	}
	if err := a.Queue.Declare(ctx, a.Migration); err != nil {
		return nil, err
	}
	// A run has set it for its own shards, and may have left it behind.
	if err := a.Ledger.ClearDeadline(ctx, a.Migration); err != nil {
		return nil, err
	}
	started := time.Now()
	if a.Repair { // one that was killed goes on: nobody is in two redos at once
		if err := a.redone(ctx, 0); err != nil {
			return nil, err
		}
	}
	r, err = a.audit(ctx)
	if err == nil && a.Repair {
		r, err = a.repair(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	r.Seconds = time.Since(started).Seconds()
	return r, nil
}

// audit begins an audit, or goes on with one, and waits for its end.
func (a *Audit) audit(ctx context.Context) (*AuditReport, error) {
	state, err := a.Ledger.AuditState(ctx, a.Migration)
	if err != nil {
		return nil, err
	}
	if state.Planned > 0 {
		a.Log.InfoContext(ctx, "going on with an audit that was not ended", "migration", a.Migration, "shards", state.Planned)
	} else if _, err := a.Ledger.AddAudit(ctx, a.Migration, a.redoWave()+1, a.tables()); err != nil {
		return nil, err
	}
	err = a.wait(ctx, "auditing", func(ctx context.Context) ([]shard.Task, error) { return a.Ledger.NextAudit(ctx, a.Migration) },
		func(ctx context.Context) (ledger.AuditState, error) { return a.Ledger.AuditState(ctx, a.Migration) })
	if err != nil {
		return nil, err
	}
	return ReportAudit(ctx, a.Ledger, a.Migration, a.Version)
}

// redoWave is when units are done again: behind the mapping's waves and the rest.
func (a *Audit) redoWave() int { return len(a.record.Waves) + 1 }

// tables returns one entry for each fed table.
func (a *Audit) tables() (entries []int) {
	var met []string
	for i, e := range a.record.Entries {
		if e.Into != "" && !slices.Contains(met, e.Into) {
			met, entries = append(met, e.Into), append(entries, i)
		}
	}
	return entries
}

// wait publishes shards and returns when all of them have ended.
func (a *Audit) wait(ctx context.Context, what string, planned func(context.Context) ([]shard.Task, error),
	look func(context.Context) (ledger.AuditState, error)) error {
	d := dispatch.Dispatcher{Ledger: a.Ledger, Queue: a.Queue, Log: a.Log, Name: a.Migration, Run: a.m.Run}
	work := dispatch.Work{Tasks: planned, Count: func(ctx context.Context) (int, error) {
		state, err := look(ctx)
		return state.Planned, err
	}}
	var swept time.Time
	for {
		if time.Since(swept) >= dispatch.Every {
			if err := a.lock.Check(ctx); err != nil {
				return err
			}
			if err := d.Sweep(ctx, work); err != nil {
				return err
			}
			swept = time.Now()
		}
		controls, err := a.Ledger.Controls(ctx, a.Migration)
		if err != nil {
			return err
		}
		if reason := controls.Halted; reason != "" {
			return fmt.Errorf("migration %s is halted: %s; mend that, start producer run, and then the audit again: it goes on", a.Migration, reason)
		}
		state, err := look(ctx)
		if err != nil {
			return err
		}
		a.Show(report.Progress{Migration: a.Migration, State: what, Controls: (&Sight{Controls: controls}).controls(),
			Step: fmt.Sprintf("%s of %s rows", report.Number(state.Moved), report.Number(state.Weight))})
		if state.Planned == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the audit of migration %s: %w", a.Migration, context.Cause(ctx))
		case <-time.After(lookEvery):
		}
	}
}
