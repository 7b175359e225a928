package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// The attributes of so many users at most are gathered at once, while they take up no more memory than that; one user's may take up
// what a row may.
const (
	mostGathered  = 4096
	firstGathered = 128
	gatherBytes   = 4 << 20
)

// attributeBytes is about what an attribute takes up in memory beside its name and value.
const attributeBytes = 128

// gather streams the rows of a plan that gathers: for one batch of users after the other, the attributes are read and then the rows
// that they go into, as one connection streams one statement at a time.
func (s *Snapshot) gather(ctx context.Context, p *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	if slice.Only == nil {
		return s.gatherPart(ctx, p, slice, yield)
	}
	for part := range slices.Chunk(slice.Only, listSize) { // what one statement reads comes in order
		slice.Only = part
		if err := s.gatherPart(ctx, p, slice, yield); err != nil {
			return err
		}
	}
	return nil
}

func (s *Snapshot) gatherPart(ctx context.Context, p *mapping.RowPlan, slice shard.Slice, yield func(shard.Row) error) error {
	whole := slice
	whole.Rows = nil // which are rows, and no units
	units, err := s.Units(ctx, whole)
	if err != nil {
		return err
	}
	size := s.gathered.last(p)
	for first := 0; first < len(units); {
		b := s.batch(p, slice, units, first, min(first+size, len(units)))
		if err := b.readAttributes(ctx); err != nil {
			return s.failed(err, "read the attributes in %s for %s", p.Gather.Plan.Source, p.Into)
		}
		if err := b.readRows(ctx, yield); err != nil {
			return s.failed(err, "read the rows of %s", b.question)
		}
		first += len(b.units)
		size = b.next(size)
	}
	s.gathered.note(p, max(size, firstGathered))
	return nil
}

// sizes remember how large batches of a plan may be, as each takes round trips, and shards of one population are much alike.
type sizes struct {
	mu sync.Mutex
	of map[*mapping.RowPlan]int
}

func (s *sizes) last(p *mapping.RowPlan) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.of[p], firstGathered)
}

func (s *sizes) note(p *mapping.RowPlan, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[*mapping.RowPlan]int{}
	}
	s.of[p] = size
}

// A batch is a run of a slice's users whose attributes are in memory.
type batch struct {
	question
	*Snapshot
	slice  shard.Slice
	all    []keyspace.Key // of the slice
	first  int            // of the batch, in all
	units  []keyspace.Key
	index  map[string]int        // a unit's canonical key to its position in units
	users  []*mapping.Attributes // by position; nil where there are none
	faults []fault               // by position
	bytes  int64
	cut    bool // there were more in memory than there may be, so that the batch is shorter than was asked for
}

// A fault is why a user's attributes cannot be gathered.
type fault struct {
	cause string
	key   keyspace.Key
	name  string
}

func (s *Snapshot) batch(p *mapping.RowPlan, slice shard.Slice, all []keyspace.Key, first, limit int) *batch {
	b := &batch{question: s.question(p, slice), Snapshot: s, slice: slice, all: all, first: first, units: all[first:limit]}
	b.index = make(map[string]int, len(b.units))
	for i, unit := range b.units {
		b.index[string(unit.Canonical())] = i
	}
	b.users, b.faults = make([]*mapping.Attributes, len(b.units)), make([]fault, len(b.units))
	return b
}

// part is the slice of the batch's users alone.
func (b *batch) part() shard.Slice {
	out := b.slice
	if b.slice.Only != nil {
		out.Only = b.units
		return out
	}
	if b.first > 0 {
		out.Range.After = b.all[b.first-1]
	}
	if limit := b.first + len(b.units); limit < len(b.all) {
		out.Range.Through = b.all[limit-1]
	}
	return out
}

// next returns how many users to try next after a batch of the given size.
func (b *batch) next(size int) int {
	switch {
	case b.cut:
		return max(1, len(b.units))
	case b.bytes < gatherBytes/2 && len(b.units) == size:
		return min(2*size, mostGathered)
	}
	return size
}

// errFull ends the reading of attributes when there are more in memory than there may be.
var errFull = errors.New("the batch is full")

// readAttributes reads the attributes of the batch's users. When they get too many, the batch is cut before the user whose they are.
func (b *batch) readAttributes(ctx context.Context) error {
	r := b.reader(b.question, nil)
	end, last := len(b.units), 0
	err := b.parts(b.question, b.part(), func(part clause) error {
		err := stream(ctx, b.conn, b.attributes(part), func(cells []value.Cell) error {
			unit, rest, err := r.unitOf(cells)
			if err != nil {
				return r.fault("", err)
			}
			at, known := b.index[string(unit)]
			if !known || at < last {
				return shard.Failf(shard.Defect, "the attributes in %s do not come in the order of their users", b.plan.Gather.Plan.Source)
			}
			last = at
			if err := b.add(at, rest); err != nil {
				return err
			}
			if b.bytes <= gatherBytes || at == 0 {
				return b.narrow(r, at)
			}
			end = at
			return errFull
		})
		if errors.Is(err, errFull) {
			err = nil
		}
		if err != nil {
			return err
		}
		return warned(ctx, b.conn, b.plan.Into)
	})
	if end < len(b.units) {
		b.cut, b.units = true, b.units[:end]
		clear(b.users[end:])
	}
	return err
}

// add takes in one attribute row of the user at the position.
func (b *batch) add(at int, cells []value.Cell) error {
	if b.users[at] == nil {
		b.users[at] = b.plan.Gather.Collect()
	}
	a, n := b.users[at], len(b.plan.Gather.Plan.SourceKey)
	before := a.Bytes
	cause := a.Add(cells[n], cells[n+1])
	b.bytes += a.Bytes - before + attributeBytes
	if cause == "" || b.faults[at].cause != "" {
		return nil
	}
	k, err := key(cells[:n], b.plan.Gather.Plan.SourceKinds)
	b.faults[at] = fault{cause, k, string(cells[n])}
	return err
}

// narrow refuses a user whose attributes alone are wider than a row may be.
func (b *batch) narrow(r *reader, at int) error {
	if n := b.users[at].Bytes; n > r.limit {
		return r.tooWide(n)
	}
	return nil
}

// readRows streams the rows of the batch's users, with their attributes as further cells.
func (b *batch) readRows(ctx context.Context, yield func(shard.Row) error) error {
	var all []value.Cell
	r := b.reader(b.question, nil)
	r.yield = func(row shard.Row) error {
		at, known := b.index[string(row.Unit)]
		if !known || at >= len(b.units) {
			return shard.Failf(shard.Defect, "a row of %s was read for a user who is not in this part of the slice", b.question)
		}
		a := b.users[at]
		if a == nil {
			a = b.plan.Gather.Collect()
		} else if !b.plan.Joined {
			b.users[at] = nil // no other row of this user comes, and what the row holds is all that keeps it in memory
		}
		row.Attributes = shard.Attributes{Rows: a.Rows, Gathered: a.Gathered, LeftOut: a.LeftOut, Cause: b.faults[at].cause, Key: b.faults[at].key,
			Name: b.faults[at].name}
		all = a.AppendCells(append(all[:0], row.Cells...))
		row.Cells = all
		if n := width(all); n > r.limit {
			return r.tooWide(n)
		}
		err := yield(row)
		clear(all)
		return err
	}
	return b.parts(b.question, b.part(), func(part clause) error {
		if err := stream(ctx, b.conn, b.rows(part), r.row); err != nil {
			return err
		}
		return warned(ctx, b.conn, b.plan.Into)
	})
}

// attributes selects the attributes of the part's users, user by user: the user's key, the row's own, name and value.
func (q question) attributes(part clause) clause {
	g := q.plan.Gather
	c := q.keys(part)
	c.sql = "SELECT rehome_u.rehome_k1, " + bare(g.Plan.SourceKey) + ", " + bare([]string{g.Name, g.Value}) + " FROM (" + c.sql +
		") AS rehome_u STRAIGHT_JOIN (" + g.Plan.From + ") ON (" + g.Plan.User + ") = rehome_u.rehome_k1 ORDER BY rehome_u.rehome_k1, " + bare(g.Plan.SourceKey)
	return c
}

// covered reports whether each user is a row of the plan that gathers the attributes, so that none of theirs has nowhere to go.
func (q question) covered() bool {
	return q.own(q.plan.GatheredBy)
}

// housed is the condition that the user of an attribute has a row of the plan that gathers it, taken by the given condition.
func (q question) housed(where string) clause {
	host := q.plan.GatheredBy
	rows := "SELECT (" + host.User + ") AS rehome_h FROM " + host.From
	if where != "" {
		rows += " WHERE (" + where + ")"
	}
	return clause{sql: "EXISTS (SELECT 1 FROM (" + rows + ") AS rehome_p WHERE rehome_p.rehome_h = (" + q.plan.User + "))"}
}

// filter is the condition on the rows that Rows reads: of an attribute table, those that no row of their user takes in.
func (q question) filter() clause {
	if q.plan.GatheredBy == nil || !q.kind.ByUser() {
		return condition(q.plan.Where)
	}
	c := q.housed("")
	c.sql = "NOT " + c.sql
	return c
}

// unhoused counts the attributes of the slice whose users' row the condition of the plan that gathers them leaves out.
func (q question) unhoused(part clause) clause {
	out := q.housed(q.plan.GatheredBy.Where)
	out.sql = "NOT " + out.sql
	c := where(q.belongs(part), q.housed(""), out)
	c.sql = "SELECT COUNT(*) FROM " + q.source() + c.sql
	return c
}

func (r *reader) tooWide(n int64) error {
	return r.fault("row_too_wide:"+r.plan.Into, fmt.Errorf("a row has %d bytes, and max_row_bytes is %d", n, r.limit))
}

// width returns how many bytes the cells have.
func width(cells []value.Cell) (n int64) {
	for _, cell := range cells {
		n += int64(len(cell))
	}
	return n
}
