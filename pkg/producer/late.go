package producer

import (
	"context"
	"fmt"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

// late looks for users whom the legacy database has and the ledger does not hold, and adds shards for the ranges in which there are
// some. It returns how many such users it saw. Where the binlog has not moved since the plan there can be none.
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
	err = r.spans(ctx, func(first, limit int, whole keyspace.Range) error {
		n, err := r.appeared(ctx, first, limit, whole)
		if n > 0 {
			found += n
			shards = append(shards, shard.Shard{Kind: shard.Late, Wave: plan.RestWave(r.mapping), Entry: -1, Range: whole,
				Cells: [2]int{first, limit}, Parent: -1})
		}
		return err
	})
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

// appeared counts the users of the range whom the ledger does not hold. Those whom a dead shard could not bring count as held: they
// wait for it.
func (r *Run) appeared(ctx context.Context, first, limit int, whole keyspace.Range) (int64, error) {
	keys, err := r.Legacy.KeysIn(ctx, r.mapping.Keys, whole)
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	tried, err := r.ledger.Tried(ctx, r.m.Name, first, limit)
	if err != nil {
		return 0, err
	}
	held := make(map[int64]struct{}, len(tried))
	for _, hash := range tried {
		held[hash] = struct{}{}
	}
	dead, err := r.ledger.DeadCells(ctx, r.m.Name, first, limit)
	if err != nil || dead {
		return 0, err
	}
	var n int64
	for _, key := range keys {
		if _, there := held[checksum.Key(key.Canonical())]; !there {
			n++
		}
	}
	return n, nil
}
