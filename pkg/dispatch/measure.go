package dispatch

import (
	"context"
	"errors"
	"fmt"

	"rehome/pkg/target"
	"rehome/pkg/throttle"
)

// ask bounds one question. What could not be measured is named.
func ask(ctx context.Context, what string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("no answer within %s", askLimit))
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return &unknown{what, err}
}

// An unknown is something that is limited and could not be measured.
type unknown struct {
	what string
	err  error
}

// Error says what it is, and why.
func (u *unknown) Error() string { return u.what + ": " + u.err.Error() }

// Unwrap returns why.
func (u *unknown) Unwrap() error { return u.err }

func (g *Governor) measureLegacy(ctx context.Context, limits throttle.Limits, load *throttle.Load) error {
	var errs []error
	if limits.Threads != 0 {
		errs = append(errs, ask(ctx, "the threads running in the legacy server", func(ctx context.Context) (err error) {
			if err = g.openLegacy(ctx); err == nil {
				load.Threads, err = g.legacy.ThreadsRunning(ctx)
			}
			return err
		}))
	}
	if limits.Lag != 0 {
		errs = append(errs, ask(ctx, "the replica lag", func(ctx context.Context) (err error) {
			if err = g.openReplica(ctx); err == nil {
				load.Lag, err = g.replica.Lag(ctx)
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

var (
	errNoLegacy  = errors.New("this process has no LEGACY_DSN: start it again with one, or take the limit away")
	errNoReplica = errors.New("this process has no REPLICA_DSN: start it again with one, or take the limit away with producer limit lag=off")
)

func (g *Governor) openLegacy(ctx context.Context) (err error) {
	if g.Legacy == nil {
		return errNoLegacy
	}
	if g.legacy == nil {
		g.legacy, err = g.Legacy(ctx)
	}
	return err
}

func (g *Governor) openReplica(ctx context.Context) (err error) {
	if g.Replica == nil {
		return errNoReplica
	}
	if err = g.openLegacy(ctx); err != nil || g.replica != nil {
		return err
	}
	if g.replica, err = g.Replica(ctx, g.legacy); err == nil && g.replica.Unseen() != "" {
		g.log.WarnContext(ctx, g.replica.Unseen(), "migration", g.name)
	}
	return err
}

func (g *Governor) measureTarget(ctx context.Context, limits throttle.Limits, load *throttle.Load) error {
	var errs []error
	if limits.Backends != 0 {
		errs = append(errs, ask(ctx, "the backends active in the target server", func(ctx context.Context) (err error) {
			load.Backends, err = target.ActiveBackends(ctx, g.pool)
			return err
		}))
	}
	if limits.ReplicationLag != 0 {
		errs = append(errs, ask(ctx, "the standby lag", func(ctx context.Context) (err error) {
			load.ReplicationLag, err = g.standbys.Lag(ctx, g.pool)
			return err
		}))
	}
	return errors.Join(errs...)
}
