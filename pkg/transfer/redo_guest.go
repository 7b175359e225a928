package transfer

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A guest is a row that waited and whose needed row has come in.
type guest struct {
	shard.Waiter
	own int // position in waits where the row is the part's own, else -1
}

// askAtOnce is how many keys the ledger is asked about at once.
const askAtOnce = 4096

// welcome brings in, read again, the rows that waited for what the part has brought, then those that waited for these, until none is left.
func (p *redoPart) welcome(ctx context.Context) error {
	guests, err := p.waited(ctx, p.fed)
	for err == nil && len(guests) > 0 {
		guests, err = p.bring(ctx, guests)
	}
	return err
}

// waited returns the rows that waited for rows of the entries which the newest Write has inserted.
func (p *redoPart) waited(ctx context.Context, plans []*mapping.RowPlan) (out []guest, err error) {
	own := map[string][]int{}
	for i, w := range p.done.waits {
		if !w.over {
			own[w.Needs+"\x00"+string(w.NeedsKey)] = append(own[w.Needs+"\x00"+string(w.NeedsKey)], i)
		}
	}
	met := map[string]bool{}
	add := func(g guest) {
		if name := p.guestName(&g.Waiter) + "\x00" + strconv.Itoa(g.Entry) + "\x00" + string(g.LegacyKey); !met[name] {
			met[name] = true
			out = append(out, g)
		}
	}
	for _, plan := range plans {
		var keys [][]byte
		ask := func() error {
			waiters, err := p.book.Waiters(ctx, plan.Into, keys)
			for _, w := range waiters {
				if !p.listed(&w) {
					add(guest{w, -1})
				}
			}
			keys = nil
			return err
		}
		err := p.tgt.Needed(ctx, plan, func(key []byte) error {
			for _, i := range own[plan.Into+"\x00"+string(key)] {
				add(guest{p.ownWaiter(p.done.waits[i].Wait), i})
			}
			keys = append(keys, key)
			return nil
		}, func() error {
			if len(keys) < askAtOnce {
				return nil
			}
			return ask()
		})
		if err == nil && len(keys) > 0 {
			err = ask()
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// listed reports whether the row's unit is done again itself.
func (p *redoPart) listed(w *shard.Waiter) bool {
	if w.User != nil {
		_, listed := p.index[string(w.User.Canonical())]
		return listed && p.shard.Units().ByUser()
	}
	_, listed := p.index[string(w.Own.Canonical())]
	return listed && w.Kind == p.shard.Units() && w.Entry == p.shard.Entry
}

// ownWaiter spells a row of the part that waits as others are spelled.
func (p *redoPart) ownWaiter(w shard.Wait) shard.Waiter {
	if p.shard.Units().ByUser() {
		return shard.Waiter{User: p.units[w.Unit], Wait: w}
	}
	return shard.Waiter{Kind: p.shard.Units(), Own: p.units[w.Unit], Wait: w}
}

// guestName tells the units of guests from one another.
func (p *redoPart) guestName(w *shard.Waiter) string {
	if w.User != nil {
		return "\x00" + string(w.User.Canonical())
	}
	return string(w.Kind) + strconv.Itoa(w.Entry) + "\x00" + string(w.Own.Canonical())
}

// guestUnit returns the unit of a guest's row. A guest is a unit from its first row on.
func (p *redoPart) guestUnit(g *guest) int32 {
	if g.own >= 0 {
		return p.done.waits[g.own].Unit
	}
	name := p.guestName(&g.Waiter)
	if at, known := p.redo.total.guestAt[name]; known {
		return at
	}
	if at, known := p.done.guestAt[name]; known {
		return at
	}
	unit := int32(len(p.everybody()))
	p.done.guestAt[name] = unit
	if g.User != nil {
		p.done.guests = append(p.done.guests, g.User)
	} else {
		p.done.guests = append(p.done.guests, g.Own)
		p.done.guestRows[unit] = g.Waiter
	}
	return unit
}

// bring brings guests in under a savepoint, each alone where they do not come in together; who cannot come in goes on waiting. It returns who
// waited for them.
func (p *redoPart) bring(ctx context.Context, guests []guest) (next []guest, err error) {
	if err := p.tgt.Savepoint(ctx); err != nil {
		return nil, err
	}
	before := p.done.clone()
	r := &round{redoPart: p, guests: guests, rows: map[string]int{}}
	plans, err := r.run(ctx)
	if err == nil {
		next, err = p.waited(ctx, plans)
	}
	if err == nil {
		return next, p.tgt.Keep(ctx)
	}
	p.done, p.buffer = before, nil
	if undone := p.tgt.Undo(ctx); undone != nil {
		return nil, notUndone(err, undone)
	}
	if kind, _ := shard.KindOf(err); kind != shard.Data {
		return nil, err
	}
	if len(guests) == 1 {
		return nil, nil
	}
	for _, part := range [][]guest{guests[:len(guests)/2], guests[len(guests)/2:]} {
		some, err := p.bring(ctx, part)
		if err != nil {
			return nil, err
		}
		next = append(next, some...)
	}
	return next, nil
}

// A round is one attempt to bring guests in.
type round struct {
	*redoPart
	guests []guest
	rows   map[string]int // by entry and legacy key: position in guests
	units  []int32
}

// name tells the rows of a round from one another.
func (r *round) name(entry int, legacyKey []byte) string {
	return strconv.Itoa(entry) + "\x00" + string(legacyKey)
}

// run reads the guests again, compares, writes and enlists them, and returns their entries.
func (r *round) run(ctx context.Context) ([]*mapping.RowPlan, error) {
	entries := map[int][]guest{}
	for i := range r.guests {
		g := &r.guests[i]
		r.rows[r.name(g.Entry, g.LegacyKey)] = i
		r.units = append(r.units, r.guestUnit(g))
		entries[g.Entry] = append(entries[g.Entry], *g)
	}
	var plans []*mapping.RowPlan
	for _, entry := range slices.Sorted(maps.Keys(entries)) {
		plans = append(plans, r.mapping.Plans[entry])
	}
	if err := r.tgt.Clear(ctx, plans); err != nil {
		return nil, err
	}
	for _, plan := range plans {
		if err := r.stage(ctx, plan, entries[plan.Ordinal]); err != nil {
			return nil, err
		}
	}
	for _, plan := range plans {
		err := r.tgt.Compare(ctx, plan, func(c *shard.Compared) shard.Decision { return decideStrange(c, false) })
		if err != nil {
			return nil, err
		}
	}
	for _, step := range []func(context.Context) error{r.tgt.Resolve, r.tgt.Write, r.tgt.Finish} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	for _, plan := range plans {
		l := &lister{part: r.redoPart, plan: plan}
		if err := l.run(ctx, func(d *shard.Decided) error { return r.row(l, d) }); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// stage reads the guests of one entry again.
func (r *round) stage(ctx context.Context, plan *mapping.RowPlan, guests []guest) error {
	st := newStager(plan, r.redoPart)
	byKind := map[shard.Kind][]guest{}
	for _, g := range guests {
		kind := g.Kind
		if g.User != nil {
			kind = shard.OfUsers
		}
		byKind[kind] = append(byKind[kind], g)
	}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		for some := range slices.Chunk(byKind[kind], 1000) {
			if err := r.read(ctx, st, kind, some); err != nil {
				return err
			}
		}
	}
	return st.flush(ctx)
}

// read reads some rows of one kind of units again.
func (r *round) read(ctx context.Context, st *stager, kind shard.Kind, some []guest) error {
	s := shard.Slice{Kind: kind, Only: []keyspace.Key{}, Rows: []keyspace.Key{}}
	if kind != shard.OfUsers {
		s.Entry = st.plan
	}
	met := map[string]bool{}
	for _, g := range some {
		unit := g.User
		if unit == nil {
			unit = g.Own
		}
		if text := string(unit.Canonical()); !met[text] {
			met[text] = true
			s.Only = append(s.Only, unit)
		}
		key, err := keyspace.Unmarshal(g.LegacyKey)
		if err != nil {
			return err
		}
		s.Rows = append(s.Rows, key)
	}
	return r.src.Rows(ctx, st.plan, s, func(row shard.Row) error {
		key := row.Key.Marshal()
		i, known := r.rows[r.name(st.plan.Ordinal, key)]
		if !known || row.Cells == nil || row.Attributes.Cause != "" {
			return nil
		}
		var owner []byte
		if r.guests[i].User != nil {
			if owner = r.guests[i].User.Canonical(); string(owner) != string(row.Unit) {
				return nil // it belongs to somebody else by now
			}
		}
		staged, e := st.encode(r.units[i], owner, row, !st.first(key))
		if e.Ending != mapping.Written {
			return nil
		}
		return st.add(ctx, staged)
	})
}

// row takes over a guest's row: what came in waits no more.
func (r *round) row(l *lister, d *shard.Decided) error {
	if d.Action != shard.Insert {
		return nil
	}
	digest, err := l.verify(d)
	if err != nil {
		return err
	}
	n, t := readNote(d.New.Note, len(l.plan.Columns)), r.tally.table(l.plan)
	i := r.rows[r.name(l.plan.Ordinal, d.LegacyKey)]
	g := &r.guests[i]
	if n.extra {
		t.Extra++
	} else {
		t.Written++
		t.Waiting--
		if g.own >= 0 {
			r.done.waits[g.own].over = true
		} else {
			w := g.Waiter
			w.Unit = d.Unit
			r.released = append(r.released, w)
		}
		r.regathered(l.plan, d.Unit, n.gathered)
	}
	t.Expected, t.Stored = t.Expected.Add(digest), t.Stored.Add(digest)
	l.came(d, &n)
	l.rows = append(l.rows, shard.Arrived{Unit: d.Unit, TargetKey: slices.Clone(d.TargetKey), LegacyKey: slices.Clone(d.LegacyKey), Digest: digest})
	return nil
}

// regathered moves the attributes of a row that came in from those that were set aside, as those of a row that waits are.
func (r *round) regathered(plan *mapping.RowPlan, unit int32, a shard.Attributes) {
	if plan.Gather == nil || a.Rows == 0 {
		return
	}
	came := attributed(plan.Gather, a, mapping.Written)
	came.Read, came.SetAside = 0, -a.Rows
	for _, t := range []*shard.Table{r.sum(unit, plan.Gather.Plan.Ordinal), r.tally.table(plan.Gather.Plan)} {
		*t = t.Plus(came)
	}
}
