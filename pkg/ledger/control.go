package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/throttle"
)

// Controls are what is set for a migration as a whole while it runs, with what a worker needs to go by them.
type Controls struct {
	Version  int64         // grows with each change; 0 while nothing was ever set
	Halted   string        // why all work is halted, as something is wrong with the migration; empty while it is not
	Paused   string        // why its operator has paused it; empty while it is not
	PausedAt time.Time     // by the target server's clock; zero while it is not paused
	Rollback bool          // of a pause: shards in work are rolled back, too
	Deadline time.Time     // no shard is in work behind it; zero without one
	Left     time.Duration // until Deadline, by the target server's clock; not above 0 when it has passed
	Limits   throttle.Limits
	Gauge    throttle.Gauge
	Measured time.Duration // how old Gauge is; below 0 where nothing was ever measured
	Busy     int           // shards in work, over all workers that are alive
}

// Due reports whether there is a deadline, and it has passed.
func (c *Controls) Due() bool { return !c.Deadline.IsZero() && c.Left <= 0 }

// inWork finds the shards s that somebody works on, $2 being DefaultFrozen: a worker that is alive, over the session that has claimed. Where that session is
// gone nobody does any more, although a worker that could not reach the ledger then is still their holder; what waits for a slot would wait for ever.
const inWork = `
	FROM rehome.shard s
	JOIN rehome.worker w ON w.holder = s.holder AND w.beat BETWEEN clock_timestamp() - $2::interval AND clock_timestamp() + $2::interval
	JOIN pg_stat_activity a ON a.pid = s.holder_pid AND coalesce(a.backend_start, s.holder_started) = s.holder_started
   WHERE s.state = 'planned' AND s.holder IS NOT NULL`

// Controls returns those of the migration; the error wraps ErrNotFound if there is none of that name.
func (l *Ledger) Controls(ctx context.Context, name string) (*Controls, error) {
	var c Controls
	var pausedAt, deadline *time.Time
	var left, measured *time.Duration
	err := l.pool.QueryRow(ctx, `
		SELECT coalesce(c.version, 0), coalesce(m.paused, ''), coalesce(c.paused, ''), c.paused_at, coalesce(c.rollback, false),
		       c.deadline, c.deadline - clock_timestamp(), coalesce(c.limits, '{}'),
		       coalesce(g.pace, 1), coalesce(g.reason, ''), coalesce(g.load, '{}'), greatest(clock_timestamp() - g.at, g.at - clock_timestamp()),
		       (SELECT count(*) `+inWork+` AND s.migration = m.name)
		  FROM rehome.migration m
		  LEFT JOIN rehome.control c ON c.migration = m.name
		  LEFT JOIN rehome.gauge g ON g.migration = m.name
		 WHERE m.name = $1`, name, DefaultFrozen).
		Scan(&c.Version, &c.Halted, &c.Paused, &pausedAt, &c.Rollback, &deadline, &left, &c.Limits,
			&c.Gauge.Pace, &c.Gauge.Reason, &c.Gauge.Load, &measured, &c.Busy)
	if err != nil {
		return nil, fmt.Errorf("read the controls of migration %s: %w", name, absent(err))
	}
	if pausedAt != nil {
		c.PausedAt = *pausedAt
	}
	if deadline != nil {
		c.Deadline, c.Left = *deadline, *left
	}
	c.Measured = -1
	if measured != nil {
		c.Measured = max(0, *measured)
	}
	return &c, nil
}

// Pause has the workers take no shard until Resume, and, with rollback, roll back those that they have in work. It holds whatever is started or
// restarted meanwhile. The reason is shown to whoever watches. A second pause replaces the first.
func (l *Ledger) Pause(ctx context.Context, name, reason string, rollback bool) error {
	return l.control(ctx, name, "paused", map[string]any{"reason": reason, "rollback": rollback}, `
		paused = $2, paused_at = clock_timestamp(), rollback = $3`, reason, rollback)
}

// Resume ends a pause; without one it changes nothing.
func (l *Ledger) Resume(ctx context.Context, name string) error {
	return l.control(ctx, name, "resumed", struct{}{}, `paused = NULL, paused_at = NULL, rollback = false`)
}

// SetLimits replaces the limits.
func (l *Ledger) SetLimits(ctx context.Context, name string, limits throttle.Limits) error {
	return l.control(ctx, name, "limited", limits, `limits = $2`, limits)
}

// SetDeadline has no shard in work after the given time from now, by the target server's clock, and returns when that is.
func (l *Ledger) SetDeadline(ctx context.Context, name string, left time.Duration) (at time.Time, err error) {
	err = l.control(ctx, name, "deadline set", map[string]any{"seconds": left.Seconds()}, `deadline = clock_timestamp() + $2::interval`, left)
	if err == nil {
		err = l.pool.QueryRow(ctx, `SELECT deadline FROM rehome.control WHERE migration = $1`, name).Scan(&at)
	}
	if err != nil {
		return at, fmt.Errorf("set the deadline of migration %s: %w", name, err)
	}
	return at, nil
}

// ClearDeadline takes the deadline away; without one it changes nothing.
func (l *Ledger) ClearDeadline(ctx context.Context, name string) error {
	var had bool
	err := l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM rehome.control WHERE migration = $1 AND deadline IS NOT NULL)`, name).Scan(&had)
	if err != nil {
		return fmt.Errorf("look for a deadline of migration %s: %w", name, err)
	}
	if !had {
		return nil
	}
	return l.control(ctx, name, "deadline cleared", struct{}{}, `deadline = NULL`)
}

// control changes the controls of the migration, whose name is $1, in one transaction with the word that it did.
func (l *Ledger) control(ctx context.Context, name, what string, detail any, set string, args ...any) error {
	return l.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO rehome.control (migration, version) SELECT name, 0 FROM rehome.migration WHERE name = $1
			ON CONFLICT (migration) DO NOTHING`, name)
		if err != nil {
			return fmt.Errorf("control migration %s: %w", name, err)
		}
		if err := update(ctx, tx, name, "change the controls", `UPDATE rehome.control SET version = version + 1, `+set+` WHERE migration = $1`, args...); err != nil {
			return err
		}
		return event(ctx, tx, name, -1, 0, 0, what, detail)
	})
}

// SetGauge stores what was measured just now, and what follows.
func (l *Ledger) SetGauge(ctx context.Context, name string, g throttle.Gauge) error {
	_, err := l.pool.Exec(ctx, `
		INSERT INTO rehome.gauge (migration, at, pace, reason, load) VALUES ($1, clock_timestamp(), $2, $3, $4)
		ON CONFLICT (migration) DO UPDATE SET at = excluded.at, pace = excluded.pace, reason = excluded.reason, load = excluded.load`,
		name, g.Pace, g.Reason, g.Load)
	if err != nil {
		return fmt.Errorf("store what the databases of migration %s bear: %w", name, err)
	}
	return nil
}
