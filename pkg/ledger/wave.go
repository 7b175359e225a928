package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// WaveSums returns the sums over the receipts of one wave's shards, by entry.
func (l *Ledger) WaveSums(ctx context.Context, name string, wave int) (sums []shard.Table, err error) {
	rows, err := l.pool.Query(ctx, `
		SELECT receipt FROM rehome.shard WHERE migration = $1 AND wave = $2 AND receipt IS NOT NULL AND kind <> 'audit'`, name, wave)
	t := newTally()
	if err == nil {
		var r shard.Receipt
		_, err = pgx.ForEachRow(rows, []any{&r}, func() error {
			for _, table := range r.Tables {
				t.addTable(table)
			}
			r = shard.Receipt{}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("sum up the receipts of wave %d of migration %s: %w", wave, name, err)
	}
	for _, entry := range slices.Sorted(maps.Keys(t.tables)) {
		sums = append(sums, *t.tables[entry])
	}
	return sums, nil
}
