package producer

import (
	"context"
	"fmt"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

// late looks for users whom the legacy database has and the ledger does not hold, and adds shards for the ranges in which there are
// some; where constraints are on, as the load has ended before, for the users themselves, who are then brought as if they were done
// again. It returns how many such users it saw. Where the binlog has not moved since the plan there can be none.
func (r *Run) late(ctx context.Context) (int64, error) {
	position, err := r.Legacy.Position(ctx)
	if err != nil {
		return 0, err
	}
	if position.Text != "" && position.Text == r.m.PositionPlanned {
		return 0, nil
	}
	var found int64
	var shards []shard.Shard
	var users []keyspace.Key
	err = r.spans(ctx, func(first, limit int, whole keyspace.Range) error {
		some, err := r.appeared(ctx, first, limit, whole)
		if n := int64(len(some)); n > 0 {
			found += n
			if r.ended() {
				users = append(users, some...)
				return err
			}
			shards = append(shards, shard.Shard{Kind: shard.Late, Wave: plan.RestWave(r.mapping), Entry: -1, Range: whole,
				Cells: [2]int{first, limit}, Parent: -1})
		}
		return err
	})
	if err == nil && len(users) > 0 {
		_, err = r.plan(ctx, &packer{wave: r.redoWave()}, redone(unitsOf{shard.OfUsers, -1}, users), map[string]any{})
	}
	if err != nil {
		return 0, fmt.Errorf("look for users who have appeared: %w", err)
	}
	if len(shards) > 0 {
		_, err = r.ledger.AddShards(ctx, r.m.Name, shards)
	}
	return found, err
}

// spanUsers is about how many users are compared at once.
const spanUsers = 20_000

// spans passes runs of neighbouring cells to do.
func (r *Run) spans(ctx context.Context, do func(first, limit int, whole keyspace.Range) error) error {
	cells, err := r.ledger.Grid(ctx, r.m.Name)
	if err != nil {
		return err
	}
	for first := 0; first < len(cells); {
		limit, users := first, 0
		for limit < len(cells) && (limit == first || users+cells[limit].Users <= spanUsers) {
			users += cells[limit].Users
			limit++
		}
		if err := do(first, limit, keyspace.Range{After: cells[first].After, Through: cells[limit-1].Through}); err != nil {
			return err
		}
		first = limit
	}
	return nil
}

// appeared returns the users of the range whom the ledger does not hold. Those whom a dead shard could not bring count as held: they
// wait for it.
func (r *Run) appeared(ctx context.Context, first, limit int, whole keyspace.Range) ([]keyspace.Key, error) {
	keys, err := r.Legacy.KeysIn(ctx, r.mapping.Keys, whole)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	tried, err := r.ledger.Tried(ctx, r.m.Name, first, limit)
	if err != nil {
		return nil, err
	}
	held := make(map[int64]struct{}, len(tried))
	for _, hash := range tried {
		held[hash] = struct{}{}
	}
	dead, err := r.ledger.DeadCells(ctx, r.m.Name, first, limit)
	if err != nil || dead {
		return nil, err
	}
	return slices.DeleteFunc(keys, func(key keyspace.Key) bool {
		_, there := held[checksum.Key(key.Canonical())]
		return there
	}), nil
}
