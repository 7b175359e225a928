package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
)

// A RunLock is the right to be the only run of a migration. It lives as long as its connection does, so a process that is killed
// leaves none behind. The holder closes it.
type RunLock struct {
	conn *pgx.Conn
	name string
}

// A LockedError tells that another run of the migration is alive, and which. What the server does not show is empty.
type LockedError struct {
	Migration   string
	Application string // its application_name
	Address     string // of the client; empty for a local socket
	PID         int    // of its backend
	Since       time.Time
}

// Error names the other run, so that the operator can find it.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another run of migration %s is alive", e.Migration)
	}
	return fmt.Sprintf("another run of migration %s is alive: %q from %q since %s, backend %d of the target database",
		e.Migration, e.Application, e.Address, e.Since.UTC().Format(time.RFC3339), e.PID)
}

// Lock takes the run lock on a connection of its own, taken out of the pool. If another run holds it, the error is a *LockedError.
func (l *Ledger) Lock(ctx context.Context, name string) (*RunLock, error) {
	pooled, err := l.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect for the run lock of migration %s: %w", name, err)
	}
	lock := &RunLock{conn: pooled.Hijack(), name: name}
	if err := lock.take(ctx); err != nil {
		return nil, errors.Join(err, lock.Close(context.WithoutCancel(ctx)))
	}
	return lock, nil
}

func (r *RunLock) take(ctx context.Context) error {
	// The connection is silent for hours, and servers from 14 on can be set to end such ones.
	_, err := r.conn.Exec(ctx, `SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'`)
	if err != nil {
		return fmt.Errorf("prepare the connection of the run lock of migration %s: %w", r.name, err)
	}
	var taken bool
	if err := r.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, lockKey(r.name)).Scan(&taken); err != nil {
		return fmt.Errorf("take the run lock of migration %s: %w", r.name, err)
	}
	if !taken {
		return r.holder(ctx)
	}
	return nil
}

func lockKey(name string) int64 { return checksum.Key([]byte("rehome run of " + name)) }

// holder returns who has the lock as a *LockedError.
func (r *RunLock) holder(ctx context.Context) error {
	locked := &LockedError{Migration: r.name}
	err := r.conn.QueryRow(ctx, `
		SELECT a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), ''), coalesce(a.backend_start, to_timestamp(0))
		  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
		   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		   AND l.classid = (($1::bigint >> 32) & 4294967295)::oid AND l.objid = ($1::bigint & 4294967295)::oid`, lockKey(r.name)).
		Scan(&locked.PID, &locked.Application, &locked.Address, &locked.Since)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("ask who holds the run lock of migration %s: %w", r.name, err)
	}
	return locked
}

// Check returns an error if the lock may have been lost with its connection; the holder then has to stop. Call it every few
// seconds, and never from two goroutines at once.
func (r *RunLock) Check(ctx context.Context) error {
	if err := r.conn.Ping(ctx); err != nil {
		return fmt.Errorf("the run lock of migration %s is lost with its connection: %w", r.name, err)
	}
	return nil
}

// Close gives the lock back.
func (r *RunLock) Close(ctx context.Context) error {
	if err := r.conn.Close(ctx); err != nil {
		return fmt.Errorf("give back the run lock of migration %s: %w", r.name, err)
	}
	return nil
}
