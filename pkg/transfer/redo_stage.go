package transfer

import (
	"bytes"
	"context"
	"slices"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// stage reads all rows of the part and brings those that are to be written to where they are compared.
func (p *redoPart) stage(ctx context.Context) error {
	s := p.slice(p.lo, p.hi)
	counts, err := p.src.Counts(ctx, p.plans, s)
	if err != nil {
		return err
	}
	for i, plan := range p.plans {
		p.tally.table(plan).Source += counts[i].Source - counts[i].LeftOut
		st := newStager(plan, p)
		err = p.src.Rows(ctx, plan, s, func(row shard.Row) error {
			unit, known := p.index[string(row.Unit)]
			if !known || !p.unit(unit) {
				return shard.Failf(shard.Defect, "a row of %s was read for a unit that is not in this part of the redo", plan.Source)
			}
			return st.take(ctx, unit, row)
		})
		if err == nil {
			err = st.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A stager encodes the rows of one entry.
type stager struct {
	part    *redoPart
	plan    *mapping.RowPlan
	encoder *mapping.Encoder
	tuple   []byte
	met     map[string]struct{} // source rows, where a join may make several rows of one; else nil
	rows    []shard.Staged
	size    int
}

func newStager(plan *mapping.RowPlan, p *redoPart) *stager {
	st := &stager{part: p, plan: plan}
	if plan.GatheredBy == nil {
		st.encoder = plan.NewEncoder()
	}
	if plan.Many {
		st.met = map[string]struct{}{}
	}
	return st
}

// first reports whether a row is the first that the join makes of its source row: that one is counted.
func (st *stager) first(key []byte) bool {
	if st.met == nil {
		return true
	}
	_, met := st.met[string(key)]
	st.met[string(key)] = struct{}{}
	return !met
}

// take accounts for one row and stages it where it is to be written.
func (st *stager) take(ctx context.Context, unit int32, row shard.Row) error {
	p, key := st.part, row.Key.Marshal()
	sum, first := p.sum(unit, st.plan.Ordinal), st.first(key)
	if first {
		sum.Read++
		p.tally.table(st.plan).Read++
	}
	if a := row.Attributes; st.plan.Gather != nil {
		p.sum(unit, st.plan.Gather.Plan.Ordinal).Read += a.Rows
		p.tally.table(st.plan.Gather.Plan).Read += a.Rows
	}
	if _, out := p.out[unit]; out || p.list.Nothing {
		return nil
	}
	if p.shard.Units() == shard.Unowned {
		if st.plan.Unowned == mapping.UnownedLeave {
			if first {
				sum.LeftOut++
			}
			return nil
		}
		if st.plan.Unowned == mapping.UnownedReject || row.Cells == nil {
			p.refuse(shard.Refusal{Unit: unit, Entry: st.plan.Ordinal, LegacyKey: key, Cause: "unowned:" + st.plan.Into})
			return nil
		}
	}
	if st.plan.GatheredBy != nil {
		if st.plan.Unowned == mapping.UnownedLeave {
			sum.LeftOut++
			return nil
		}
		p.refuse(shard.Refusal{Unit: unit, Entry: st.plan.Ordinal, LegacyKey: key, Cause: "gather:" + st.plan.Into})
		return nil
	}
	if cause := row.Attributes.Cause; cause != "" {
		p.refuse(shard.Refusal{Unit: unit, Entry: st.plan.Gather.Plan.Ordinal, LegacyKey: row.Attributes.Key.Marshal(), Cause: cause})
		return nil
	}
	owner := row.Unit
	if !p.shard.Units().ByUser() {
		owner = nil
	}
	staged, e := st.encode(unit, owner, row, !first)
	switch e.Ending {
	case mapping.Refused:
		p.refuse(shard.Refusal{Unit: unit, Entry: st.plan.Ordinal, LegacyKey: key, Cause: e.Cause})
	case mapping.LeftOut:
		if first {
			sum.LeftOut++
		}
		p.gathered(st.plan, unit, row.Attributes, e.Ending)
	case mapping.Waits:
		p.gathered(st.plan, unit, row.Attributes, e.Ending)
		p.done.waits = append(p.done.waits, wait{counts: first, Wait: shard.Wait{Unit: unit, Entry: st.plan.Ordinal, LegacyKey: key, Cause: e.Cause,
			Needs: e.Needs.Into, NeedsKey: bytes.Clone(e.Key)}})
	default:
		return st.add(ctx, staged)
	}
	return nil
}

// encode makes of a row what is staged; owner is the user that it belongs to, nil for none.
func (st *stager) encode(unit int32, owner []byte, row shard.Row, extra bool) (shard.Staged, mapping.Encoded) {
	var e mapping.Encoded
	st.tuple, e = st.encoder.Encode(st.tuple[:0], owner, row.Cells)
	if e.Ending != mapping.Written {
		return shard.Staged{}, e
	}
	n := note{extra: extra, changed: e.Changed, hits: st.encoder.Hits(), gathered: row.Attributes}
	if e.Changed {
		n.originals = originals(st.plan, st.encoder, row.Cells)
	}
	return shard.Staged{Unit: unit, LegacyKey: row.Key.Marshal(), Note: n.marshal(), Tuple: slices.Clone(st.tuple)}, e
}

// gathered counts what became of the attributes that a row has taken in.
func (p *redoPart) gathered(plan *mapping.RowPlan, unit int32, a shard.Attributes, ending mapping.Ending) {
	if plan.Gather == nil || a.Rows == 0 {
		return
	}
	came := attributed(plan.Gather, a, ending)
	came.Read = 0 // counted as the row was read
	sum := p.sum(unit, plan.Gather.Plan.Ordinal)
	*sum = sum.Plus(came)
}

func (st *stager) add(ctx context.Context, s shard.Staged) error {
	st.rows, st.size = append(st.rows, s), st.size+len(s.Tuple)+len(s.Note)
	if len(st.rows) >= st.part.limits.WindowRows || st.size >= st.part.limits.WindowBytes {
		return st.flush(ctx)
	}
	return nil
}

func (st *stager) flush(ctx context.Context) error {
	if len(st.rows) == 0 {
		return nil
	}
	err := st.part.tgt.Stage(ctx, st.plan, st.rows)
	st.rows, st.size = st.rows[:0], 0
	return err
}
