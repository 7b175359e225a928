package producer

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/report"
)

// Until is when a run has to be over: nothing of it is in work behind that. The zero Until is no such time.
type Until struct {
	At   time.Time // with a reading of the monotonic clock
	Text string    // as a person says it
}

const (
	releaseWithin = 10 * time.Second // behind the deadline, for workers to give back what they had in work
	idleFor       = 5 * time.Second  // without a shard in work, before it is believed that none is begun any more
)

// limitTime tells the workers until when they may work: as the options say, or as long as there is work, whatever an earlier run was told.
func (r *Run) limitTime(ctx context.Context) error {
	c, err := r.ledger.Controls(ctx, r.m.Name)
	if err != nil {
		return err
	}
	until := r.options.Until
	if until.At.IsZero() {
		if c.Deadline.IsZero() {
			return nil
		}
		return r.ledger.ClearDeadline(ctx, r.m.Name)
	}
	left := time.Until(until.At)
	if left <= 0 {
		return &Stopped{fmt.Sprintf("the time is up (%s) before anything was published; the next run goes on", until.Text)}
	}
	if err := r.ledger.NoteUntil(ctx, r.m.Name, until.Text); err != nil {
		return err
	}
	if _, err := r.ledger.SetDeadline(ctx, r.m.Name, left); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, fmt.Sprintf("nothing is in work behind %s, %s from now", until.Text, report.Duration(left.Seconds())), "migration", r.m.Name)
	return nil
}

// deadline spells the deadline for a person.
func (r *Run) deadline(s *aggregator.Sight) string {
	return cmp.Or(r.options.Until.Text, s.Controls.Deadline.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// inTime returns nil while something may still be done before the deadline, and else a *Stopped: when that has passed and nothing is in work any more,
// or when nobody is at work and not even the lightest shard would end in time.
func (l *looker) inTime(ctx context.Context, s *aggregator.Sight, p report.Progress) error {
	c := s.Controls
	switch {
	case c.Deadline.IsZero():
		return nil
	case c.Due():
		if c.Busy > 0 && c.Left > -releaseWithin {
			return nil
		}
		return &Stopped{fmt.Sprintf("the time is up (%s): %s", l.deadline(s), goesOn(p))}
	}
	fits, err := l.fits(ctx, s)
	if err != nil || fits {
		return err
	}
	return &Stopped{fmt.Sprintf("the time is up (%s, %s from now): none of the shards that are left would end before that; %s", l.deadline(s),
		report.Duration(c.Left.Seconds()), goesOn(p))}
}

func goesOn(p report.Progress) string {
	text := fmt.Sprintf("%s of %s shards are done, %s go on with the next run", report.Number(p.Shards.Done), report.Number(p.Shards.Planned),
		report.Number(p.Shards.Pending))
	if p.Shards.Dead > 0 {
		text += fmt.Sprintf("; %s are dead", report.Number(p.Shards.Dead))
	}
	return text
}

// fits reports whether somebody works on a shard, or the lightest one would end in time as far as is known.
func (l *looker) fits(ctx context.Context, s *aggregator.Sight) (bool, error) {
	if s.Controls.Busy > 0 {
		l.idle = time.Time{}
		return true, nil
	}
	weight, found, err := l.ledger.Lightest(ctx, l.m.Name)
	if takes := time.Duration(ledger.Margin * float64(s.PerShard(weight))); err != nil || !found || takes == 0 || takes < s.Controls.Left-ledger.Ahead {
		l.idle = time.Time{}
		return true, err
	}
	if l.idle.IsZero() {
		l.idle = time.Now()
	}
	return time.Since(l.idle) < idleFor, nil
}
