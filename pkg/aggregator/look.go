package aggregator

import (
	"cmp"
	"context"
	"slices"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/throttle"
)

const (
	speedEvery  = 5 * time.Second  // how often it is measured how fast shards are
	aliveWithin = 10 * time.Second // beats are 3 s apart
	mostSums    = 10 * time.Second // how old the sums over all shards may be at most, whatever they cost
)

// A Looker looks at one migration again and again, for whoever watches or directs it. It is for one goroutine.
type Looker struct {
	Ledger *ledger.Ledger
	Name   string        // of the migration
	Every  time.Duration // how old the sums over all shards may get, at least: what they cost can make it more

	waves   []ledger.Wave
	sums    throttle.Interval // of asking for waves
	speed   speed
	clocked time.Time // when speed was measured
	until   string    // how the operator has said the deadline
	said    time.Time // the deadline that it is of
}

// speed is how long the shards that ended last have taken for so many rows.
type speed struct {
	rows int64
	took time.Duration
}

// A Sight is a migration as it stands at one moment.
type Sight struct {
	Migration *ledger.Migration
	Waves     []ledger.Wave
	Gates     []ledger.Gate
	Controls  *ledger.Controls
	Workers   []ledger.Worker // who are alive
	Setbacks  ledger.Setbacks

	speed speed
	until string
}

// Look looks at the migration, which was loaded a moment ago.
func (l *Looker) Look(ctx context.Context, m *ledger.Migration) (s *Sight, err error) {
	s = &Sight{Migration: m}
	if s.Controls, err = l.Ledger.Controls(ctx, l.Name); err != nil {
		return nil, err
	}
	if s.Workers, err = l.Ledger.Workers(ctx, l.Name, aliveWithin); err != nil {
		return nil, err
	}
	if s.Gates, err = l.Ledger.Gates(ctx, l.Name); err != nil {
		return nil, err
	}
	if s.Setbacks, err = l.Ledger.Setbacks(ctx, l.Name); err != nil {
		return nil, err
	}
	if err := l.sumUp(ctx); err != nil {
		return nil, err
	}
	if !s.Controls.Deadline.IsZero() && (l.clocked.IsZero() || time.Since(l.clocked) >= speedEvery) {
		if l.speed.rows, l.speed.took, err = l.Ledger.Speed(ctx, l.Name); err != nil {
			return nil, err
		}
		l.clocked = time.Now()
	}
	if err := l.askUntil(ctx, s.Controls.Deadline); err != nil {
		return nil, err
	}
	s.Waves, s.speed, s.until = l.waves, l.speed, l.until
	return s, nil
}

// sumUp asks for the sums over all shards where they are old: that takes a third of a second with a hundred thousand of them. That a wave has ended is seen
// at once.
func (l *Looker) sumUp(ctx context.Context) (err error) {
	l.sums.Least, l.sums.Most = l.Every, max(l.Every, mostSums)
	if !l.sums.Due() {
		wave, ahead, err := l.Ledger.Ahead(ctx, l.Name)
		i := slices.IndexFunc(l.waves, func(w ledger.Wave) bool { return w.Planned > 0 })
		if err != nil || ahead == (i >= 0) && (i < 0 || l.waves[i].Wave == wave) {
			return err
		}
	}
	began := time.Now()
	if l.waves, err = l.Ledger.Progress(ctx, l.Name); err != nil {
		return err
	}
	l.sums.Asked(began)
	return nil
}

// askUntil asks how the operator has said the deadline, once for each.
func (l *Looker) askUntil(ctx context.Context, deadline time.Time) (err error) {
	if deadline.Equal(l.said) {
		return nil
	}
	l.until = ""
	if !deadline.IsZero() {
		if l.until, err = l.Ledger.Until(ctx, l.Name); err != nil {
			return err
		}
	}
	l.said = deadline
	return nil
}

// PerShard returns about how long a shard of so many rows takes one slot; 0 where that cannot be told yet.
func (s *Sight) PerShard(rows int64) time.Duration {
	if s.speed.rows <= 0 {
		return 0
	}
	return time.Duration(s.speed.took.Seconds() / float64(s.speed.rows) * float64(rows) * float64(time.Second))
}

// Progress tells how far the migration has come, and what holds it up.
func (s *Sight) Progress() report.Progress {
	p := progress(s.Migration, s.Waves, s.Gates)
	p.Controls, p.Workers, p.Setbacks = s.controls(), s.workers(), report.Setbacks(s.Setbacks)
	switch {
	case p.Controls.Halted != "":
		p.State = "halted"
	case p.Controls.Paused != "":
		p.State = "paused"
	}
	if !s.Controls.Deadline.IsZero() {
		p.Needed = report.Needed(p.PlannedRows-p.Moved, s.speed.rows, s.speed.took, s.Controls.Left)
	}
	return p
}

func (s *Sight) controls() report.Controls {
	c := s.Controls
	out := report.Controls{
		Halted: c.Halted, Paused: c.Paused, PausedAt: c.PausedAt, Rollback: c.Rollback, Limits: c.Limits, Deadline: c.Deadline, Left: c.Left, Until: s.until,
	}
	if c.Limits.Measured() && c.Measured >= 0 && c.Measured <= throttle.Stale {
		out.Gauge = c.Gauge
	}
	return out
}

func (s *Sight) workers() report.Workers {
	w := report.Workers{Alive: len(s.Workers), Busy: s.Controls.Busy}
	slow := map[string]int{}
	for _, one := range s.Workers {
		if one.Stopping {
			w.Stopping++
		} else {
			w.Slots += one.Slots
		}
		if one.Seen < s.Controls.Version {
			w.Behind++
		}
		if one.Slow != "" {
			slow[one.Slow]++
		}
	}
	for why, n := range slow {
		w.Slow = append(w.Slow, report.Slow{Why: why, Workers: n})
	}
	slices.SortFunc(w.Slow, func(a, b report.Slow) int { return cmp.Or(b.Workers-a.Workers, cmp.Compare(a.Why, b.Why)) })
	return w
}

// progress sums up the waves. A plan that cannot be read is an error of whoever needs more of it than to look at it.
func progress(m *ledger.Migration, waves []ledger.Wave, gates []ledger.Gate) report.Progress {
	p := report.Progress{Migration: m.Name, State: string(m.State), Started: m.StartedAt}
	record, err := recordOf(m)
	if err != nil {
		return p
	}
	p.Users.Planned = record.Users
	for _, w := range waves {
		p.Users.Migrated += w.Migrated
		p.Users.Quarantined += w.Quarantined
		p.Rows += w.Written
		p.Moved += w.Moved
		p.PlannedRows += w.Rows
		p.Shards.Done += int64(w.Done)
		p.Shards.Dead += int64(w.Dead)
		p.Shards.Pending += int64(w.Planned)
		p.Shards.Discarded += int64(w.Discarded)
		p.Shards.Planned += int64(w.Planned + w.Done + w.Dead + w.Discarded)
		p.Working += w.Working
		if w.Planned > 0 && p.Wave == "" && w.Wave < len(record.Waves) {
			p.Wave = record.Waves[w.Wave].Name
		}
	}
	states := gateStates(record, waves, gates)
	for i, planned := range record.Waves {
		w := report.WaveProgress{Name: planned.Name, Planned: planned.Users}
		if at := slices.IndexFunc(waves, func(w ledger.Wave) bool { return w.Wave == i }); at >= 0 {
			w.Tried, w.Quarantined = waves[at].Migrated+waves[at].Quarantined, waves[at].Quarantined
		}
		if i < len(record.Waves)-1 {
			w.Gate, w.Override = states[i].state, states[i].override
		}
		p.Waves = append(p.Waves, w)
	}
	return p
}

// gateState is how the gate of a wave stands, in the report's words.
type gateState struct {
	state    string
	override bool
	why      []string
}

// gateStates tells how the gates of the mapping's waves stand. One that nobody has judged is open; but where something behind it is done, an earlier
// release, which knew no gates, has gone on. The last wave has none: that counts as passed when nothing of the wave is left.
func gateStates(record *plan.Record, waves []ledger.Wave, gates []ledger.Gate) []gateState {
	begun, left := -1, map[int]bool{}
	for _, w := range waves {
		if w.Done+w.Dead+w.Discarded > 0 {
			begun = max(begun, w.Wave)
		}
		left[w.Wave] = w.Planned > 0
	}
	states := make([]gateState, len(record.Waves))
	for i := range states {
		states[i].state = report.GateOpen
		last := i == len(states)-1
		if last && !left[i] || !last && begun > i {
			states[i].state = report.GatePassed
		}
	}
	for _, g := range gates {
		if g.Wave >= len(states) {
			continue
		}
		states[g.Wave] = gateState{report.GateClosed, g.Overridden, g.Reasons}
		if g.Passed {
			states[g.Wave].state = report.GatePassed
		}
	}
	return states
}
