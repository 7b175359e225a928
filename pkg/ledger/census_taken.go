package ledger

import (
	"context"
	"fmt"
)

// A CensusAsOf is a census with the moment at which it was begun.
type CensusAsOf struct {
	Census
	snapshot string // of the server's transactions
}

// TakeCensus takes the census of the migration for CensusBy.
func (l *Ledger) TakeCensus(ctx context.Context, name string) (*CensusAsOf, error) {
	c := &CensusAsOf{}
	if err := l.pool.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&c.snapshot); err != nil {
		return nil, fmt.Errorf("take the census of migration %s: %w", name, err)
	}
	var err error
	c.Census, err = l.Census(ctx, name)
	return c, err
}

// CensusBy returns the census that was taken of the migration, or a new one where none was, or a shard has written a receipt since.
func (l *Ledger) CensusBy(ctx context.Context, name string, taken *CensusAsOf) (Census, error) {
	if taken == nil {
		return l.Census(ctx, name)
	}
	var changed bool
	err := l.pool.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM rehome.shard WHERE migration = $1 AND xid IS NOT NULL AND NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot))`,
		name, taken.snapshot).Scan(&changed)
	if err != nil {
		return Census{}, fmt.Errorf("ask whether the census of migration %s still holds: %w", name, err)
	}
	if changed {
		return l.Census(ctx, name)
	}
	return taken.Census, nil
}
