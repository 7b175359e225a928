// Package plan splits a population into shards: it cuts the users' keyspace into a grid of cells, weighs them by all the rows that
// hang off their users, joins them to shards of even weight for each wave, and adds the shards of rows that belong to no user.
// It only reads; what it returns is committed by the ledger, and is never derived twice.
package plan

import (
	"context"
	"fmt"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Source answers the planner's questions about the legacy database.
type Source interface {
	// Keys streams the key of every user in the legacy database's own order, with the position of the wave that takes the
	// user: the first whose condition is true, else the last.
	Keys(ctx context.Context, users mapping.Keyspace, waves []string, yield func(key keyspace.Key, wave int) error) error
	// KeysIn returns the keys of the users in the range, in order.
	KeysIn(ctx context.Context, users mapping.Keyspace, r keyspace.Range) ([]keyspace.Key, error)
	// KeysOf streams the keys by which the entry's rows without a user are split, in order.
	KeysOf(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, kind shard.Kind, yield func(keyspace.Key) error) error
	// Weigh counts the entry's rows in each of the ranges of the users' key.
	Weigh(ctx context.Context, users mapping.Keyspace, p *mapping.RowPlan, ranges []keyspace.Range) ([]int64, error)
	// ClosingCounts counts all rows of each of the tables.
	ClosingCounts(ctx context.Context, tables []string) ([]int64, error)
}

// A Cell is one cell of the grid with the users that were in it when the plan was made.
type Cell struct {
	keyspace.Cell
	ByWave []int64 // users by the wave that takes them
	Hashes []int64 // checksum.Key of each user's canonical key, in key order

	waves []uint16 // of each user, in key order, while the plan is made; nil where there is one wave alone
}

// A Plan is what a run is going to do.
type Plan struct {
	Users  int64
	Waves  []int64 // planned users of each wave
	Rows   []int64 // planned rows of each entry's row source
	Cells  []Cell
	Shards []shard.Shard
}

// RestWave returns the number of the wave that follows the mapping's own: late users, rows of no user, tables with a key of their own.
func RestWave(m *mapping.Compiled) int { return len(m.File.Waves) }

// Make plans the run of a migration.
func Make(ctx context.Context, m *mapping.Compiled, src Source, id shard.ID) (*Plan, error) {
	p := &planner{mapping: m, src: src, id: id, weight: int64(m.File.Users.ShardRows)}
	if p.weight <= 0 {
		p.weight = mapping.DefaultShardRows
	}
	steps := []func(context.Context) error{p.totals, p.grid, p.weigh, p.refine, p.waves, p.tail, p.rest}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("plan migration %s: %w", id.Migration, err)
		}
	}
	return &p.plan, nil
}

type planner struct {
	mapping *mapping.Compiled
	src     Source
	id      shard.ID
	weight  int64 // of a shard, in rows
	plan    Plan
}

// totals counts the rows of each row source.
func (p *planner) totals(ctx context.Context) error {
	tables := make([]string, len(p.mapping.Plans))
	for i, plan := range p.mapping.Plans {
		tables[i] = plan.Source
	}
	rows, err := p.src.ClosingCounts(ctx, tables)
	if err != nil {
		return fmt.Errorf("count the rows of %d tables: %w", len(tables), err)
	}
	p.plan.Rows = rows
	return nil
}

// cellUsers estimates how many users make a quarter of a shard.
func (p *planner) cellUsers() int {
	var users, rows int64
	for i, plan := range p.mapping.Plans {
		if plan.OfUsers() {
			rows += p.plan.Rows[i]
		}
		if plan.Source == p.mapping.Keys.Table {
			users = p.plan.Rows[i]
		}
	}
	if users == 0 || rows == 0 {
		return int(max(1, p.weight/4))
	}
	return int(max(1, p.weight*users/rows/4))
}

// grid cuts the keyspace every so many users, in one scan of the key.
func (p *planner) grid(ctx context.Context) error {
	conditions := make([]string, len(p.mapping.File.Waves))
	for i, wave := range p.mapping.File.Waves {
		if wave.Where != nil {
			conditions[i] = wave.Where.SQL
		}
	}
	every, last := p.cellUsers(), keyspace.Key(nil)
	p.plan.Waves = make([]int64, len(p.mapping.File.Waves))
	cell := p.newCell(nil, every)
	err := p.src.Keys(ctx, p.mapping.Keys, conditions, func(key keyspace.Key, wave int) error {
		if len(cell.Hashes) == every {
			cell.Through = last
			p.plan.Cells = append(p.plan.Cells, cell)
			cell = p.newCell(last, every)
		}
		cell.add(checksum.Key(key.Canonical()), wave)
		last = key
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the users' keys: %w", err)
	}
	if cell.Users > 0 {
		cell.Through, cell.Hashes = last, slices.Clone(cell.Hashes)
		p.plan.Cells = append(p.plan.Cells, cell)
	}
	p.plan.Cells = append(p.plan.Cells, p.newCell(last, 0)) // the tail, beyond the last planned key
	for _, cell := range p.plan.Cells {
		p.count(cell, +1)
	}
	return keyspace.CheckChain(p.ranges())
}

// room is how many users a cell is made for at most: with few of them in a large cell the rest would lie idle.
const room = 1 << 16

// newCell returns an empty cell for so many users. To grow it user by user would leave a quarter of the memory unused.
func (p *planner) newCell(after keyspace.Key, users int) Cell {
	return Cell{
		Cell:   keyspace.Cell{Range: keyspace.Range{After: after}},
		ByWave: make([]int64, len(p.mapping.File.Waves)),
		Hashes: make([]int64, 0, min(users, room)),
	}
}

// add puts a user, who follows all others in key order, into the cell.
func (c *Cell) add(hash int64, wave int) {
	c.Hashes = append(c.Hashes, hash)
	if len(c.ByWave) > 1 {
		c.waves = append(c.waves, uint16(wave))
	}
	c.ByWave[wave]++
	c.Users++
}

func (p *planner) ranges() []keyspace.Range {
	ranges := make([]keyspace.Range, len(p.plan.Cells))
	for i := range p.plan.Cells {
		ranges[i] = p.plan.Cells[i].Range
	}
	return ranges
}

// weigh counts the rows of every entry of users in each cell.
func (p *planner) weigh(ctx context.Context) error {
	cells := make([]*Cell, len(p.plan.Cells))
	for i := range p.plan.Cells {
		cells[i] = &p.plan.Cells[i]
	}
	return p.weights(ctx, cells)
}

func (p *planner) weights(ctx context.Context, cells []*Cell) error {
	ranges := make([]keyspace.Range, len(cells))
	for i, cell := range cells {
		ranges[i] = cell.Range
	}
	for _, plan := range p.mapping.Plans {
		if !plan.OfUsers() {
			continue
		}
		counts, err := p.src.Weigh(ctx, p.mapping.Keys, plan, ranges)
		if err != nil {
			return fmt.Errorf("weigh %s: %w", plan.Source, err)
		}
		for i, n := range counts {
			cells[i].Weight += n
		}
	}
	return nil
}
