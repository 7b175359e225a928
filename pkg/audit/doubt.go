package audit

import (
	"bytes"
	"context"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// maxDoubts is how many rows of one entry and shard are read once more. If the two readings differ, they do in the first ones, too.
const maxDoubts = 10_000

// A doubt is a row that stands as it arrived, where the legacy database seems to hold something else by now.
type doubt struct {
	shard.Finding
	arrived checksum.Sum
}

// doubts are the doubts of one entry, and the units that have to be read again for them.
type doubts struct {
	rows  []doubt
	at    map[string]int
	units []keyspace.Key
	met   map[string]bool
}

// doubt remembers a row to be read once more, when nothing else is read. Past the limit the row counts as what it seems.
func (w *window) doubt(f shard.Finding, r *row) {
	d := &w.doubts
	if len(d.rows) == maxDoubts {
		w.find(w.plan, f)
		return
	}
	if d.at == nil {
		d.at, d.met = map[string]int{}, map[string]bool{}
	}
	d.at[string(f.LegacyKey)+string(f.TargetKey)] = len(d.rows)
	d.rows = append(d.rows, doubt{f, r.base.Digest})
	unit := r.key
	switch {
	case w.slice.Kind.ByUser():
		unit = keyspace.Key{string(r.unit)}
	case w.slice.Kind == shard.OwnKey:
		return // its unit is not known as a key: the whole range is read
	}
	if text := string(unit.Canonical()); !d.met[text] {
		d.met[text] = true
		d.units = append(d.units, unit)
	}
}

// readAgain has the doubted rows read as the migration reads them. If that makes what stands in the target, the legacy database has
// not changed: the two readings differ, and one of them is wrong.
func (w *window) readAgain(ctx context.Context) error {
	d := &w.doubts
	if len(d.rows) == 0 {
		return nil
	}
	slice := w.slice
	slice.Only = d.units
	var tuple []byte
	err := w.src.Rows(ctx, w.plan, slice, func(again shard.Row) error {
		if again.Cells == nil {
			return nil
		}
		var e mapping.Encoded
		tuple, e = w.encoder.Encode(tuple[:0], w.owner(again.Unit), again.Cells)
		if i, there := d.at[string(again.Key.Marshal())+string(e.Key)]; there && e.Ending == mapping.Written &&
			digest(w.plan, tuple) == d.rows[i].arrived {
			d.rows[i].Class = shard.Wrong
		}
		return nil
	})
	if kind, _ := shard.KindOf(err); err != nil && kind != shard.Data { // a warning or a row that is too wide says that they did change
		return err
	}
	for _, row := range d.rows {
		w.find(w.plan, row.Finding)
	}
	w.doubts = doubts{}
	return nil
}

// strays reports the rows of the shard's table that no manifest knows, each with the user whom one of its references names.
func (r *run) strays(ctx context.Context) error {
	plan := r.Mapping.Plans[r.shard.Entry]
	var entries []int
	for _, p := range r.Mapping.Plans {
		if p.Into == plan.Into && len(p.Columns) > 0 {
			entries = append(entries, p.Ordinal)
		}
	}
	in, err := r.book.Standing(ctx, entries)
	if err != nil {
		return err
	}
	at, owner := r.userReference(plan)
	var found []shard.Finding
	var users [][]byte
	err = r.tgt.Added(ctx, plan, in, func(s *shard.Stored) error {
		r.tally.count(shard.Audited{Entry: plan.Ordinal, Class: shard.Added})
		if len(found) == r.limits.Findings {
			return nil
		}
		found = append(found, shard.Finding{Class: shard.Added, Entry: plan.Ordinal, TargetKey: bytes.Clone(s.Key)})
		if at >= 0 {
			users = append(users, nthField(s.Tuple, at))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if at >= 0 && len(found) > 0 {
		known, err := r.book.Owners(ctx, owner, users)
		if err != nil {
			return err
		}
		for i := range found {
			found[i].User = known[i]
		}
	}
	r.tally.findings = found
	return nil
}

// userReference returns the position of a column of the plan that names a user, and the entry whose rows the users are; -1 where
// there is none.
func (r *run) userReference(plan *mapping.RowPlan) (column, entry int) {
	for _, users := range r.Mapping.Plans {
		if users.Source != r.Mapping.Keys.Table || len(users.KeyColumns) != 1 || users.Into == plan.Into {
			continue
		}
		entity := users.Columns[users.KeyColumns[0]].Origin.Entity
		for i := range plan.Columns {
			if entity != "" && plan.Columns[i].Origin.Entity == entity {
				return i, users.Ordinal
			}
		}
	}
	return -1, -1
}

// nthField returns a copy of a field of a tuple, with its length word.
func nthField(tuple []byte, n int) []byte {
	rest := tuple[2:]
	var out []byte
	for range n + 1 {
		out, rest = field(rest)
	}
	return bytes.Clone(out)
}
