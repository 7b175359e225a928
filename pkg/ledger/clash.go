package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Clash is a unit that a redo kept out, as the target has a row of ours already that has what a unique constraint allows once.
type Clash struct {
	Of        shard.Kind   // of the unit: OfUsers, Unowned or OwnKey
	Unit      keyspace.Key // as the redo's List has it
	Entry     int          // of the unit's row, which feeds the table of the other
	Cause     string       // unique:TABLE.CONSTRAINT
	TargetKey []byte       // of the row that was there, as in shard.Arrived
}

// Clashes returns those of units as they were met when these were last done again, in no order.
func (l *Ledger) Clashes(ctx context.Context, name string) ([]Clash, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT c.of_kind, c.unit_key, c.entry, c.cause, c.target_key
		  FROM rehome.collision c JOIN rehome.shard s USING (migration, ordinal, generation)
		 WHERE c.migration = $1 AND s.kind = $2`, name, shard.Redo)
	what := "list whom redos of migration " + name + " kept out for rows that were there"
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	clashes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Clash, err error) {
		var unit []byte
		if err = row.Scan(&c.Of, &unit, &c.Entry, &c.Cause, &c.TargetKey); err == nil {
			c.Unit, err = familyOf(c.Of, c.Entry).parse(unit)
		}
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return clashes, nil
}

// Ousted returns the users who are quarantined and of whom one of the entries once had a row with one of the target keys, in no order. It reads
// the entries' whole manifests: ask for many at once.
func (l *Ledger) Ousted(ctx context.Context, name string, entries []int, targetKeys [][]byte) ([]keyspace.Key, error) {
	what := fmt.Sprintf("look for those whose %d rows of migration %s gave way", len(targetKeys), name)
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT x.user_key
		  FROM (SELECT m.ordinal, m.generation, t.unit
		          FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.units, m.target_keys) AS t (unit, target_key)
		         WHERE m.migration = $1 AND m.entry = ANY ($2) AND (t.target_key IN (SELECT unnest($3::bytea[]))) IS TRUE) AS f
		  JOIN rehome.roster r ON r.migration = $1 AND r.ordinal = f.ordinal AND r.generation = f.generation AND r.block = f.unit / 1000 AND r.of_kind = 'users'
		  JOIN rehome.user_state x ON x.migration = $1 AND x.user_hash = r.hashes[f.unit % 1000 + 1] AND x.user_key = r.keys[f.unit % 1000 + 1]
		 WHERE x.state = 'quarantined'`, name, entries, targetKeys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (keyspace.Key, error) {
		var user []byte
		if err := row.Scan(&user); err != nil {
			return nil, err
		}
		return userFamily.parse(user)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return users, nil
}
