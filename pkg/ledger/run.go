package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// LoadIn moves the migration to Loading in the caller's transaction. What an earlier end found out does not hold any more, and is forgotten.
func (l *Ledger) LoadIn(ctx context.Context, tx pgx.Tx, name string) error {
	return update(ctx, tx, name, "set the state", `
		UPDATE rehome.migration
		   SET state = 'loading', closing = '{}', position_closed = '', consistency = '', verdict = NULL, finished_at = NULL
		 WHERE name = $1`)
}

// Collisions returns what shards met on keys that stayed on during the load, in the order of their target keys.
func (l *Ledger) Collisions(ctx context.Context, name string) ([]shard.Collision, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT entry, cause, target_key FROM rehome.collision WHERE migration = $1 ORDER BY entry, cause, target_key`, name)
	what := "list the collisions of migration " + name
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(c *shard.Collision) []any { return []any{&c.Entry, &c.Cause, &c.TargetKey} })
}

// DeadCells reports whether a dead shard of users shares cells with those from first up to but not including limit.
func (l *Ledger) DeadCells(ctx context.Context, name string, first, limit int) (dead bool, err error) {
	err = l.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM rehome.shard
		                WHERE migration = $1 AND state = 'dead' AND kind IN ('users', 'late') AND int4range(cell_first, cell_limit) && int4range($2, $3))`,
		name, first, limit).Scan(&dead)
	if err != nil {
		return false, fmt.Errorf("ask for dead shards of migration %s: %w", name, err)
	}
	return dead, nil
}
