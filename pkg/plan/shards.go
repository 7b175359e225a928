package plan

import (
	"context"
	"fmt"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// refine cuts each cell that is heavier than a shard again, in halves, until its parts are light enough or hold one user each: a
// user heavier than a shard gets one of their own.
func (p *planner) refine(ctx context.Context) error {
	var fine []Cell
	for _, cell := range p.plan.Cells {
		if cell.Weight <= p.weight || cell.Users <= 1 {
			fine = append(fine, cell)
			continue
		}
		keys, err := p.src.KeysIn(ctx, p.mapping.Keys, cell.Range)
		if err != nil {
			return fmt.Errorf("read the keys of a heavy range: %w", err)
		}
		p.recount(&cell, keys)
		parts, err := p.halve(ctx, cell, keys)
		if err != nil {
			return err
		}
		fine = append(fine, parts...)
	}
	p.plan.Cells = fine
	return keyspace.CheckChain(p.ranges())
}

// recount takes over who is in the cell now: on a live source somebody may have come or gone since the scan.
func (p *planner) recount(cell *Cell, keys []keyspace.Key) {
	p.plan.Users += int64(len(keys)) - cell.Users
	cell.Users, cell.Hashes = int64(len(keys)), make([]int64, len(keys))
	for i, key := range keys {
		cell.Hashes[i] = checksum.Key(key.Canonical())
	}
}

func (p *planner) halve(ctx context.Context, cell Cell, keys []keyspace.Key) ([]Cell, error) {
	if cell.Weight <= p.weight || len(keys) <= 1 {
		return []Cell{cell}, nil
	}
	middle := len(keys) / 2
	low, high := p.part(cell, 0, middle), p.part(cell, middle, len(keys))
	low.Through, high.After = keys[middle-1], keys[middle-1]
	weights, err := p.weights(ctx, []keyspace.Range{low.Range, high.Range})
	if err != nil {
		return nil, err
	}
	low.Weight, high.Weight = weights[0], weights[1]
	first, err := p.halve(ctx, low, keys[:middle])
	if err != nil {
		return nil, err
	}
	second, err := p.halve(ctx, high, keys[middle:])
	return append(first, second...), err
}

// part returns the cell reduced to users from lo up to but not including hi. How many of them each wave takes is shared out in
// proportion: it only weighs the shards, the waves' own counts stand in the plan.
func (p *planner) part(cell Cell, lo, hi int) Cell {
	out := Cell{Cell: keyspace.Cell{Range: cell.Range, Users: int64(hi - lo)}, Hashes: cell.Hashes[lo:hi], ByWave: make([]int64, len(cell.ByWave))}
	for wave, n := range cell.ByWave {
		out.ByWave[wave] = n*int64(hi)/cell.Users - n*int64(lo)/cell.Users
	}
	return out
}

// waves makes the shards of the mapping's own waves: for each, runs of cells whose share of that wave makes a shard.
func (p *planner) waves(context.Context) error {
	grid := p.plan.Cells[:len(p.plan.Cells)-1]
	if len(grid) == 0 {
		return nil
	}
	for wave := range p.mapping.File.Waves {
		cells := make([]keyspace.Cell, len(grid))
		for i, cell := range grid {
			cells[i] = keyspace.Cell{Range: cell.Range, Users: cell.ByWave[wave]}
			if cell.Users > 0 {
				cells[i].Weight = (cell.Weight*cell.ByWave[wave] + cell.Users - 1) / cell.Users
			}
		}
		for _, span := range keyspace.Gather(cells, p.weight) {
			p.add(shard.Shard{Kind: shard.OfUsers, Wave: wave, Entry: -1, Range: span.RangeOf(cells),
				Cells: [2]int{span.First, span.Limit}, Users: span.Users, Weight: span.Weight})
		}
	}
	return nil
}

// tail makes the shard of users beyond the last planned key.
func (p *planner) tail(context.Context) error {
	last := len(p.plan.Cells) - 1
	p.add(shard.Shard{Kind: shard.Late, Wave: RestWave(p.mapping), Entry: -1, Range: p.plan.Cells[last].Range, Cells: [2]int{last, last + 1}})
	return nil
}

// rest makes the shards of rows that belong to no user.
func (p *planner) rest(ctx context.Context) error {
	for _, plan := range p.mapping.Plans {
		kind := shard.OwnKey
		if plan.OfUsers() {
			if plan.User == p.mapping.Keys.Key && plan.From == p.mapping.Keys.From {
				continue // the users' own table has no row of an unknown user
			}
			kind = shard.Unowned
		}
		if err := p.units(ctx, plan, kind); err != nil {
			return fmt.Errorf("read the keys of %s: %w", plan.Source, err)
		}
	}
	return nil
}

// units cuts the entry's rows without a user into shards.
func (p *planner) units(ctx context.Context, plan *mapping.RowPlan, kind shard.Kind) error {
	out := shard.Shard{Kind: kind, Wave: RestWave(p.mapping), Entry: plan.Ordinal}
	var last keyspace.Key
	err := p.src.KeysOf(ctx, p.mapping.Keys, plan, kind, func(key keyspace.Key) error {
		if out.Weight == p.weight {
			out.Range.Through = last
			p.add(out)
			out.Range, out.Weight = keyspace.Range{After: last}, 0
		}
		out.Weight++
		last = key
		return nil
	})
	if err != nil {
		return err
	}
	p.add(out)
	return nil
}

// add gives the shard its place in the plan.
func (p *planner) add(s shard.Shard) {
	s.ID, s.Parent, s.State = p.id, -1, shard.Planned
	s.Ordinal = len(p.plan.Shards)
	p.plan.Shards = append(p.plan.Shards, s)
}
