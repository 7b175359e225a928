package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// Left is what is planned and not done, audits left out.
type Left struct {
	Load  int   // shards whose rows are copied, for which constraints are off
	Redo  int   // shards of units that are done again
	Users int64 // of those
}

// Left counts the planned shards.
func (l *Ledger) Left(ctx context.Context, name string) (left Left, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE kind <> 'redo'), count(*) FILTER (WHERE kind = 'redo'), coalesce(sum(users) FILTER (WHERE kind = 'redo'), 0)::bigint
		  FROM rehome.shard WHERE migration = $1 AND state = 'planned' AND kind <> 'audit'`, name).Scan(&left.Load, &left.Redo, &left.Users)
	if err != nil {
		return left, fmt.Errorf("count the planned shards of migration %s: %w", name, err)
	}
	return left, nil
}

// RestShards returns the shards that are done and hold rows of no user, by ordinal.
func (l *Ledger) RestShards(ctx context.Context, name string) ([]shard.Shard, error) {
	what := "list the shards of migration " + name + " with rows of no user"
	rows, err := l.pool.Query(ctx, `
		SELECT `+shardColumns+`
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.state = 'done' AND s.kind IN ('unowned', 'own_key')
		 ORDER BY s.ordinal`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	shards, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (shard.Shard, error) {
		r, err := scanRecord(row)
		return r.Shard, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return shards, nil
}

// Waiting passes the rows that wait to yield, up to so many at a time, all of them in want of rows of one table (schema.table).
func (l *Ledger) Waiting(ctx context.Context, name string, most int, yield func(table string, rows []shard.Waiter) error) error {
	what := "list the rows of migration " + name + " that wait"
	rows, err := l.pool.Query(ctx, `
		SELECT user_key, of_kind, unit_key, entry, legacy_key, cause, needs_table, needs_key
		  FROM rehome.waiting WHERE migration = $1 AND (user_key IS NOT NULL OR unit_key IS NOT NULL) ORDER BY needs_table`, name)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	var some []shard.Waiter
	for rows.Next() {
		w, err := scanWaiter(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n := len(some); n > 0 && (n == most || some[0].Needs != w.Needs) {
			if err := yield(some[0].Needs, some); err != nil {
				return err
			}
			some = nil
		}
		some = append(some, w)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if len(some) > 0 {
		return yield(some[0].Needs, some)
	}
	return nil
}
