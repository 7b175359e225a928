package ledger

import (
	"context"
	"fmt"
)

// Ended returns how many of the shards, which somebody worked on, have come to their end in that generation since: the others are in work, or were given back.
func (l *Ledger) Ended(ctx context.Context, name string, held []HeldShard) (n int, err error) {
	ordinals, generations := make([]int, len(held)), make([]int, len(held))
	for i, h := range held {
		ordinals[i], generations[i] = h.Ordinal, h.Generation
	}
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FROM rehome.shard
		 WHERE migration = $1 AND (ordinal, generation) IN (SELECT * FROM unnest($2::int[], $3::int[])) AND state <> 'planned'`, name, ordinals, generations).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask which shards of migration %s have ended: %w", name, err)
	}
	return n, nil
}
