package transfer

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// maxRefusals is how many of a unit's offending rows are kept; the first is its cause.
const maxRefusals = 10

// load brings in units lo up to but not including hi. Where the databases refuse something that Go cannot see, it halves the
// units until the offenders stand alone, and quarantines these.
func (m *move) load(ctx context.Context, lo, hi int) error {
	if lo == hi {
		return nil
	}
	failed, err := m.try(ctx, lo, hi)
	if err == nil {
		return nil
	}
	kind, cause := shard.KindOf(err)
	if kind != shard.Data {
		return err
	}
	if m.attempts++; m.attempts > m.limits.Attempts {
		return &Crowded{Attempts: m.attempts - 1, Cut: m.units[(len(m.units)-1)/2]}
	}
	if hi-lo > 1 {
		middle := lo + (hi-lo)/2
		if err := m.load(ctx, lo, middle); err != nil {
			return err
		}
		return m.load(ctx, middle, hi)
	}
	if strings.HasPrefix(cause, "unique:") {
		if err := m.collide(ctx, lo, cause); err != nil {
			return err
		}
	}
	m.refuse(shard.Refusal{Unit: int32(lo), Entry: entryOf(failed), Cause: cause})
	_, err = m.try(ctx, lo, hi)
	return err
}

func entryOf(w *shard.Window) int {
	if w == nil {
		return -1
	}
	return w.Entry.Ordinal
}

// collide notes which rows of the target have the keys of a lone unit that was kept out, in all tables and not just the first that
// refused it, so that settling can treat all sides alike whoever came first.
func (m *move) collide(ctx context.Context, unit int, cause string) error {
	for _, plan := range m.plans {
		if plan.GatheredBy != nil {
			continue
		}
		var keys [][]byte
		look := func() error {
			there, err := m.tgt.Existing(ctx, plan, keys)
			for _, key := range there {
				m.collisions = append(m.collisions, shard.Collision{Unit: int32(unit), Entry: plan.Ordinal, Cause: cause, TargetKey: key})
			}
			keys = keys[:0]
			return err
		}
		encoder, tuple := plan.NewEncoder(), []byte(nil)
		err := m.src.Rows(ctx, plan, m.slice(unit, unit+1), func(row shard.Row) error {
			if row.Cells == nil {
				return nil
			}
			var e mapping.Encoded
			if tuple, e = encoder.Encode(tuple[:0], m.owner(row), row.Cells); e.Ending == mapping.Written {
				keys = append(keys, bytes.Clone(e.Key))
			}
			if len(keys) < m.limits.WindowRows {
				return nil
			}
			return look()
		})
		if err == nil {
			err = look()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// owner returns the key of the user that the row belongs to, nil where it has none.
func (m *move) owner(row shard.Row) []byte {
	if m.shard.Units().ByUser() {
		return row.Unit
	}
	return nil
}

// refuse quarantines the refusal's unit and keeps the offending row.
func (m *move) refuse(r shard.Refusal) {
	if _, known := m.quarantined[r.Unit]; !known {
		m.quarantined[r.Unit] = r.Cause
	}
	m.refusals = append(m.refusals, r)
}

// try loads the units under a savepoint, again without those who turned out to be refused when some of their rows were on their
// way already. After an error nothing of the part is left; failed is the window that the target refused, if it was that.
func (m *move) try(ctx context.Context, lo, hi int) (failed *shard.Window, err error) {
	for again := true; again && err == nil; {
		failed, again, err = m.once(ctx, lo, hi)
	}
	return failed, err
}

// once is one pass of try. What does not stay is undone, after a panic too: a COPY that has not ended has the connection, and whoever rolls
// back has to get it.
func (m *move) once(ctx context.Context, lo, hi int) (failed *shard.Window, again bool, err error) {
	if err := m.tgt.Savepoint(ctx); err != nil {
		return nil, false, err
	}
	stays := false
	defer func() {
		if stays {
			return
		}
		undone := m.tgt.Undo(ctx)
		if kind, _ := shard.KindOf(err); undone != nil && (err == nil || kind != shard.Outage) { // an outage is why it is not undone
			failed, err = nil, undone
		}
	}()
	p := &pass{move: m, tally: newTally(m.mapping), counted: make([]bool, hi-lo), offset: int32(lo), fresh: map[int32]int{}}
	s := m.slice(lo, hi)
	if m.attempts == 0 { // else what cannot be read must be somebody's, and not a row of nobody's between them
		s.Has = p.has
	}
	err = p.run(ctx, s, hi-lo)
	if err == nil && !p.again {
		err = p.list(ctx)
	}
	if err == nil && !p.again {
		err = m.tgt.Seal(ctx)
	}
	if err != nil || p.again {
		return p.failed, p.again, err
	}
	stays = true
	m.total.add(p.tally)
	m.confirmed = append(m.confirmed, p.confirmed...)
	return nil, false, nil
}

// causes counts what kept units out.
func (m *move) causes() []shard.Cause {
	counts := map[string]*shard.Cause{}
	at := func(cause string) *shard.Cause {
		if counts[cause] == nil {
			counts[cause] = &shard.Cause{Cause: cause}
		}
		return counts[cause]
	}
	for _, cause := range m.quarantined {
		if m.shard.Units().ByUser() {
			at(cause).Users++
		}
	}
	for _, r := range m.refusals {
		at(r.Cause).Rows++
	}
	for _, w := range m.total.waits {
		at(w.Cause).Rows++
	}
	var out []shard.Cause
	for _, cause := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, *counts[cause])
	}
	return out
}

// A pass reads the rows of some units once, through all entries.
type pass struct {
	*move
	tally     *tally
	counted   []bool // units of whom a row was written, left out or let wait, from offset on
	offset    int32
	newest    int32         // position of the unit that the newest row belongs to
	fresh     map[int32]int // units that were refused in this pass, with the number of their refusals
	again     bool          // a refused unit has rows in the account already: all is undone and done again without it
	failed    *shard.Window
	confirmed []shard.Window
	blocks    []shard.Block // for the manifest
	listed    int           // rows of blocks
	lent      []*listing    // that blocks lie in, and nothing else
}

// lists has the window's rows, which were read back, listed in the manifest, at the latest when there are as many as a window has.
func (p *pass) lists(ctx context.Context, w *window) error {
	w.listing.rows = w.Rows
	p.blocks = append(p.blocks, shard.Block{Entry: w.Entry.Ordinal, Rows: w.Rows})
	if len(w.Entry.Target.Triggers) > 0 {
		p.confirmed = append(p.confirmed, shard.Window{Entry: w.Entry, Rows: w.Rows})
	} else {
		p.lent = append(p.lent, w.listing)
	}
	if p.listed += len(w.Rows); p.listed < p.limits.WindowRows {
		return nil
	}
	return p.list(ctx)
}

// list writes the manifest of what was read back since the last time.
func (p *pass) list(ctx context.Context) error {
	if len(p.blocks) == 0 {
		return nil
	}
	if err := p.book.Blocks(ctx, p.blocks); err != nil {
		return err // and who was told to write them may still be reading them: their memory is not used again
	}
	p.memory.listings = append(p.memory.listings, p.lent...)
	p.blocks, p.listed, p.lent = nil, 0, nil
	return nil
}

func (p *pass) run(ctx context.Context, s shard.Slice, units int) error {
	counts, err := p.src.Counts(ctx, p.plans, s)
	if err != nil {
		return err
	}
	for i, plan := range p.plans {
		source, left := counts[i].Source, counts[i].LeftOut
		t := p.tally.table(plan)
		t.Source, t.Read, t.LeftOut = t.Source+source, t.Read+left, t.LeftOut+left
		if _, out := p.quarantined[p.offset]; out && units == 1 && p.fresh[p.offset] == 0 {
			t.Read += source - left
			p.tally.setAside(p.offset, plan, source-left)
			continue
		}
		if err := p.rows(ctx, plan, s); err != nil {
			return err
		}
	}
	return nil
}

// rows reads the rows of one entry and sends those that are to be written.
func (p *pass) rows(ctx context.Context, plan *mapping.RowPlan, s shard.Slice) error {
	w := newWindow(plan, p)
	err := p.src.Rows(ctx, plan, s, func(row shard.Row) error {
		unit, known := p.position(row.Unit)
		if !known || unit < p.offset || int(unit-p.offset) >= len(p.counted) {
			return shard.Failf(shard.Defect, "a row of %s was read for a unit that is not in this part of the shard", plan.Source)
		}
		first := w.first(row.Key)
		if first {
			p.tally.table(plan).Read++
		}
		if _, out := p.quarantined[unit]; out && p.fresh[unit] == 0 {
			p.tally.setAside(unit, plan, w.counted(first))
			w.attributes(row, mapping.Refused)
			return nil
		}
		return w.take(ctx, unit, row, first)
	})
	if err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil || p.again {
		return err
	}
	w.end()
	return nil
}

// position returns where in the units a key is. Rows mostly come in the order of their units.
func (p *pass) position(key []byte) (unit int32, known bool) {
	for _, at := range [...]int32{p.newest, p.newest + 1} {
		if int(at) < len(p.names) && p.names[at] == string(key) {
			p.newest = at
			return at, true
		}
	}
	if unit, known = p.unit(key); known {
		p.newest = unit
	}
	return unit, known
}

// has reports whether a key is one of the units'.
func (p *pass) has(key []byte) bool {
	_, known := p.position(key)
	return known
}

// refused takes a row's unit out, and remembers whether rows of it are in the account already.
func (p *pass) refused(unit int32, plan *mapping.RowPlan, key keyspace.Key, cause string) {
	if p.fresh[unit]++; p.fresh[unit] > maxRefusals {
		return
	}
	p.refuse(shard.Refusal{Unit: unit, Entry: plan.Ordinal, LegacyKey: key.Marshal(), Cause: cause})
	p.again = p.again || p.counted[unit-p.offset]
}
