package transfer

import (
	"bytes"
	"context"
	"fmt"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A window collects the encoded rows of one entry until there are enough for one COPY, sends them and reads them back.
type window struct {
	pass    *pass
	encoder *mapping.Encoder
	listing *listing
	sent    int                 // bytes of Tuples that the target has
	met     map[string]struct{} // source rows, where a join may make several rows of one; else nil
	kept    int                 // bytes of originals
	lost    []shard.Original
	shard.Window
}

func newWindow(plan *mapping.RowPlan, p *pass) *window {
	w := &window{pass: p, encoder: plan.NewEncoder(), Window: shard.Window{Entry: plan}}
	w.Tuples, w.Ends = p.memory.window()
	w.empty()
	if plan.Many {
		w.met = map[string]struct{}{}
	}
	return w
}

// empty makes the window one without rows.
func (w *window) empty() {
	w.listing = w.pass.memory.listing()
	w.Tuples, w.Ends, w.Rows, w.sent = w.Tuples[:0], w.Ends[:0], w.listing.rows, 0
}

// first reports whether a row is the first that the join makes of its source row: that one is counted.
func (w *window) first(key keyspace.Key) bool {
	if w.met == nil {
		return true
	}
	text := string(key.Marshal())
	_, met := w.met[text]
	w.met[text] = struct{}{}
	return !met
}

// counted is how many rows of the row source a row is: only the first that a join makes of one counts.
func (w *window) counted(first bool) int64 {
	if first {
		return 1
	}
	return 0
}

// take encodes one row and accounts for it.
func (w *window) take(ctx context.Context, unit int32, row shard.Row, first bool) error {
	p, t, counted := w.pass, w.pass.tally, w.counted(first)
	if p.shard.Kind == shard.Unowned {
		if w.Entry.Unowned == mapping.UnownedLeave {
			t.leftOut(unit, w.Entry, counted)
			return nil
		}
		if w.Entry.Unowned == mapping.UnownedReject || row.Cells == nil {
			t.setAside(unit, w.Entry, counted)
			p.refused(unit, w.Entry, row.Key, "unowned:"+w.Entry.Into)
			return nil
		}
	}
	if w.Entry.GatheredBy != nil {
		w.homeless(unit, row)
		return nil
	}
	if cause := row.Attributes.Cause; cause != "" {
		t.setAside(unit, w.Entry, counted)
		w.attributes(row, mapping.Refused)
		p.refused(unit, w.Entry.Gather.Plan, row.Attributes.Key, cause)
		return nil
	}
	if len(w.Tuples)+width(row.Cells) > 2*p.limits.WindowBytes {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	start := len(w.Tuples)
	tuples, e := w.encoder.Encode(w.Tuples, p.owner(row), row.Cells)
	if e.Ending == mapping.Refused {
		t.setAside(unit, w.Entry, counted)
		w.attributes(row, e.Ending)
		p.refused(unit, w.Entry, row.Key, e.Cause)
		return nil
	}
	if p.again || p.fresh[unit] > 0 {
		t.setAside(unit, w.Entry, counted) // the whole part is undone, or the unit is: only further refusals are of interest
		w.attributes(row, mapping.Refused)
		return nil
	}
	p.counted[unit-p.offset] = true
	w.attributes(row, e.Ending)
	switch e.Ending {
	case mapping.LeftOut:
		t.leftOut(unit, w.Entry, counted)
		return nil
	case mapping.Waits:
		t.table(w.Entry).Waiting += counted
		p.tally.waits = append(p.tally.waits, shard.Wait{Unit: unit, Entry: w.Entry.Ordinal, LegacyKey: row.Key.Marshal(),
			Cause: e.Cause, Needs: e.Needs.Into, NeedsKey: bytes.Clone(e.Key)})
		return nil
	}
	arrived := shard.Arrived{Unit: unit, TargetKey: w.listing.key(e.Key), LegacyKey: w.listing.legacyKey(row.Key)}
	if e.Changed {
		w.original(arrived, row.Cells)
	}
	clear(row.Cells) // a wide row is not needed twice
	w.Tuples = tuples
	w.Ends = append(w.Ends, len(tuples))
	arrived.Digest = checksum.Row(w.Entry.Into, tuples[start:])
	w.Rows = append(w.Rows, arrived)
	if !first {
		t.table(w.Entry).Extra++
		t.table(w.Entry).Written-- // wrote counts it, and its source row is counted already
	}
	t.wrote(w.Entry, arrived.Digest, w.encoder.Hits(), e.Changed)
	switch {
	case len(w.Rows) >= p.limits.WindowRows || len(w.Tuples)+w.kept >= p.limits.WindowBytes:
		return w.flush(ctx)
	case len(w.Tuples)-w.sent >= sendBytes:
		return w.send(ctx)
	}
	return nil
}

// sendBytes is how much is encoded before the target gets it while the next rows are read: little enough to stay in the CPU's cache, and
// so much that handing it over costs nothing.
const sendBytes = 256 << 10

// send has what there is of the window sent.
func (w *window) send(ctx context.Context) error {
	w.sent = len(w.Tuples)
	if err := w.pass.tgt.Send(ctx, &w.Window); err != nil {
		w.pass.failed = &w.Window
		return err
	}
	return nil
}

// original keeps what rules have made something else of in the newest row.
func (w *window) original(row shard.Arrived, cells []value.Cell) {
	for _, o := range originals(w.Entry, w.encoder, cells) {
		o.Unit, o.Entry, o.LegacyKey, o.TargetKey = row.Unit, w.Entry.Ordinal, row.LegacyKey, row.TargetKey
		w.lost = append(w.lost, o)
		w.kept += len(o.Bytes)
	}
}

// width returns how many bytes the cells have.
func width(cells []value.Cell) (n int) {
	for _, cell := range cells {
		n += len(cell)
	}
	return n
}

// flush sends the window, compares what is stored with what was sent, byte for byte, and has it listed in the manifest.
func (w *window) flush(ctx context.Context) error {
	if len(w.Rows) == 0 || w.pass.again {
		return nil
	}
	p := w.pass
	if err := p.tgt.Copy(ctx, &w.Window); err != nil {
		p.failed = &w.Window
		return err
	}
	if err := w.readBack(ctx); err != nil {
		return err
	}
	if len(w.lost) > 0 { // while the keys that they name lie in the window's listing
		if err := p.book.Originals(ctx, p.units, w.lost); err != nil {
			return err
		}
		w.lost, w.kept = nil, 0
	}
	if err := p.lists(ctx, w); err != nil {
		return err
	}
	if cap(w.Tuples) > 2*p.limits.WindowBytes {
		w.Tuples = nil // a wide row's room is not kept
	}
	w.empty()
	return nil
}

// end gives the memory back, except of a pass that has failed: the target may still be sending it.
func (w *window) end() {
	m := w.pass.memory
	m.giveBack(w.Tuples, w.Ends, 2*w.pass.limits.WindowBytes)
	m.listings = append(m.listings, w.listing)
}

// readBack compares each stored row with the one that was sent.
func (w *window) readBack(ctx context.Context) error {
	seen, t := newReturned(w.Entry, len(w.Rows)), w.pass.tally.table(w.Entry)
	err := w.pass.tgt.ReadBack(ctx, &w.Window, func(at int, tuple []byte) error {
		if err := seen.once(at); err != nil {
			return err
		}
		if sent := w.Tuple(at); !bytes.Equal(sent, tuple) {
			return altered(w.Entry, sent, tuple)
		}
		t.Stored = t.Stored.Add(w.Rows[at].Digest) // the same bytes have the same digest
		return nil
	})
	if err != nil {
		return err
	}
	return seen.complete()
}

// altered is the failure of a row that is not stored as it was sent.
func altered(plan *mapping.RowPlan, sent, stored []byte) error {
	column := plan.Differs(sent, stored)
	return shard.Fail(shard.Defect, "altered:"+plan.Into+"."+column,
		fmt.Errorf("%s: column %s is not stored as it was sent; if a trigger changes it, write it down under written_by_target", plan.Into, column))
}

// A returned sees to it that each row of a window comes back exactly once.
type returned struct {
	entry *mapping.RowPlan
	met   []bool
	left  int
}

func newReturned(entry *mapping.RowPlan, rows int) *returned {
	return &returned{entry: entry, met: make([]bool, rows), left: rows}
}

func (r *returned) once(at int) error {
	if r.met[at] {
		return shard.Failf(shard.Defect, "%s: a row came back twice", r.entry.Into)
	}
	r.met[at] = true
	r.left--
	return nil
}

func (r *returned) complete() error {
	if r.left > 0 {
		return shard.Fail(shard.Defect, "not_stored:"+r.entry.Into,
			fmt.Errorf("%s: %d of %d rows that were sent are not stored", r.entry.Into, r.left, len(r.met)))
	}
	return nil
}

// confirm reads back once more what a trigger, a deferred one among them, may have changed since the first read-back.
func (m *move) confirm(ctx context.Context) error {
	for i := range m.confirmed {
		w := &m.confirmed[i]
		seen := newReturned(w.Entry, len(w.Rows))
		err := m.tgt.ReadBack(ctx, w, func(at int, tuple []byte) error {
			err := seen.once(at)
			if err == nil && checksum.Row(w.Entry.Into, tuple) != w.Rows[at].Digest {
				err = shard.Fail(shard.Defect, "altered:"+w.Entry.Into,
					fmt.Errorf("%s: a trigger changed a row after it was read back; write the column down under written_by_target", w.Entry.Into))
			}
			return err
		})
		if err == nil {
			err = seen.complete()
		}
		if err != nil {
			return fmt.Errorf("after the triggers: %w", err)
		}
	}
	return nil
}
