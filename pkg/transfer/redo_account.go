package transfer

import (
	"maps"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A done is what a part of a redo came to. One that is undone is thrown away.
type done struct {
	tally     *tally                         // what the units are now, and the guests that came in
	before    map[int]*shard.Table           // by entry: what the units were
	sums      map[int32]map[int]*shard.Table // by unit and entry: what is counted for the unit alone; Read holds its rows, Written its rows that stand
	waits     []wait
	setAside  []shard.Refusal // rows that were set aside by themselves
	conflicts []shard.Conflict
	spared    map[int32]bool // refused units of whom nothing was touched
	guests    []keyspace.Key
	guestRows map[int32]shard.Waiter
	guestAt   map[string]int32 // by kind, entry and key
	released  []shard.Waiter
	confirmed []shard.Window
}

// A wait is a row that waits; one that came in after all is over.
type wait struct {
	shard.Wait
	counts bool // it is the first row of its source row
	over   bool
}

func newDone(m *mapping.Compiled) *done {
	return &done{
		tally: newTally(m), before: map[int]*shard.Table{}, sums: map[int32]map[int]*shard.Table{}, spared: map[int32]bool{},
		guestRows: map[int32]shard.Waiter{}, guestAt: map[string]int32{},
	}
}

// clone returns a copy of what a round of guests may change.
func (d *done) clone() *done {
	c := *d
	c.tally = newTally(d.tally.mapping)
	c.tally.add(d.tally)
	c.sums = map[int32]map[int]*shard.Table{}
	for unit, entries := range d.sums {
		for entry, t := range entries {
			*c.sum(unit, entry) = *t
		}
	}
	c.waits, c.guestRows, c.guestAt = slices.Clone(d.waits), maps.Clone(d.guestRows), maps.Clone(d.guestAt)
	return &c
}

// sum returns what is counted for a unit alone.
func (d *done) sum(unit int32, entry int) *shard.Table {
	if d.sums[unit] == nil {
		d.sums[unit] = map[int]*shard.Table{}
	}
	if d.sums[unit][entry] == nil {
		d.sums[unit][entry] = &shard.Table{Entry: entry}
	}
	return d.sums[unit][entry]
}

// was returns what the units were in an entry.
func (d *done) was(entry int) *shard.Table {
	if d.before[entry] == nil {
		d.before[entry] = &shard.Table{Entry: entry}
	}
	return d.before[entry]
}

// add takes over what a part came to that stays.
func (d *done) add(part *done) {
	d.tally.add(part.tally)
	for entry, t := range part.before {
		*d.was(entry) = d.was(entry).Plus(*t)
	}
	maps.Copy(d.sums, part.sums)
	maps.Copy(d.spared, part.spared)
	maps.Copy(d.guestRows, part.guestRows)
	maps.Copy(d.guestAt, part.guestAt)
	d.waits = append(d.waits, part.waits...)
	d.setAside = append(d.setAside, part.setAside...)
	d.conflicts = append(d.conflicts, part.conflicts...)
	d.guests = append(d.guests, part.guests...)
	d.released = append(d.released, part.released...)
	d.confirmed = append(d.confirmed, part.confirmed...)
}

// waiting returns the rows that still wait.
func (d *done) waiting() (out []shard.Wait) {
	for _, w := range d.waits {
		if !w.over {
			out = append(out, w.Wait)
		}
	}
	return out
}

// keptSums returns what the ledger keeps of each unit, see shard.Account.
func (d *done) keptSums() map[int32][]shard.Table {
	out := map[int32][]shard.Table{}
	for unit, entries := range d.sums {
		for _, entry := range slices.Sorted(maps.Keys(entries)) {
			t := entries[entry]
			kept := shard.Table{Entry: entry, SetAside: t.SetAside, LeftOut: t.LeftOut, Gathered: t.Gathered, Extra: t.Extra}
			if kept != (shard.Table{Entry: entry}) {
				out[unit] = append(out[unit], kept)
			}
		}
	}
	return out
}

// former counts what the unit was, as far as it is no standing row.
func (d *done) former(a *shard.Account) {
	for _, sum := range a.Sums {
		t := d.was(sum.Entry)
		t.SetAside, t.LeftOut, t.Gathered = t.SetAside+sum.SetAside, t.LeftOut+sum.LeftOut, t.Gathered+sum.Gathered
		t.Written, t.Extra = t.Written-sum.Extra, t.Extra+sum.Extra
	}
	type source struct {
		entry int
		key   string
	}
	met := map[source]bool{}
	for _, w := range a.Waits {
		if at := (source{w.Entry, string(w.LegacyKey)}); !met[at] {
			met[at] = true
			d.was(w.Entry).Waiting++
		}
	}
}

// close counts the rows of the units from lo up to but not including hi, now that it is known how each of them ended.
func (d *done) close(r *redo, lo, hi int) {
	for unit := int32(lo); int(unit) < hi; unit++ {
		_, refused := r.refused[unit]
		for entry, sum := range d.sums[unit] {
			t := d.tally.table(r.mapping.Plans[entry])
			rows, stands := sum.Read, sum.Written
			switch {
			case d.spared[unit]:
				*sum = shard.Table{Entry: entry, SetAside: rows - min(rows, stands), Extra: stands - min(rows, stands)}
				t.Written += min(rows, stands)
			case r.list.Nothing:
				*sum = shard.Table{Entry: entry, LeftOut: rows, Extra: sum.Extra}
			case refused:
				*sum = shard.Table{Entry: entry, SetAside: rows, Extra: sum.Extra}
			}
			t.SetAside, t.LeftOut, t.Gathered, t.Extra = t.SetAside+sum.SetAside, t.LeftOut+sum.LeftOut, t.Gathered+sum.Gathered, t.Extra+sum.Extra
		}
	}
}

// tables returns the signed sums of all entries that the redo has to do with.
func (r *redo) tables() []shard.Table {
	touched := map[int]bool{}
	for _, plan := range r.plans {
		touched[plan.Ordinal] = true
	}
	for entry, t := range r.total.tally.tables {
		if t != nil {
			touched[entry] = true
		}
	}
	for entry := range r.total.before {
		touched[entry] = true
	}
	var out []shard.Table
	for _, entry := range slices.Sorted(maps.Keys(touched)) {
		now, was := *r.total.tally.table(r.mapping.Plans[entry]), *r.total.was(entry)
		was.Source = was.Written + was.Gathered + was.SetAside + was.Waiting + was.LeftOut
		out = append(out, shard.Table{
			Entry: entry, Source: now.Source - was.Source, Read: now.Read - was.Source, Written: now.Written - was.Written,
			Gathered: now.Gathered - was.Gathered, SetAside: now.SetAside - was.SetAside, Waiting: now.Waiting - was.Waiting,
			LeftOut: now.LeftOut - was.LeftOut, Changed: now.Changed, Extra: now.Extra - was.Extra,
			Expected: now.Expected.Sub(was.Expected), Stored: now.Stored.Sub(was.Stored),
		})
	}
	return out
}

// users returns the signed counts of users.
func (r *redo) users(o *shard.Outcome) (u shard.Users) {
	if !r.shard.Units().ByUser() {
		return u
	}
	for unit := range r.units {
		unit := int32(unit)
		state := "redone"
		if _, out := o.Quarantined[unit]; out {
			state = "quarantined"
		} else if o.Gone[unit] {
			state = ""
		}
		was, wasOut := shard.Counts(r.accounts[unit].State)
		is, isOut := shard.Counts(state)
		u.Migrated, u.Quarantined = u.Migrated+is-was, u.Quarantined+isOut-wasOut
		if !r.accounts[unit].Known && state != "" {
			u.Read++
		}
	}
	return u
}

// causes returns the signed counts of what keeps units and rows out.
func (r *redo) causes(o *shard.Outcome) []shard.Cause {
	sums := map[string]*shard.Cause{}
	at := func(cause string) *shard.Cause {
		if sums[cause] == nil {
			sums[cause] = &shard.Cause{Cause: cause}
		}
		return sums[cause]
	}
	byUser := r.shard.Units().ByUser()
	for i := range r.accounts {
		a := &r.accounts[i]
		if byUser && a.State == "quarantined" {
			at(a.Cause).Users--
		}
		for _, w := range a.Waits {
			at(w.Cause).Rows--
		}
		for _, why := range a.Why {
			at(why.Cause).Rows -= why.Rows
		}
	}
	for _, cause := range o.Quarantined {
		if byUser {
			at(cause).Users++
		}
	}
	for _, f := range o.Refusals {
		at(f.Cause).Rows++
	}
	for _, w := range o.Waits {
		at(w.Cause).Rows++
	}
	for _, w := range o.Released {
		at(w.Cause).Rows--
	}
	var out []shard.Cause
	for _, cause := range slices.Sorted(maps.Keys(sums)) {
		if c := *sums[cause]; c.Users != 0 || c.Rows != 0 {
			out = append(out, c)
		}
	}
	return out
}
