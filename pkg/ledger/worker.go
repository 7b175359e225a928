package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// A Worker is one incarnation of a process that claims shards.
type Worker struct {
	Holder    uuid.UUID // drawn anew by each process
	Migration string
	Host      string
	Program   string // its name and version
	Slots     int
	Busy      int       // of them with a shard
	Rows      int64     // read since it was started
	Slow      string    // why it is slower than it could be; empty while it is not
	Seen      int64     // version of the controls that it goes by
	Stopping  bool      // it was told to stop, and takes nothing new
	Started   time.Time // set by the ledger
	Beat      time.Time // by the target server's clock
}

// DefaultFrozen is how old a holder's beat must be before Reap takes it for frozen; Beat is to be called every 3 seconds.
const DefaultFrozen = 20 * time.Second

// Beat notes that the worker is alive, by the server's clock. Call it before the first claim and then every 3 seconds, from a ledger
// whose pool the data does not use, and stop when the work is stuck: whoever beats is never reaped.
func (l *Ledger) Beat(ctx context.Context, w Worker) error {
	_, err := l.pool.Exec(ctx, `
		INSERT INTO rehome.worker (holder, migration, host, program, slots, busy, rows, slow, seen, stopping, beat)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp())
		ON CONFLICT (holder) DO UPDATE
		SET beat = excluded.beat, slots = excluded.slots, busy = excluded.busy, rows = excluded.rows, slow = excluded.slow, seen = excluded.seen,
		    stopping = excluded.stopping`,
		w.Holder, w.Migration, w.Host, w.Program, w.Slots, w.Busy, w.Rows, w.Slow, w.Seen, w.Stopping)
	if err != nil {
		return fmt.Errorf("note that worker %s is alive: %w", w.Holder, err)
	}
	return nil
}

// Retire takes a worker that holds nothing any more off the list.
func (l *Ledger) Retire(ctx context.Context, holder uuid.UUID) error {
	if _, err := l.pool.Exec(ctx, `DELETE FROM rehome.worker WHERE holder = $1`, holder); err != nil {
		return fmt.Errorf("retire worker %s: %w", holder, err)
	}
	return nil
}

// Workers returns the workers of the migration that have beaten within the given time. A beat that lies ahead is one of before the
// server's clock was set back: whoever is alive beats again.
func (l *Ledger) Workers(ctx context.Context, name string, within time.Duration) ([]Worker, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT holder, migration, host, program, slots, busy, rows, slow, seen, stopping, started_at, beat
		  FROM rehome.worker
		 WHERE migration = $1 AND beat BETWEEN clock_timestamp() - $2::interval AND clock_timestamp() + $2::interval
		 ORDER BY host, holder`, name, within)
	if err != nil {
		return nil, fmt.Errorf("list the workers of migration %s: %w", name, err)
	}
	return collect(rows, "list the workers of migration "+name, func(w *Worker) []any {
		return []any{&w.Holder, &w.Migration, &w.Host, &w.Program, &w.Slots, &w.Busy, &w.Rows, &w.Slow, &w.Seen, &w.Stopping, &w.Started, &w.Beat}
	})
}

// All stands for every shard of a migration.
const All = -1

// Reap ends the backends of holders that are in a transaction and whose beat is older than frozen, or as far ahead, which it is when the
// server's clock was set back, and returns how many: no
// timeout of the server ends one that waits for the next piece of a COPY. It asks about one shard, or about all of them. The role must be allowed to see
// and to end the workers' sessions: be the same role, or a member of it, or of pg_read_all_stats and pg_signal_backend.
func (l *Ledger) Reap(ctx context.Context, name string, ordinal int, frozen time.Duration) (int, error) {
	var ended int
	err := l.pool.QueryRow(ctx, `
		WITH frozen AS MATERIALIZED (
			SELECT s.migration, s.ordinal, s.generation, s.attempt, a.pid
			  FROM rehome.shard s
			  JOIN pg_stat_activity a ON a.pid = s.holder_pid AND a.backend_start = s.holder_started
			  LEFT JOIN rehome.worker w ON w.holder = s.holder
			 WHERE s.migration = $1 AND ($2 = -1 OR s.ordinal = $2) AND s.state = 'planned' AND a.xact_start IS NOT NULL
			   AND coalesce(w.beat, '-infinity') NOT BETWEEN clock_timestamp() - $3::interval AND clock_timestamp() + $3::interval
		), ended AS MATERIALIZED (
			SELECT * FROM frozen WHERE pg_terminate_backend(pid)
		), logged AS (
			INSERT INTO rehome.event (migration, ordinal, generation, attempt, what)
			SELECT migration, ordinal, generation, attempt, 'reaped' FROM ended
		)
		SELECT count(*) FROM ended`, name, ordinal, frozen).Scan(&ended)
	if err != nil {
		return 0, fmt.Errorf("end the frozen holders of migration %s: %w", name, err)
	}
	return ended, nil
}
