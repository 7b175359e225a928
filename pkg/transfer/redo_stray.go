package transfer

import (
	"context"
	"slices"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A stray is a row of the target that no manifest knows and that belongs to a unit, or that the list names.
type stray struct {
	unit int32 // -1 for nobody's
	key  []byte
}

// strays reports the rows that the application has added to the users who are done again, and those of the list. They stay, unless the
// legacy database is to win.
func (p *redoPart) strays(ctx context.Context) error {
	met := map[string]bool{} // of each table, what was reported
	asked := map[string]bool{}
	for _, plan := range p.fed {
		column := plan.OwnerColumn()
		if !p.shard.Units().ByUser() || column < 0 || asked[plan.Into+"."+plan.Columns[column].Name] {
			continue
		}
		asked[plan.Into+"."+plan.Columns[column].Name] = true
		if err := p.straysOf(ctx, plan, column, met); err != nil {
			return err
		}
	}
	if p.lo > 0 {
		return nil
	}
	for _, plan := range p.mapping.Plans {
		var keys [][]byte
		for _, s := range p.list.Strays {
			if s.Entry == plan.Ordinal && !met[plan.Into+string(s.TargetKey)] {
				met[plan.Into+string(s.TargetKey)] = true
				keys = append(keys, s.TargetKey)
			}
		}
		if len(keys) == 0 {
			continue
		}
		there, err := p.tgt.Existing(ctx, plan, keys)
		if err != nil {
			return err
		}
		some := make([]stray, len(there))
		for i, key := range there {
			some[i] = stray{-1, key}
		}
		if err := p.report(ctx, plan, some); err != nil {
			return err
		}
	}
	return nil
}

// straysOf looks for rows of the users by the column that names them.
func (p *redoPart) straysOf(ctx context.Context, plan *mapping.RowPlan, column int, met map[string]bool) error {
	var values [][]byte
	owners := map[string]int32{}
	for unit := p.lo; unit < p.hi; unit++ {
		if value, ok := plan.Owner(nil, column, p.units[unit].Canonical()); ok {
			values = append(values, value)
			owners[string(value)] = int32(unit)
		}
	}
	var some []stray
	return p.tgt.Strays(ctx, plan, column, values, func(key, value []byte) error {
		unit, known := owners[string(value)]
		if !known {
			unit = -1
		}
		some = append(some, stray{unit, key})
		met[plan.Into+string(key)] = true
		return nil
	}, func() error {
		err := p.report(ctx, plan, some)
		some = nil
		return err
	})
}

// report notes those of the rows as conflicts that no manifest knows; where the legacy database is to win, they are taken out, and their bytes kept.
func (p *redoPart) report(ctx context.Context, plan *mapping.RowPlan, some []stray) error {
	if len(some) == 0 {
		return nil
	}
	keys := make([][]byte, len(some))
	for i, s := range some {
		keys[i] = s.key
	}
	known, err := p.book.Known(ctx, p.entriesOf(plan), keys)
	if err != nil {
		return err
	}
	removed, gone := map[string]bool{}, map[string]bool{}
	if p.list.Overwrite {
		if removed, err = p.remove(ctx, plan, some, known); err != nil {
			return err
		}
		if gone, err = p.gone(ctx, plan, keys, removed); err != nil {
			return err
		}
	}
	for i, s := range some {
		if !known[i] && !gone[string(s.key)] {
			p.conflicts = append(p.conflicts, shard.Conflict{Unit: s.unit, Entry: plan.Ordinal, TargetKey: s.key, Kind: shard.ConflictAdded,
				Settled: removed[string(s.key)]})
		}
	}
	return nil
}

// gone returns which of the keys somebody else has taken out since they were seen, as another shard of the same repair may.
func (p *redoPart) gone(ctx context.Context, plan *mapping.RowPlan, keys [][]byte, removed map[string]bool) (map[string]bool, error) {
	gone := map[string]bool{}
	for _, key := range keys {
		if !removed[string(key)] {
			gone[string(key)] = true
		}
	}
	if len(gone) == 0 {
		return gone, nil
	}
	there, err := p.tgt.Existing(ctx, plan, keys)
	for _, key := range there {
		delete(gone, string(key))
	}
	return gone, err
}

// removeAtOnce bounds the rows that lie in memory while they are taken out.
const removeAtOnce = 64

// remove takes out the rows that no manifest knows and to which nothing refers, and returns which they were.
func (p *redoPart) remove(ctx context.Context, plan *mapping.RowPlan, some []stray, known map[int]bool) (map[string]bool, error) {
	removed, units := map[string]bool{}, map[string]int32{}
	var keys [][]byte
	for i, s := range some {
		if !known[i] {
			keys, units[string(s.key)] = append(keys, s.key), s.unit
		}
	}
	for part := range slices.Chunk(keys, removeAtOnce) {
		err := p.tgt.Remove(ctx, plan, part, func(key, tuple []byte) error {
			removed[string(key)] = true
			p.original(shard.Original{Unit: units[string(key)], Entry: plan.Ordinal, TargetKey: slices.Clone(key), Rule: "conflict", Bytes: slices.Clone(tuple)})
			return nil
		})
		if err == nil {
			err = p.keepOriginals(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
	return removed, nil
}
