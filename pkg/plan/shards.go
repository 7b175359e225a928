package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// refine cuts each cell that is heavier than a shard again, until its parts are light enough or hold one user each: a user heavier
// than a shard gets one of their own.
func (p *planner) refine(ctx context.Context) error {
	for {
		var fine []Cell
		var cut []int // positions in fine of what has to be weighed anew
		for _, cell := range p.plan.Cells {
			if cell.Weight <= p.weight || cell.Users <= 1 {
				fine = append(fine, cell)
				continue
			}
			parts, err := p.parts(ctx, cell)
			if err != nil {
				return err
			}
			for _, part := range parts {
				cut = append(cut, len(fine))
				fine = append(fine, part)
			}
		}
		p.plan.Cells = fine
		if len(cut) == 0 {
			return keyspace.CheckChain(p.ranges())
		}
		cells := make([]*Cell, len(cut))
		for i, at := range cut {
			cells[i] = &p.plan.Cells[at]
		}
		for _, cell := range cells {
			cell.Weight = cell.Users * p.each(byRoll)
		}
		if err := p.weights(ctx, cells, byOwner, byRange); err != nil {
			return err
		}
	}
}

// each returns how many entries are counted in the manner.
func (p *planner) each(m manner) (n int64) {
	for _, plan := range p.mapping.Plans {
		if p.manner(plan) == m {
			n++
		}
	}
	return n
}

// parts cuts a cell into as many parts of equally many users as would make half a shard each if they weighed the same. It takes over
// who is in the cell now: on a live source somebody may have come or gone since the scan.
func (p *planner) parts(ctx context.Context, cell Cell) ([]Cell, error) {
	keys, err := p.src.KeysIn(ctx, p.mapping.Keys, cell.Range)
	if err != nil {
		return nil, fmt.Errorf("read the keys of a heavy range: %w", err)
	}
	n := max(1, min(len(keys), int(max(2, 2*cell.Weight/p.weight))))
	parts, waves, after := make([]Cell, n), cell.waveByHash(), cell.After
	p.count(cell, -1)
	for i := range parts {
		own := keys[i*len(keys)/n : (i+1)*len(keys)/n]
		part := p.newCell(after, len(own))
		for _, key := range own {
			hash := checksum.Key(key.Canonical())
			part.add(hash, waves(hash))
		}
		part.Through = cell.Through
		if i < n-1 {
			after = own[len(own)-1]
			part.Through = after
		}
		p.count(part, +1)
		parts[i] = part
	}
	return parts, nil
}

// waveByHash returns what tells the wave of a user of the cell. Who was not there at the scan counts as one of the last wave.
func (c *Cell) waveByHash() func(hash int64) int {
	last := len(c.ByWave) - 1
	waves := make(map[int64]int, len(c.waves))
	for i, wave := range c.waves {
		waves[c.Hashes[i]] = int(wave)
	}
	return func(hash int64) int {
		if wave, ok := waves[hash]; ok {
			return wave
		}
		return last
	}
}

// count adds the users of the cell to the plan's, or takes them out again.
func (p *planner) count(cell Cell, sign int64) {
	p.plan.Users += sign * cell.Users
	for wave, n := range cell.ByWave {
		p.plan.Waves[wave] += sign * n
	}
}

// waves makes the shards of the mapping's own waves: for each, runs of cells whose share of that wave makes a shard.
func (p *planner) waves(context.Context) error {
	grid := p.plan.Cells[:len(p.plan.Cells)-1]
	if len(grid) == 0 {
		return nil
	}
	for i := range grid {
		grid[i].waves = nil
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
		for _, kind := range shard.RestOf(p.mapping.Keys, plan) {
			if err := p.units(ctx, plan, kind); err != nil {
				return fmt.Errorf("read the keys of %s: %w", plan.Source, err)
			}
		}
	}
	return nil
}

// units cuts the entry's rows without a user into shards. Rows that share a key stay together.
func (p *planner) units(ctx context.Context, plan *mapping.RowPlan, kind shard.Kind) error {
	out := shard.Shard{Kind: kind, Wave: RestWave(p.mapping), Entry: plan.Ordinal}
	if n := p.strangers[plan.Ordinal]; p.manner(plan) == byOwner && n <= p.weight {
		out.Weight = n // who reads their keys looks for the user of each row of the table
		p.add(out)
		return nil
	}
	var rows int64
	var last keyspace.Key // nil before the shard is full
	err := p.src.KeysOf(ctx, p.mapping.Keys, plan, kind, func(key keyspace.Key) error {
		if last != nil && !slices.Equal(key, last) {
			out.Range.Through = last
			p.add(out)
			out.Range, out.Weight, last = keyspace.Range{After: last}, 0, nil
		}
		out.Weight++
		rows++
		if out.Weight >= p.weight && last == nil {
			last = clone(key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.add(out)
	if kind == shard.OwnKey && !plan.Joined {
		p.plan.Rows[plan.Ordinal] = rows
	}
	return nil
}

// clone returns the key in memory of its own.
func clone(key keyspace.Key) keyspace.Key {
	own := make(keyspace.Key, len(key))
	for i, part := range key {
		own[i] = strings.Clone(part)
	}
	return own
}

// add gives the shard its place in the plan.
func (p *planner) add(s shard.Shard) {
	s.ID, s.Parent, s.State = p.id, -1, shard.Planned
	s.Ordinal = len(p.plan.Shards)
	p.plan.Shards = append(p.plan.Shards, s)
}
