package plan

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
)

// totals counts the rows of the tables that nothing has counted yet.
func (p *planner) totals(ctx context.Context) error {
	var tables []string
	for _, plan := range p.mapping.Plans {
		if p.uncounted(plan) && !slices.Contains(tables, plan.Source) {
			tables = append(tables, plan.Source)
		}
	}
	counts := make(map[string][]int64, len(tables))
	for _, table := range tables {
		counts[table] = make([]int64, 1)
	}
	group, ctx := asking(ctx)
	for table, count := range counts {
		group.Go(func() error {
			rows, err := p.src.ClosingCounts(ctx, []string{table})
			if err != nil {
				return fmt.Errorf("count the rows of %s: %w", table, err)
			}
			copy(count, rows)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, plan := range p.mapping.Plans {
		if p.uncounted(plan) {
			p.plan.Rows[plan.Ordinal] = counts[plan.Source][0]
		}
	}
	return nil
}

// uncounted reports whether the entry's rows are counted neither with their users nor with their own keys.
func (p *planner) uncounted(plan *mapping.RowPlan) bool {
	manner := p.manner(plan)
	return manner == byRange || manner == byNobody && plan.Joined
}

// grid joins the parts of the roll to cells of a quarter of a shard each. What is weighed range by range is taken as spread evenly.
func (p *planner) grid(context.Context) error {
	var others int64
	for _, plan := range p.mapping.Plans {
		if p.manner(plan) == byRange {
			others += p.plan.Rows[plan.Ordinal]
		}
	}
	first, weight, after := 0, 0.0, keyspace.Key(nil)
	limit := max(1, float64(p.weight)/4)
	flush := func(part int) {
		if part == first {
			return
		}
		cell := p.cell(after, first, part)
		p.plan.Cells = append(p.plan.Cells, cell)
		first, weight, after = part, 0, cell.Through
	}
	for part, own := range p.roll.weight {
		users := len(p.roll.hashes(part, part+1))
		more := float64(own) + float64(others)*float64(users)/float64(p.roll.users)
		if weight+more > limit {
			flush(part)
		}
		if part > 0 && part%blockOf == 0 {
			flush(part)
			p.roll.forget(part/blockOf - 1)
		}
		weight += more
	}
	flush(len(p.roll.weight))
	p.plan.Cells = append(p.plan.Cells, p.newCell(after, 0)) // the tail, beyond the last planned key
	p.roll = roll{secret: p.roll.secret}
	return keyspace.CheckChain(p.ranges())
}

// cell makes one of the parts of the roll from first up to but not including limit.
func (p *planner) cell(after keyspace.Key, first, limit int) Cell {
	hashes := p.roll.hashes(first, limit)
	cell := p.newCell(after, len(hashes))
	waves := p.roll.wavesOf(first, limit)
	for i, hash := range hashes {
		wave := 0
		if waves != nil {
			wave = int(waves[i])
		}
		cell.add(hash, wave)
	}
	cell.Through = p.roll.ends[limit-1]
	for _, weight := range p.roll.weight[first:limit] {
		cell.Weight += weight
	}
	p.count(cell, +1)
	return cell
}

// newCell returns an empty cell for so many users. To grow it user by user would leave a quarter of the memory unused.
func (p *planner) newCell(after keyspace.Key, users int) Cell {
	return Cell{
		Cell:   keyspace.Cell{Range: keyspace.Range{After: after}},
		ByWave: make([]int64, len(p.mapping.File.Waves)),
		Hashes: make([]int64, 0, users),
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

// weigh counts the rows that are weighed range by range in each cell.
func (p *planner) weigh(ctx context.Context) error {
	cells := make([]*Cell, len(p.plan.Cells))
	for i := range p.plan.Cells {
		cells[i] = &p.plan.Cells[i]
	}
	return p.weights(ctx, cells, byRange)
}

// rangesAtOnce is how many ranges one session weighs before another may have its turn.
const rangesAtOnce = 128

// weights adds to the cells, range by range, the rows of the entries that are counted in one of the manners.
func (p *planner) weights(ctx context.Context, cells []*Cell, manners ...manner) error {
	group, ctx := asking(ctx)
	for _, plan := range p.mapping.Plans {
		if !slices.Contains(manners, p.manner(plan)) {
			continue
		}
		for some := range slices.Chunk(cells, rangesAtOnce) {
			group.Go(func() error {
				if err := p.weightOf(ctx, plan, some); err != nil {
					return fmt.Errorf("weigh %s: %w", plan.Source, err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// weightOf adds the entry's rows to the cells, to which others may be added at the same time.
func (p *planner) weightOf(ctx context.Context, plan *mapping.RowPlan, cells []*Cell) error {
	ranges := make([]keyspace.Range, len(cells))
	for i, cell := range cells {
		ranges[i] = cell.Range
	}
	counts, err := p.src.Weigh(ctx, p.mapping.Keys, plan, ranges)
	if err != nil {
		return err
	}
	for i, n := range counts {
		atomic.AddInt64(&cells[i].Weight, n)
	}
	return nil
}
