package producer

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

// ungather counts the attributes that went into the rows, which are taken out in the same transaction, as set aside.
func (r *Run) ungather(ctx context.Context, tx pgx.Tx, rows []ledger.Row) ([]shard.Table, error) {
	var changes []shard.Table
	for _, p := range r.mapping.Plans {
		if p.GatheredBy == nil {
			continue
		}
		var users [][]byte
		for _, row := range rows {
			if row.Entry == p.GatheredBy.Ordinal && row.User != nil {
				users = append(users, row.User)
			}
		}
		change, err := r.ledger.EndGathered(ctx, tx, r.m.Name, p.Ordinal, users)
		if err != nil {
			return nil, err
		}
		if change.SetAside != 0 {
			changes = append(changes, change)
		}
	}
	return changes, nil
}
