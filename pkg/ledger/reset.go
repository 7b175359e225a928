package ledger

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"
)

// Written streams the target keys of all rows of the entry that stand in the target by our doing, a block of the manifest at a time. It holds a connection of
// the pool until the loop ends.
func (l *Ledger) Written(ctx context.Context, name string, entry int) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		err := l.written(ctx, name, entry, func(keys [][]byte) bool { return yield(keys, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("read what migration %s wrote for entry %d: %w", name, entry, err))
		}
	}
}

func (l *Ledger) written(ctx context.Context, name string, entry int, yield func([][]byte) bool) error {
	rows, err := l.pool.Query(ctx, `
		SELECT ARRAY(SELECT key FROM unnest(m.target_keys) AS t (key)
		              WHERE NOT EXISTS (SELECT FROM rehome.undone x
		                                 WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.key
		                                   AND x.ordinal = m.ordinal AND x.generation = m.generation))
		  FROM rehome.manifest m
		 WHERE m.migration = $1 AND m.entry = $2`, name, entry)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var keys [][]byte
		if err := rows.Scan(&keys); err != nil {
			return err
		}
		if len(keys) > 0 && !yield(keys) {
			return nil
		}
	}
	return rows.Err()
}

// Reset forgets the migration: its plan, its manifests and all that happened. The caller has taken what Written says out of the target before. The
// error wraps ErrNotFound if there is no such migration, and it waits no longer than the session's lock_timeout for those at work.
func (l *Ledger) Reset(ctx context.Context, name string) error {
	return l.inTx(ctx, func(tx pgx.Tx) error { return l.ResetIn(ctx, tx, name) })
}

// ResetIn is Reset in the caller's transaction.
func (l *Ledger) ResetIn(ctx context.Context, tx pgx.Tx, name string) error {
	if err := update(ctx, tx, name, "forget the plan", `DELETE FROM rehome.migration WHERE name = $1`); err != nil {
		return err
	}
	if err := dropPartitions(ctx, tx, name); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM rehome.mapping m WHERE NOT EXISTS (SELECT FROM rehome.accepted a WHERE a.hash = m.hash)`)
	if err != nil {
		return fmt.Errorf("reset migration %s: %w", name, err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM rehome.worker WHERE migration = $1`, name); err != nil {
		return fmt.Errorf("reset migration %s: %w", name, err)
	}
	return nil
}
