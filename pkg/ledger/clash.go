package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Clash is a user whom a redo kept out, as the target has a row of ours already that has what a unique constraint allows once.
type Clash struct {
	User      keyspace.Key
	Entry     int    // of the user's row, which feeds the table of the other
	Cause     string // unique:TABLE.CONSTRAINT
	TargetKey []byte // of the row that was there, as in shard.Arrived
}

// Clashes returns those of users as they were met when they were last done again, in no order.
func (l *Ledger) Clashes(ctx context.Context, name string) ([]Clash, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT c.unit_key, c.entry, c.cause, c.target_key
		  FROM rehome.collision c JOIN rehome.shard s USING (migration, ordinal, generation)
		 WHERE c.migration = $1 AND c.of_kind = 'users' AND s.kind = $2`, name, shard.Redo)
	what := "list whom redos of migration " + name + " kept out for rows that were there"
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	clashes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Clash, err error) {
		var user []byte
		if err = row.Scan(&user, &c.Entry, &c.Cause, &c.TargetKey); err == nil {
			c.User, err = userFamily.parse(user)
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return clashes, nil
}
