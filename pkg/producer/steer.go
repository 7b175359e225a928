package producer

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/throttle"
)

// A Steering is what a person at the controls of a migration works with, which goes on meanwhile on other machines. It is for one goroutine.
type Steering struct {
	ledger *ledger.Ledger
	m      *ledger.Migration
	looker aggregator.Looker
}

// Steer takes the controls of a migration that is planned; the error wraps ledger.ErrNotFound where none is of that name.
func Steer(ctx context.Context, l *ledger.Ledger, migration string) (*Steering, error) {
	m, err := l.Load(ctx, migration)
	if err != nil {
		return nil, err
	}
	return &Steering{ledger: l, m: m, looker: aggregator.Looker{Ledger: l, Name: migration, Every: time.Hour}}, nil
}

// Legacy returns the identity of the legacy database that the migration was planned from.
func (s *Steering) Legacy() string { return s.m.Legacy }

// A Standing is what the controls of a migration are, and who goes by them.
type Standing struct {
	Migration string         `json:"migration"`
	State     string         `json:"state"` // as in the ledger; or paused, or halted
	Version   int64          `json:"version"`
	Halted    string         `json:"halted,omitzero"` // why, as something is wrong with the migration
	Paused    *Paused        `json:"paused"`          // null while it is not
	Deadline  *time.Time     `json:"deadline"`        // null without one
	Until     string         `json:"until,omitzero"`  // Deadline as its operator has said it
	Limits    map[string]any `json:"limits"`          // those that are set: numbers, and durations as text
	Gauge     *Gauge         `json:"gauge"`           // null where nothing is to be measured, or was
	Workers   report.Workers `json:"workers"`

	Unseen []ledger.Worker `json:"-"` // who do not go by the controls yet
	Set    throttle.Limits `json:"-"`
}

// A Paused is a pause by the operator.
type Paused struct {
	Reason   string    `json:"reason"`
	Since    time.Time `json:"since"`
	Rollback bool      `json:"rollback"`   // shards in work are rolled back, too
	InWork   int       `json:"in_work"`    // shards, when it was told; 0 of one that was there already, as is the next
	Given    int       `json:"given_back"` // of these, as they were rolled back
}

// A Gauge is what was measured of the databases, and what follows.
type Gauge struct {
	Pace   float64           `json:"pace"` // of full speed
	Reason string            `json:"reason,omitzero"`
	Load   map[string]string `json:"load"`
	Age    float64           `json:"age_seconds"`

	Measured throttle.Gauge `json:"-"`
}

// Old reports whether the gauge is too old to go by, so that all workers stand still.
func (g *Gauge) Old() bool { return g.Age > throttle.Stale.Seconds() }

// How long a change is waited for.
const (
	seenWithin   = 2 * time.Second // in all
	seenEvery    = 50 * time.Millisecond
	obeyedWithin = 600 * time.Millisecond // a measurement by workers, who look twice a second
)

// Pause has the workers take no shard until Resume, and with rollback roll back those in work. It returns what that has come to when all have seen it, or after two
// seconds; those who have not cannot claim a shard either.
func (s *Steering) Pause(ctx context.Context, reason string, rollback bool) (*Standing, error) {
	before, _, err := s.ledger.InWork(ctx, s.m.Name)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.Pause(ctx, s.m.Name, reason, rollback); err != nil {
		return nil, err
	}
	now, err := s.await(ctx, func(now *Standing) bool { return !rollback || now.Workers.Busy == 0 })
	if err != nil || now.Paused == nil {
		return now, err
	}
	ended, err := s.ledger.Ended(ctx, s.m.Name, before)
	now.Paused.InWork, now.Paused.Given = len(before), max(0, len(before)-ended-now.Workers.Busy)
	return now, err
}

// Resume ends a pause, and reports whether there was one. It returns as Pause does.
func (s *Steering) Resume(ctx context.Context) (now *Standing, was bool, err error) {
	if now, err = s.Look(ctx); err != nil || now.Paused == nil {
		return now, false, err
	}
	if err := s.ledger.Resume(ctx, s.m.Name); err != nil {
		return nil, true, err
	}
	now, err = s.await(ctx, func(*Standing) bool { return true })
	return now, true, err
}

// Limit replaces the limits. It returns as Pause does, and waits for a measurement too where one is needed.
func (s *Steering) Limit(ctx context.Context, limits throttle.Limits) (*Standing, error) {
	if err := s.ledger.SetLimits(ctx, s.m.Name, limits); err != nil {
		return nil, err
	}
	began := time.Now()
	var since time.Time // when there was a measurement
	return s.await(ctx, func(now *Standing) bool {
		if since.IsZero() && now.Gauge != nil && now.Gauge.Age < time.Since(began).Seconds() {
			since = time.Now()
		}
		return !limits.Measured() || !since.IsZero() && time.Since(since) > obeyedWithin
	})
}

// await returns how all stands when all workers have seen it and it is as wanted, or after some time.
func (s *Steering) await(ctx context.Context, is func(*Standing) bool) (*Standing, error) {
	tick, late := time.NewTicker(seenEvery), time.After(seenWithin)
	defer tick.Stop()
	for {
		now, err := s.Look(ctx)
		if err != nil || len(now.Unseen) == 0 && is(now) {
			return now, err
		}
		select {
		case <-tick.C:
		case <-late:
			return now, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the workers of migration %s: %w", s.m.Name, context.Cause(ctx))
		}
	}
}

// Look returns how all stands.
func (s *Steering) Look(ctx context.Context) (*Standing, error) {
	sight, err := s.looker.Look(ctx, s.m)
	if err != nil {
		return nil, err
	}
	c, p := sight.Controls, sight.Progress()
	now := &Standing{
		Migration: s.m.Name, State: p.State, Version: c.Version, Halted: c.Halted, Limits: c.Limits.Values(), Workers: p.Workers, Set: c.Limits,
	}
	if c.Paused != "" {
		now.Paused = &Paused{Reason: c.Paused, Since: c.PausedAt, Rollback: c.Rollback}
	}
	if !c.Deadline.IsZero() {
		now.Deadline, now.Until = &c.Deadline, p.Controls.Until
	}
	if c.Limits.Measured() && c.Measured >= 0 {
		now.Gauge = &Gauge{Pace: c.Gauge.Pace, Reason: c.Gauge.Reason, Age: c.Measured.Seconds(), Measured: c.Gauge, Load: map[string]string{}}
		for _, line := range c.Limits.Lines(c.Gauge.Load) {
			if line.Load != "" {
				now.Gauge.Load[line.Name] = line.Load
			}
		}
	}
	for _, w := range sight.Workers {
		if w.Seen < c.Version {
			now.Unseen = append(now.Unseen, w)
		}
	}
	return now, nil
}
