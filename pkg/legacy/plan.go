package legacy

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// Keys streams the key of every user, in the legacy database's order and from one snapshot, with the position of the wave that
// takes the user: the first whose condition is true, else the last, whose condition is not looked at. Keys lie in memory that they
// share: who keeps a few of them clones these. An error of yield ends the stream and comes back as it is.
func (db *DB) Keys(ctx context.Context, users mapping.Keyspace, waves []string, yield func(key keyspace.Key, wave int) error) error {
	c := clause{sql: "SELECT (" + users.Key + ") AS rehome_k1" + waveOf(waves) + " FROM " + users.From + " ORDER BY rehome_k1"}
	var made keyMaker
	return db.scan(ctx, "read the keys of the users", c, func(cells []value.Cell) error {
		k, err := made.key(cells[:1], users.Kinds)
		if err != nil {
			return shard.Fail(shard.Data, "", fmt.Errorf("read the keys of the users: %w", err))
		}
		wave := 0
		if len(cells) > 1 {
			if wave, err = strconv.Atoi(string(cells[1])); err != nil {
				return fmt.Errorf("read the wave of a user: %w", err)
			}
		}
		return yield(k, wave)
	})
}

// waveOf selects the position of the wave that takes a user, where there is more than one.
func waveOf(waves []string) string {
	if len(waves) < 2 {
		return ""
	}
	var out strings.Builder
	out.WriteString(", CASE")
	for i, condition := range waves[:len(waves)-1] {
		fmt.Fprintf(&out, " WHEN (%s) THEN %d", condition, i)
	}
	fmt.Fprintf(&out, " ELSE %d END AS rehome_w", len(waves)-1)
	return out.String()
}

// KeysOf streams the keys by which the plan's rows without a user are split, in their order and from one snapshot: of kind Unowned
// the row source's primary key of each row whose user is NULL or unknown, or that the join drops; of kind OwnKey the plan's own
// key of each row. Keys lie in memory that they share: who keeps a few of them clones these. An error of yield ends the stream and
// comes back as it is.
func (db *DB) KeysOf(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, kind shard.Kind, yield func(keyspace.Key) error) error {
	q := question{users: users, plan: p, kind: kind}
	exprs, kinds := q.unit()
	what := fmt.Sprintf("read the keys of %s", q)
	var made keyMaker
	return db.scan(ctx, what, q.units(clause{}), func(cells []value.Cell) error {
		k, err := made.key(cells[:len(exprs)], kinds)
		if err != nil {
			return shard.Fail(shard.Data, "", fmt.Errorf("%s: %w", what, err))
		}
		return yield(k)
	})
}

// scan streams the clause's rows from a snapshot of its own. When yield fails, the connection is cut instead of reading past a
// whole population.
func (db *DB) scan(ctx context.Context, what string, c clause, yield func([]value.Cell) error) error {
	s, err := db.Snapshot(ctx, Reading{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // nothing was written: what was read counts
	cut, cancel := context.WithCancel(ctx)
	defer cancel()
	err = stream(cut, s.conn, c, func(cells []value.Cell) error {
		err := yield(cells)
		if err != nil {
			cancel()
		}
		return err
	})
	if err != nil {
		return s.failed(err, "%s", what)
	}
	return nil
}

// Weigh counts the rows of the plan's row source in each range, in one snapshot: of the users' key by the user that rows belong
// to, else of the plan's own key.
func (db *DB) Weigh(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, ranges []keyspace.Range) ([]int64, error) {
	exprs, kinds := p.Key, p.KeyKinds
	if p.OfUsers() {
		exprs, kinds = []string{p.User}, users.Kinds
	}
	q := question{users: users, plan: p, kind: shard.OwnKey}
	s, err := db.Snapshot(ctx, Reading{Users: users})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }() // nothing was written: what was counted counts
	var counts []int64
	for some := range slices.Chunk(ranges, weighedAtOnce) {
		weights := make([]int64, len(some))
		var all several
		for i, r := range some {
			part, err := within(exprs, kinds, r)
			if err != nil {
				return nil, shard.Fail(shard.Defect, "", fmt.Errorf("weigh %s: %w", q, err))
			}
			if r.After == nil && p.OfUsers() {
				// An open end would count the rows of nobody, too.
				part = and(part, clause{sql: "(" + p.User + ") IS NOT NULL"})
			}
			all.add(q.count(part), &weights[i])
		}
		if err := all.ask(ctx, s.conn); err != nil {
			return nil, failed(err, "weigh %s", q)
		}
		counts = append(counts, weights...)
	}
	return counts, nil
}

// weighedAtOnce is how many ranges one statement counts: a plan of many shards has many, and each statement takes a round trip.
const weighedAtOnce = 32
