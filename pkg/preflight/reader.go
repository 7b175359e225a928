package preflight

import (
	"context"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A window is a bounded run of encoded rows that are judged together.
const (
	windowRows  = 4096
	windowBytes = 4 << 20
)

// A reader runs the mapping over the rows of one entry in a part.
type reader struct {
	*part
	plan    *mapping.RowPlan
	encoder *mapping.Encoder
	ways    []*way
	jury    Jury
	found   func(w *way, hash [hashSize]byte, row pending) // what to do with unique keys; nil spills them

	tuples []byte
	ends   []int
	rows   []pending
	fields []int
	key    []byte
}

// A pending is a row of a window.
type pending struct {
	unit string
	key  keyspace.Key
}

func (p *part) newReader(plan *mapping.RowPlan) *reader {
	return &reader{part: p, plan: plan, encoder: plan.NewEncoder(), ways: p.scan.ways[plan.Ordinal], jury: p.juries[plan.Ordinal]}
}

func (r *reader) read(ctx context.Context) error {
	err := r.Source.Rows(ctx, r.plan, r.slice, func(row shard.Row) error { return r.row(ctx, row) })
	if err != nil {
		return err
	}
	return r.flush(ctx)
}

// row looks at one row.
func (r *reader) row(ctx context.Context, row shard.Row) error {
	r.part.rows++
	if r.unowned(row) || r.ungathered(row) {
		return nil
	}
	tuples, e := r.encoder.Encode(r.tuples, r.owner(row), row.Cells)
	if e.Ending != mapping.Written {
		r.troubles(row)
		return nil
	}
	if e.Changed {
		r.changed(r.encoder.Hits())
	}
	if len(r.ways) == 0 && !r.jury.Laws().Any {
		return nil
	}
	r.tuples, r.ends = tuples, append(r.ends, len(tuples))
	r.rows = append(r.rows, pending{string(row.Unit), row.Key})
	if len(r.rows) >= windowRows || len(r.tuples) >= windowBytes {
		return r.flush(ctx)
	}
	return nil
}

// owner returns the user whom the row belongs to, nil for none.
func (r *reader) owner(row shard.Row) []byte {
	if r.slice.Kind.ByUser() {
		return row.Unit
	}
	return nil
}

// unowned ends a row whose user is unknown, where the entry does not migrate such rows, and an attribute that no row of its user takes in.
func (r *reader) unowned(row shard.Row) bool {
	g := ground{entry: r.plan.Ordinal, column: -1, cause: "unowned:" + r.plan.Into}
	if r.slice.Kind != shard.Unowned {
		if r.plan.GatheredBy == nil {
			return false
		}
		g.cause = "gather:" + r.plan.Into
	}
	switch {
	case r.plan.Unowned == mapping.UnownedLeave:
		g.kind = leaves
		a := r.accounts.of(g)
		a.rows++
		a.sample(keyText(row.Key))
		return true
	case r.plan.Unowned == mapping.UnownedReject || row.Cells == nil || r.plan.GatheredBy != nil:
		r.refuse(string(row.Unit), g, keyText(row.Key))
		return true
	}
	return false
}

// ungathered refuses a row whose user's attributes cannot be gathered.
func (r *reader) ungathered(row shard.Row) bool {
	if row.Attributes.Cause == "" {
		return false
	}
	_, object, _ := strings.Cut(row.Attributes.Cause, ":")
	column := slices.IndexFunc(r.plan.Columns, func(c mapping.FedColumn) bool { return object == r.plan.Into+"."+c.Name })
	r.refuse(string(row.Unit), ground{entry: r.plan.Ordinal, column: column, cause: row.Attributes.Cause}, keyText(row.Attributes.Key)).value(row.Attributes.Name)
	return true
}

// troubles notes why a row does not arrive: the first reason as the run does, the others behind it.
func (r *reader) troubles(row shard.Row) {
	unit, key := string(row.Unit), keyText(row.Key)
	for i, t := range r.encoder.Troubles(r.owner(row), row.Cells) {
		g := ground{entry: r.plan.Ordinal, column: t.Column, cause: t.Cause}
		switch {
		case t.Ending == mapping.LeftOut && i == 0:
			g.kind, g.cause = leaves, "missing:"+r.plan.Into+"."+r.plan.Columns[t.Column].Name
			a := r.accounts.of(g)
			a.rows++
			a.sample(key)
		case t.Ending == mapping.LeftOut:
		case i > 0:
			if t.Ending == mapping.Waits {
				g.kind = waits
			}
			a := r.accounts.of(g)
			a.behind++
			a.sample(key)
			r.offend(a, t.Column, row.Cells)
		case t.Ending == mapping.Waits:
			g.kind = waits
			r.offend(r.wait(unit, g, key), t.Column, row.Cells)
		default:
			r.offend(r.refuse(unit, g, key), t.Column, row.Cells)
		}
	}
}

// offend counts the value that is why, unless that is NULL, which the cause says.
func (r *reader) offend(a *account, column int, cells []value.Cell) {
	for _, at := range r.plan.Columns[column].Origin.Cells {
		if cells[at] != nil {
			a.value(r.offender(column, cells))
			return
		}
	}
}

// offender returns the value that a column was not made of, as the rules see it that come after its steps.
func (r *reader) offender(column int, cells []value.Cell) string {
	var parts []string
	for _, at := range r.plan.Columns[column].Origin.Cells {
		parts = append(parts, string(r.stepped(r.plan, column, cells[at])))
	}
	return cutShort(strings.Join(parts, "/"))
}

// lossy are the rules that lose something of a value.
var lossy = []string{"zero_date", "partial_date", "nul_byte", "bad_text", "out_of_range", "too_long", "json_nul", "json_duplicate", "dst_gap",
	"missing",
}

// changed counts the rules that lose something.
func (r *reader) changed(hits []value.Hit) {
	for column, hit := range hits {
		if hit == 0 {
			continue
		}
		for bit, rule := range r.plan.Columns[column].Rules() {
			if hit&(1<<bit) != 0 && slices.Contains(lossy, rule) {
				cause := rule + ":" + r.plan.Into + "." + r.plan.Columns[column].Name
				r.accounts.of(ground{entry: r.plan.Ordinal, column: column, cause: cause, kind: changes}).rows++
			}
		}
	}
}

// flush brings the window's rows under the unique constraints, and before the jury.
func (r *reader) flush(ctx context.Context) error {
	if len(r.rows) == 0 {
		return nil
	}
	start := 0
	for i, end := range r.ends {
		r.fields = fieldsOf(r.fields, r.tuples[start:end])
		for _, w := range r.ways {
			if w.columns == nil {
				continue
			}
			var ok bool
			if r.key, ok = w.keyOf(r.key[:0], r.tuples[start:end], r.fields); !ok {
				continue
			}
			if err := r.under(w, r.key, r.rows[i]); err != nil {
				return err
			}
		}
		start = end
	}
	if r.jury.Laws().Any {
		if err := r.jury.Hear(ctx, r.tuples, r.ends, r.verdict); err != nil {
			return err
		}
	}
	r.tuples, r.ends, r.rows = r.tuples[:0], r.ends[:0], r.rows[:0]
	return nil
}

// verdict takes what the jury says of the window's ith row.
func (r *reader) verdict(i int, v Verdict) error {
	row := r.rows[i]
	if v.Cause != "" {
		_, object, _ := strings.Cut(v.Cause, ":")
		column := r.concerned(r.plan, strings.TrimPrefix(object, r.plan.Into+"."))
		r.refuse(row.unit, ground{entry: r.plan.Ordinal, column: column, cause: v.Cause}, keyText(row.key))
		r.unheard[row.unit] = true
	}
	for _, w := range r.ways {
		if w.columns != nil {
			continue
		}
		if key := v.Keys[slices.Index(r.jury.Laws().Uniques, w.name)]; key != nil {
			if err := r.under(w, key, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// under brings a row under a unique constraint.
func (r *reader) under(w *way, key []byte, row pending) error {
	hash := r.hash.key(key)
	if r.found != nil {
		r.found(w, hash, row)
		return nil
	}
	id := append(row.key.Marshal(), byte(r.plan.Ordinal), byte(r.plan.Ordinal>>8))
	if r.plan.Many {
		id = append(id, key...) // a source row has several rows
	}
	return w.spill.add(record{hash: hash, unit: r.hash.unit([]byte(row.unit), r.slice.Kind.ByUser()), row: r.hash.unit(id, false), part: r.number})
}
