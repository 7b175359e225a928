package transfer

import (
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// attributed returns what becomes of the attributes that a row has taken in, which share its fate. Those of a row that waits are set
// aside: it is the row that waits, and it brings them along.
func attributed(g *mapping.GatherPlan, a shard.Attributes, ending mapping.Ending) shard.Table {
	t := shard.Table{Entry: g.Plan.Ordinal, Read: a.Rows}
	switch {
	case ending == mapping.Written && a.Cause == "":
		t.Gathered, t.LeftOut = a.Gathered, a.LeftOut
	case ending == mapping.LeftOut:
		t.LeftOut = a.Rows
	default:
		t.SetAside = a.Rows
	}
	return t
}

// attributes counts the attributes of a row of the window that ended so.
func (w *window) attributes(row shard.Row, ending mapping.Ending) {
	if w.Entry.Gather == nil || row.Attributes.Rows == 0 {
		return
	}
	came := attributed(w.Entry.Gather, row.Attributes, ending)
	unit, _ := w.pass.position(row.Unit)
	for _, t := range []*shard.Table{w.pass.tally.table(w.Entry.Gather.Plan), w.pass.tally.sum(unit, w.Entry.Gather.Plan)} {
		*t = t.Plus(came)
	}
}

// homeless accounts for an attribute that no row of its user takes in.
func (w *window) homeless(unit int32, row shard.Row) {
	p := w.pass
	if w.Entry.Unowned == mapping.UnownedLeave {
		p.counted[unit-p.offset] = true
		p.tally.leftOut(unit, w.Entry, 1)
		return
	}
	p.tally.setAside(unit, w.Entry, 1)
	p.refused(unit, w.Entry, row.Key, "gather:"+w.Entry.Into)
}
