package ledger

import (
	"context"
	"fmt"
)

// Given returns how many of the shards, which somebody worked on, were given back to be done, and are in nobody's hands since.
func (l *Ledger) Given(ctx context.Context, name string, held []HeldShard) (n int, err error) {
	ordinals := make([]int, len(held))
	for i, h := range held {
		ordinals[i] = h.Ordinal
	}
	err = l.pool.QueryRow(ctx, `
		SELECT count(*) FROM rehome.shard WHERE migration = $1 AND ordinal = ANY ($2) AND state = 'planned' AND holder IS NULL`, name, ordinals).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("ask which shards of migration %s were given back: %w", name, err)
	}
	return n, nil
}
