package transfer

import (
	"maps"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A tally counts what became of the rows of a part of a shard. One that is undone is thrown away.
type tally struct {
	mapping *mapping.Compiled
	tables  []*shard.Table                 // by entry; nil of which nothing was counted
	rules   map[int][][]int64              // by entry, column and rule
	sums    map[int32]map[int]*shard.Table // by unit and entry: what is counted for the unit alone, see shard.Account
	waits   []shard.Wait
}

func newTally(m *mapping.Compiled) *tally {
	return &tally{mapping: m, tables: make([]*shard.Table, len(m.Plans)), rules: map[int][][]int64{}, sums: map[int32]map[int]*shard.Table{}}
}

// table returns the counts of an entry.
func (t *tally) table(plan *mapping.RowPlan) *shard.Table {
	if t.tables[plan.Ordinal] == nil {
		t.tables[plan.Ordinal] = &shard.Table{Entry: plan.Ordinal}
	}
	return t.tables[plan.Ordinal]
}

// sum returns what is counted for a unit alone.
func (t *tally) sum(unit int32, plan *mapping.RowPlan) *shard.Table {
	if t.sums[unit] == nil {
		t.sums[unit] = map[int]*shard.Table{}
	}
	if t.sums[unit][plan.Ordinal] == nil {
		t.sums[unit][plan.Ordinal] = &shard.Table{Entry: plan.Ordinal}
	}
	return t.sums[unit][plan.Ordinal]
}

// setAside counts rows of a unit that are set aside.
func (t *tally) setAside(unit int32, plan *mapping.RowPlan, rows int64) {
	if rows != 0 {
		t.table(plan).SetAside += rows
		t.sum(unit, plan).SetAside += rows
	}
}

// leftOut counts rows of a unit that a rule leaves out.
func (t *tally) leftOut(unit int32, plan *mapping.RowPlan, rows int64) {
	if rows != 0 {
		t.table(plan).LeftOut += rows
		t.sum(unit, plan).LeftOut += rows
	}
}

// unitSums returns what is counted for units alone.
func (t *tally) unitSums() map[int32][]shard.Table {
	out := make(map[int32][]shard.Table, len(t.sums))
	for unit, entries := range t.sums {
		for _, entry := range slices.Sorted(maps.Keys(entries)) {
			t := entries[entry]
			out[unit] = append(out[unit], shard.Table{Entry: entry, SetAside: t.SetAside, LeftOut: t.LeftOut, Gathered: t.Gathered})
		}
	}
	return out
}

// wrote counts a row that was sent, with the rules that changed it.
func (t *tally) wrote(plan *mapping.RowPlan, digest checksum.Sum, hits []value.Hit, changed bool) {
	counts := t.table(plan)
	counts.Written++
	counts.Expected = counts.Expected.Add(digest)
	if changed {
		t.changed(plan, hits)
	}
}

// changed counts a row that rules have changed.
func (t *tally) changed(plan *mapping.RowPlan, hits []value.Hit) {
	t.table(plan).Changed++
	rules := t.rulesOf(plan)
	for column, hit := range hits {
		for rule := range rules[column] {
			if hit&(1<<rule) != 0 {
				rules[column][rule]++
			}
		}
	}
}

func (t *tally) rulesOf(plan *mapping.RowPlan) [][]int64 {
	if t.rules[plan.Ordinal] == nil {
		rules := make([][]int64, len(plan.Columns))
		for i := range plan.Columns {
			rules[i] = make([]int64, len(plan.Columns[i].Rules()))
		}
		t.rules[plan.Ordinal] = rules
	}
	return t.rules[plan.Ordinal]
}

// add takes over the counts of a part that stays.
func (t *tally) add(part *tally) {
	for entry, from := range part.tables {
		if from != nil {
			into := t.table(t.mapping.Plans[entry])
			*into = into.Plus(*from)
		}
	}
	for entry, columns := range part.rules {
		rules := t.rulesOf(t.mapping.Plans[entry])
		for column := range columns {
			for rule, n := range columns[column] {
				rules[column][rule] += n
			}
		}
	}
	maps.Copy(t.sums, part.sums) // a unit is in one part
	t.waits = append(t.waits, part.waits...)
}

// receipt returns the counts of each of the plans, also of those that had no row.
func (t *tally) receipt(plans []*mapping.RowPlan) []shard.Table {
	tables := make([]shard.Table, len(plans))
	for i, plan := range plans {
		tables[i] = *t.table(plan)
	}
	return tables
}

// ruleCounts returns the rules that changed something.
func (t *tally) ruleCounts() []shard.Rule {
	var out []shard.Rule
	for _, entry := range slices.Sorted(maps.Keys(t.rules)) {
		plan := t.mapping.Plans[entry]
		for column, counts := range t.rules[entry] {
			for rule, n := range counts {
				if n > 0 {
					out = append(out, shard.Rule{Entry: entry, Column: plan.Columns[column].Name, Rule: plan.Columns[column].Rules()[rule], Rows: n})
				}
			}
		}
	}
	return out
}
