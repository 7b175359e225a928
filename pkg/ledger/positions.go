package ledger

import (
	"context"
	"fmt"
)

// Positions returns the positions that Facts would.
func (l *Ledger) Positions(ctx context.Context, name string) ([]string, error) {
	what := "ask where the legacy binlog of migration " + name + " stood"
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT coalesce(receipt->>'position', '') FROM rehome.shard
		 WHERE migration = $1 AND receipt IS NOT NULL AND kind NOT IN ('settle', 'audit') AND receipt->>'state' <> 'dead' ORDER BY 1`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(position *string) []any { return []any{position} })
}
