package transfer

import (
	"bytes"
	"context"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// enlist reads back what was written and what was left, and lists in the manifest all rows of the units that are ours.
func (p *redoPart) enlist(ctx context.Context) error {
	if err := p.book.Undo(ctx, p.units[p.lo:p.hi]); err != nil {
		return err
	}
	for _, plan := range p.fed {
		l := &lister{part: p, plan: plan}
		if err := l.run(ctx, l.row); err != nil {
			return err
		}
	}
	p.foldReferred()
	return nil
}

// foldReferred drops, of units of whom nothing was touched because the target has changed something, the conflicts that only tell how the
// unit's own rows hold each other.
func (p *redoPart) foldReferred() {
	other := map[int32]bool{}
	for _, c := range p.conflicts {
		other[c.Unit] = other[c.Unit] || c.Kind != shard.ConflictReferred
	}
	p.conflicts = slices.DeleteFunc(p.conflicts, func(c shard.Conflict) bool {
		return c.Kind == shard.ConflictReferred && p.spared[c.Unit] && other[c.Unit]
	})
}

// A lister takes over what was decided about the rows of one entry.
type lister struct {
	part *redoPart
	plan *mapping.RowPlan
	rows []shard.Arrived
}

func (l *lister) run(ctx context.Context, row func(*shard.Decided) error) error {
	err := l.part.tgt.Decided(ctx, l.plan, row, func() error {
		if len(l.rows) < l.part.limits.WindowRows {
			return l.part.keepOriginals(ctx)
		}
		return l.flush(ctx)
	})
	if err != nil {
		return err
	}
	return l.flush(ctx)
}

func (l *lister) flush(ctx context.Context) error {
	if err := l.part.keepOriginals(ctx); err != nil || len(l.rows) == 0 {
		return err
	}
	if err := l.part.book.Blocks(ctx, []shard.Block{{Entry: l.plan.Ordinal, Rows: l.rows}}); err != nil {
		return err
	}
	if len(l.plan.Target.Triggers) > 0 {
		l.part.confirmed = append(l.part.confirmed, shard.Window{Entry: l.plan, Rows: l.rows})
	}
	l.rows = nil
	return nil
}

// row takes over one row of the units.
func (l *lister) row(d *shard.Decided) error {
	p, t := l.part, l.part.tally.table(l.plan)
	sum := p.sum(d.Unit, l.plan.Ordinal)
	var n note
	if d.New != nil {
		n = readNote(d.New.Note, len(l.plan.Columns))
	}
	if d.Conflict != "" {
		p.conflicts = append(p.conflicts, shard.Conflict{Unit: d.Unit, Entry: l.plan.Ordinal, LegacyKey: slices.Clone(d.LegacyKey),
			TargetKey: slices.Clone(d.TargetKey), Kind: d.Conflict, Settled: d.Action.Writes()})
	}
	ours := d.Action.Stands() && (d.Action != shard.Leave || d.Base != nil)
	if d.New != nil && !n.extra {
		ending := mapping.Waits
		if ours {
			ending = mapping.Written
		}
		p.gathered(l.plan, d.Unit, n.gathered, ending)
	}
	switch {
	case d.Action == shard.Waiting, d.Action == shard.Replace:
		p.done.waits = append(p.done.waits, wait{counts: !n.extra, Wait: shard.Wait{Unit: d.Unit, Entry: l.plan.Ordinal, LegacyKey: slices.Clone(d.LegacyKey),
			Cause: d.Cause, Needs: d.Needs, NeedsKey: slices.Clone(d.NeedsKey)}})
	case d.Action == shard.Taken, d.Action == shard.Leave && d.Base == nil:
		if !n.extra {
			sum.SetAside++
		}
		p.setAside = append(p.setAside, shard.Refusal{Unit: d.Unit, Entry: l.plan.Ordinal, LegacyKey: slices.Clone(d.LegacyKey), Cause: "conflict:" + l.plan.Into})
	}
	digest, err := l.verify(d)
	if err != nil || !ours {
		return err
	}
	sum.Written++
	switch {
	case p.spared[d.Unit]: // counted as a whole
	case d.New == nil:
		sum.Extra++
	case n.extra:
		t.Extra++
	default:
		t.Written++
	}
	t.Expected, t.Stored = t.Expected.Add(digest), t.Stored.Add(digest)
	if d.Action == shard.Insert || d.Action == shard.Update {
		l.came(d, &n)
	}
	l.rows = append(l.rows, shard.Arrived{Unit: d.Unit, TargetKey: slices.Clone(d.TargetKey), LegacyKey: slices.Clone(d.LegacyKey), Digest: digest})
	return nil
}

// came counts what rules have made of a row that was written, and keeps what they have replaced.
func (l *lister) came(d *shard.Decided, n *note) {
	if n.changed {
		l.part.tally.changed(l.plan, n.hits)
	}
	for _, o := range n.originals {
		o.Unit, o.Entry, o.LegacyKey, o.TargetKey = d.Unit, l.plan.Ordinal, slices.Clone(d.LegacyKey), slices.Clone(d.TargetKey)
		l.part.original(o)
	}
}

// verify compares what stands with what should, byte for byte, and returns the digest by which the manifest remembers the row. A row in a
// conflict is remembered as we left it: so it stays one until somebody decides.
func (l *lister) verify(d *shard.Decided) (checksum.Sum, error) {
	switch d.Action {
	case shard.Delete, shard.Replace:
		if d.Now != nil {
			return checksum.Sum{}, shard.Failf(shard.Defect, "%s: a row that was taken out stands again; does a trigger write it?", l.plan.Into)
		}
	case shard.Insert, shard.Update, shard.Adopt, shard.Keep:
		if d.Now == nil {
			return checksum.Sum{}, shard.Failf(shard.Defect, "%s: a row that was written is not stored", l.plan.Into)
		}
		stands := checksum.Row(l.plan.Into, d.Now)
		if d.New != nil && !bytes.Equal(d.New.Tuple, d.Now) {
			return checksum.Sum{}, altered(l.plan, d.New.Tuple, d.Now)
		}
		if d.New == nil && (d.Base == nil || stands != *d.Base) {
			return checksum.Sum{}, shard.Failf(shard.Defect, "%s: a row that was to stay as it was has changed; does a trigger write it?", l.plan.Into)
		}
		return stands, nil
	case shard.Leave:
		if d.Base != nil {
			return *d.Base, nil
		}
	}
	return checksum.Sum{}, nil
}
