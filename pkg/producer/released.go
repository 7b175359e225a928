package producer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// waitersAtOnce is how many rows that wait are looked at together.
const waitersAtOnce = 10_000

// released plans shards for the units of rows that wait for a row which stands in the target by now, as its user came late, or with a shard that
// was published again. Tried are those that were done again for that already: they wait for something else. It returns how many shards there are.
func (r *Run) released(ctx context.Context, tried map[string]bool) (int, error) {
	units := map[unitsOf][]keyspace.Key{}
	seen := map[string]bool{}
	err := r.ledger.Waiting(ctx, r.m.Name, waitersAtOnce, func(table string, rows []shard.Waiter) error {
		there, err := r.there(ctx, table, rows)
		if err != nil {
			return err
		}
		for _, w := range rows {
			of, unit := unitsOf{shard.OfUsers, -1}, w.User
			if unit == nil {
				of, unit = unitsOf{w.Kind, w.Entry}, w.Own
			}
			name := fmt.Sprint(of, " ", string(unit.Marshal()))
			if there[string(w.NeedsKey)] && !tried[name+string(w.NeedsKey)] {
				tried[name+string(w.NeedsKey)] = true
				if !seen[name] {
					seen[name] = true
					units[of] = append(units[of], unit)
				}
			}
		}
		return nil
	})
	if err != nil || len(units) == 0 {
		return 0, err
	}
	shards, err := r.plan(ctx, &packer{wave: r.redoWave()}, func(ctx context.Context, p *packer) error {
		for of, some := range units {
			if err := redone(of, some)(ctx, p); err != nil {
				return err
			}
		}
		return nil
	}, map[string]any{})
	if err != nil {
		return 0, fmt.Errorf("plan who is done again, as what they waited for is there: %w", err)
	}
	r.Log.InfoContext(ctx, fmt.Sprintf("rows of %d units are done again, as what they waited for is there", len(seen)), "migration", r.m.Name)
	return shards, nil
}

// there returns the needed keys of the rows that the table (schema.table) holds. Those that are no keys by which rows of it are found it leaves out.
func (r *Run) there(ctx context.Context, table string, rows []shard.Waiter) (map[string]bool, error) {
	there := map[string]bool{}
	plans := r.plans(table)
	if len(plans) == 0 {
		return there, nil
	}
	var keys [][]byte
	for _, w := range rows {
		if r.byKey(w.Cause, plans[0]) {
			keys = append(keys, w.NeedsKey)
		}
	}
	err := r.conn(ctx, func(conn *pgx.Conn) error {
		found, err := target.NewTx(conn).Existing(ctx, plans[0], keys)
		for _, key := range found {
			there[string(key)] = true
		}
		return err
	})
	return there, err
}

// byKey reports whether a row that waits for the cause names the row that it needs by the read-back key of its table: an identifier
// does, and so does a foreign key to these columns.
func (r *Run) byKey(cause string, needed *mapping.RowPlan) bool {
	_, place, _ := strings.Cut(cause, ":")
	for i := range r.planned.Catalog.Tables {
		t := &r.planned.Catalog.Tables[i]
		for _, fk := range t.ForeignKeys {
			if place == t.FullName()+"."+strings.Join(fk.Columns, ",") && fk.References == needed.Into {
				return slices.Equal(fk.Targets, keyColumns(needed))
			}
		}
	}
	return len(needed.KeyColumns) == 1
}
