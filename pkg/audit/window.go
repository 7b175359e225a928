package audit

import (
	"bytes"
	"context"
	"encoding/binary"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A window collects legacy rows of one entry until there are enough to ask for what the target holds of them.
type window struct {
	*run
	plan    *mapping.RowPlan
	slice   shard.Slice
	columns []column
	encoder *mapping.Encoder

	rows    []row
	size    int
	keyless []shard.Unmatched // rows that would not arrive by now
	at      map[string]int    // of rows, by target key
	doubts  doubts
}

// A row is a legacy row with what the mapping makes of it, and what both sides are found to be.
type row struct {
	unit     []byte
	key      keyspace.Key
	cells    []value.Cell
	pair     shard.Pair
	expected []byte // the tuple
	hits     []value.Hit
	base     shard.Base
	met      bool // the target has it
}

func newWindow(r *run, plan *mapping.RowPlan, slice shard.Slice) *window {
	return &window{run: r, plan: plan, slice: slice, columns: r.columns(plan), encoder: plan.NewEncoder(), at: map[string]int{}}
}

// owner returns the key of the user that a row belongs to, nil where its units are rows.
func (w *window) owner(unit []byte) []byte {
	if w.slice.Kind.ByUser() {
		return unit
	}
	return nil
}

// take adds a row.
func (w *window) take(ctx context.Context, from shard.Row) error {
	if from.Cells == nil { // a join drops it, and nobody has it
		return nil
	}
	user := w.owner(bytes.Clone(from.Unit))
	tuple, e := w.encoder.Encode(nil, user, from.Cells)
	pair := shard.Pair{TargetKey: bytes.Clone(e.Key), LegacyKey: from.Key.Marshal()}
	if e.Ending != mapping.Written {
		pair.TargetKey = nil
		w.keyless = append(w.keyless, shard.Unmatched{Pair: pair, User: user, Counts: e.Ending != mapping.LeftOut})
		w.size += len(pair.LegacyKey)
		return w.full(ctx)
	}
	if _, there := w.at[string(pair.TargetKey)]; there { // two rows that want one key: settling keeps both out
		w.keyless = append(w.keyless, shard.Unmatched{Pair: pair, User: user, Counts: true})
		return w.full(ctx)
	}
	r := row{unit: user, key: from.Key, pair: pair, expected: tuple, hits: append([]value.Hit(nil), w.encoder.Hits()...)}
	r.cells = make([]value.Cell, len(from.Cells))
	for i, cell := range from.Cells {
		r.cells[i] = value.Cell(bytes.Clone(cell)) // of an empty cell it is empty, and of NULL nil
		w.size += len(cell)
	}
	clear(from.Cells)
	w.at[string(pair.TargetKey)] = len(w.rows)
	w.rows = append(w.rows, r)
	w.size += len(tuple) + len(pair.TargetKey) + len(pair.LegacyKey)
	return w.full(ctx)
}

func (w *window) full(ctx context.Context) error {
	if len(w.rows)+len(w.keyless) < w.limits.WindowRows && w.size < w.limits.WindowBytes {
		return nil
	}
	return w.flush(ctx)
}

// flush compares the window's rows with the manifest's and the target's.
func (w *window) flush(ctx context.Context) error {
	if len(w.rows) > 0 {
		if err := w.match(ctx); err != nil {
			return err
		}
	}
	if len(w.keyless) > 0 {
		if err := w.book.Stash(ctx, w.plan.Ordinal, w.keyless); err != nil {
			return err
		}
	}
	clear(w.rows)
	clear(w.at)
	w.rows, w.keyless, w.size = w.rows[:0], w.keyless[:0], 0
	return nil
}

func (w *window) match(ctx context.Context) error {
	pairs := make([]shard.Pair, len(w.rows))
	for i := range w.rows {
		pairs[i] = w.rows[i].pair
	}
	bases, err := w.book.Take(ctx, w.plan.Ordinal, pairs)
	if err != nil {
		return err
	}
	var keys [][]byte
	for i := range w.rows {
		r := &w.rows[i]
		if r.base = bases[i]; !r.base.Known {
			w.keyless = append(w.keyless, shard.Unmatched{Pair: r.pair, User: r.unit, Counts: true})
			continue
		}
		keys = append(keys, r.pair.TargetKey)
	}
	if len(keys) == 0 {
		return nil
	}
	err = w.tgt.Stored(ctx, w.plan, keys, func(s *shard.Stored) error {
		if i, there := w.at[string(s.Key)]; there {
			w.judge(i, s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range w.rows {
		if r := &w.rows[i]; r.base.Known && !r.met {
			w.find(w.plan, w.finding(shard.Deleted, r, nil))
		}
	}
	return nil
}

// judge says what a row is of which the legacy database, the manifest and the target know.
func (w *window) judge(i int, s *shard.Stored) {
	r := &w.rows[i]
	r.met = true
	switch untouched := digest(w.plan, s.Tuple) == r.base.Digest; {
	case bytes.Equal(s.Tuple, r.expected):
		w.equal(r, s)
	case !untouched:
		w.find(w.plan, w.finding(shard.Changed, r, s.Tuple))
	default:
		w.doubt(w.finding(shard.LegacyChanged, r, s.Tuple), r)
	}
}

// equal compares a row, of which the mapping says that it is what it should be, without the mapping.
func (w *window) equal(r *row, s *shard.Stored) {
	var wrong []string
	changed := false
	for i := range w.columns {
		c := &w.columns[i]
		switch v := c.compare(r.unit, r.cells, s.Texts[i]); {
		case v == same:
		case r.hits[i] != 0:
			changed = true
			w.rules(c, r.hits[i])
		case v == unknown:
			w.tally.count(shard.Audited{Entry: w.plan.Ordinal, Class: shard.Unchecked, Column: c.name})
		default:
			wrong = append(wrong, c.name)
		}
	}
	switch {
	case len(wrong) > 0:
		f := w.finding(shard.Wrong, r, nil)
		f.Columns = wrong
		w.find(w.plan, f)
	case changed:
		w.tally.count(shard.Audited{Entry: w.plan.Ordinal, Class: shard.ByRule})
	default:
		w.tally.count(shard.Audited{Entry: w.plan.Ordinal, Class: shard.Identical})
	}
}

func (w *window) rules(c *column, hits value.Hit) {
	for bit, rule := range c.rules {
		if hits&(1<<bit) != 0 {
			w.tally.count(shard.Audited{Entry: w.plan.Ordinal, Class: shard.ByRule, Column: c.name, Rule: rule})
		}
	}
}

// finding describes a row in which both sides differ; stored is the target's tuple, nil where there is none to compare.
func (w *window) finding(class shard.Class, r *row, stored []byte) shard.Finding {
	f := shard.Finding{Class: class, User: r.unit, LegacyKey: r.pair.LegacyKey, TargetKey: r.pair.TargetKey}
	if stored != nil {
		f.Columns = differing(w.plan, r.expected, stored)
	}
	return f
}

func digest(plan *mapping.RowPlan, tuple []byte) checksum.Sum { return checksum.Row(plan.Into, tuple) }

// differing returns the names of the columns in which two tuples of the plan differ.
func differing(plan *mapping.RowPlan, a, b []byte) (names []string) {
	a, b = a[2:], b[2:]
	for i := range plan.Columns {
		var x, y []byte
		x, a = field(a)
		y, b = field(b)
		if !bytes.Equal(x, y) {
			names = append(names, plan.Columns[i].Name)
		}
	}
	return names
}

// field cuts the first field, with its length word, off the rest of a tuple.
func field(rest []byte) (first, after []byte) {
	end := 4 + max(0, int(int32(binary.BigEndian.Uint32(rest))))
	return rest[:end], rest[end:]
}
