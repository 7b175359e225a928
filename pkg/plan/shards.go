package plan

import (
	"context"
	"fmt"

	"rehome/pkg/keyspace"
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
		keys, err := p.keysOf(ctx, cell)
		if err != nil {
			return err
		}
		parts, err := p.halve(ctx, cell, keys)
		if err != nil {
			return err
		}
		fine = append(fine, parts...)
	}
	p.plan.Cells = fine
	return keyspace.CheckChain(p.ranges())
}

func (p *planner) keysOf(ctx context.Context, cell Cell) ([]keyspace.Key, error) {
	var keys []keyspace.Key
	err := p.src.EachUnit(ctx, shard.Slice{Kind: shard.OfUsers, Range: cell.Range}, func(key keyspace.Key) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of a heavy range: %w", err)
	}
	if int64(len(keys)) != cell.Users {
		return nil, fmt.Errorf("a range held %d users and then %d within one snapshot", cell.Users, len(keys))
	}
	return keys, nil
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
		if err := p.units(ctx, shard.Slice{Kind: kind, Entry: plan}); err != nil {
			return fmt.Errorf("read the keys of %s: %w", plan.Source, err)
		}
	}
	return nil
}

// units cuts the rows of a slice, which covers all of its kind, into shards.
func (p *planner) units(ctx context.Context, s shard.Slice) error {
	out := shard.Shard{Kind: s.Kind, Wave: RestWave(p.mapping), Entry: s.Entry.Ordinal}
	var last keyspace.Key
	err := p.src.EachUnit(ctx, s, func(key keyspace.Key) error {
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
