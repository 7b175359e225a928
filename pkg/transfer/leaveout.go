package transfer

import (
	"context"
	"fmt"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// LeaveOut tells what a shard that is not of kind Redo would read if it were tried now: its units, as Move reads them, and for each entry how many
// rows of its row source are theirs, all of which count as left out. It reads none of the rows.
func (m *Mover) LeaveOut(ctx context.Context, s *shard.Shard, src Source, held Holder) (units []keyspace.Key, tables []shard.Table, err error) {
	mv := &move{mapping: m.Mapping, shard: s, src: src, plans: m.plans(s), memory: m.memory()}
	if err := mv.readUnits(ctx, m.where(s), held); err != nil {
		return nil, nil, fmt.Errorf("read the units of shard %s: %w", s, err)
	}
	tables, err = m.leftOut(ctx, s, src, mv.slice(0, len(mv.units)), len(mv.units))
	return mv.units, tables, err
}

// LeaveOutUsers is LeaveOut of given users.
func (m *Mover) LeaveOutUsers(ctx context.Context, s *shard.Shard, src Source, users []keyspace.Key) ([]shard.Table, error) {
	return m.leftOut(ctx, s, src, shard.Slice{Kind: shard.OfUsers, Only: users}, len(users))
}

func (m *Mover) leftOut(ctx context.Context, s *shard.Shard, src Source, slice shard.Slice, units int) ([]shard.Table, error) {
	plans := m.plans(s)
	counts := make([]shard.Counted, len(plans))
	if units > 0 {
		var err error
		if counts, err = src.Counts(ctx, plans, slice); err != nil {
			return nil, fmt.Errorf("count the rows of shard %s: %w", s, err)
		}
	}
	tables := make([]shard.Table, len(plans))
	for i, plan := range plans {
		n := counts[i].Source
		tables[i] = shard.Table{Entry: plan.Ordinal, Source: n, Read: n, LeftOut: n}
	}
	return tables, nil
}
