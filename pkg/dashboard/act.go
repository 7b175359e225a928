package dashboard

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/producer"
)

// Pause says how the migration is to be paused.
type Pause struct {
	Now    bool   `json:"now"`    // roll back what is in work, too
	Reason string `json:"reason"` // which is shown to whoever watches
}

// Explain names a user by their key in the legacy database. It stands in the body so that no address, which logs and browsers keep, holds a key.
type Explain struct {
	User string `json:"user"`
}

const longestUser = 1000 // bytes of a user's key

// lacking ends what is told where the database refuses.
const lacking = "the aggregator's role in the target database lacks a right for it: type the command of the same name where the producer runs, or give the " +
	"role its rights with deploy/roles/target.sql --variable=actions=on"

func (d *Dashboard) pause(ctx context.Context, r *http.Request) (any, error) {
	var want Pause
	if err := read(r, &want); err != nil {
		return nil, err
	}
	if len(want.Reason) > longestReason {
		return nil, wrong(`pause the migration: "reason" takes at most %d bytes`, longestReason)
	}
	reason := cmp.Or(strings.TrimSpace(want.Reason), d.by(r))
	return d.steer(ctx, r, "pause", func(s *producer.Steering) (*producer.Standing, error) { return s.Pause(ctx, reason, want.Now) })
}

func (d *Dashboard) resume(ctx context.Context, r *http.Request) (any, error) {
	if err := read(r, &struct{}{}); err != nil {
		return nil, err
	}
	return d.steer(ctx, r, "resume", func(s *producer.Steering) (*producer.Standing, error) {
		now, _, err := s.Resume(ctx)
		return now, err
	})
}

// steer has the controls changed.
func (d *Dashboard) steer(ctx context.Context, r *http.Request, what string, do func(*producer.Steering) (*producer.Standing, error)) (any, error) {
	steering, err := producer.Steer(ctx, d.config.Ledger, d.migration())
	if err != nil {
		return nil, err
	}
	now, err := do(steering)
	d.crowd.act()
	if err != nil {
		return nil, d.refused(ctx, err, "producer "+what)
	}
	d.note(ctx, r, what)
	return now, nil
}

func (d *Dashboard) explain(ctx context.Context, r *http.Request) (any, error) {
	var want Explain
	if err := read(r, &want); err != nil {
		return nil, err
	}
	if want.User == "" || len(want.User) > longestUser {
		return nil, wrong(`explain a user: say which in "user", by their key in the legacy database, in at most %d bytes`, longestUser)
	}
	e, err := d.config.Explain(ctx, d.migration(), want.User)
	if errors.Is(err, aggregator.ErrKey) {
		return nil, wrong("explain a user: %s: it is spelled as users.key has it, with slashes between several columns", aggregator.ErrKey)
	}
	if err == nil {
		d.note(ctx, r, "explain") // not whom
	}
	return e, err
}

// note tells the log who has done what; never to whom.
func (d *Dashboard) note(ctx context.Context, r *http.Request, what string, more ...any) {
	args := append([]any{"migration", d.migration(), "action", what, "from", addressOf(r)}, more...)
	d.config.Log.InfoContext(ctx, "somebody has acted by the dashboard", args...)
}

// refused gives the error of an action its status. Where a right is missing it says which, and what to type elsewhere.
func (d *Dashboard) refused(ctx context.Context, err error, command string) error {
	if !ledger.Lacks(err) {
		return refusal(err)
	}
	why := lacking
	if rights, again := d.config.Ledger.Rights(ctx); again == nil {
		why = cmp.Or(missing(&rights, strings.HasPrefix(command, "producer dead"), command), lacking)
	}
	return &problem{http.StatusForbidden, why}
}

// missing tells which rights are, and what to do; empty where none is.
func missing(r *ledger.Rights, dead bool, command string) string {
	list := r.Pause
	if dead {
		list = r.Dead
	}
	if len(list) == 0 {
		return ""
	}
	return "the aggregator's role " + r.Role + " may not do that in the target database: type " + command + " where the producer runs, or have an administrator say " +
		strings.Join(list, "; ") + " (deploy/roles/target.sql --variable=actions=on)"
}

// may tells what the role may do.
func (d *Dashboard) may(r *ledger.Rights) Actions {
	a := Actions{Legacy: d.config.Legacy}
	a.PauseWhyNot, a.DeadWhyNot = missing(r, false, "producer pause"), missing(r, true, "producer dead")
	a.Pause, a.Dead = a.PauseWhyNot == "", a.DeadWhyNot == ""
	return a
}
