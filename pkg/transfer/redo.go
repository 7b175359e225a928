package transfer

import (
	"context"
	"fmt"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Redo does the units of the list again: what the legacy database has of them now is compared, row by row, with what the manifests say and
// with what stands in the target, and the target follows where nobody else has changed it. Rows that waited for what comes in come in
// with it, whoever they belong to. The receipt is signed, what the units are now less what they were; Close has written it, and nothing
// counts until the caller has committed. Errors carry a shard.Failure, or are a *Crowded, whose Cut means nothing.
func (m *Mover) Redo(ctx context.Context, s *shard.Shard, list *shard.List, attempt int, src Source, tgt RedoTarget, book RedoBook) (shard.Receipt, error) {
	started := time.Now()
	r := &redo{
		mapping: m.Mapping, limits: m.Limits.orDefault(), shard: s, list: list, src: src, tgt: tgt, book: book, plans: m.plans(s),
		refused: map[int32]string{}, offending: map[int32]int{},
	}
	for _, plan := range r.plans {
		if plan.GatheredBy == nil {
			r.fed = append(r.fed, plan)
		}
	}
	if err := r.readUnits(ctx); err != nil {
		return shard.Receipt{}, fmt.Errorf("read the units of shard %s: %w", s, err)
	}
	if err := r.all(ctx); err != nil {
		return shard.Receipt{}, fmt.Errorf("do shard %s again: %w", s, err)
	}
	if err := (&move{tgt: tgt, confirmed: r.total.confirmed}).confirm(ctx); err != nil {
		return shard.Receipt{}, fmt.Errorf("confirm shard %s: %w", s, err)
	}
	outcome := r.outcome()
	outcome.Receipt.Attempt, outcome.Receipt.Mapping = attempt, m.Mapping.Hash
	outcome.Receipt.Started, outcome.Receipt.Finished = started.UTC(), time.Now().UTC()
	if err := book.Close(ctx, outcome); err != nil {
		return shard.Receipt{}, fmt.Errorf("close the account of shard %s: %w", s, err)
	}
	return outcome.Receipt, nil
}

// A redo is one attempt at one list.
type redo struct {
	mapping *mapping.Compiled
	limits  Limits
	shard   *shard.Shard
	list    *shard.List
	src     Source
	tgt     RedoTarget
	book    RedoBook
	plans   []*mapping.RowPlan
	fed     []*mapping.RowPlan // those of plans that feed a table of the target

	units    []keyspace.Key
	present  int              // so many of the first units are in the legacy database; the others are gone from it
	index    map[string]int32 // canonical key to position in units
	accounts []shard.Account

	refused    map[int32]string // unit to cause
	refusals   []shard.Refusal
	offending  map[int32]int // how many refusals a unit has
	collisions []shard.Collision
	attempts   int
	total      *done
}

// readUnits reads which units of the list there still are, in the legacy database's order, and what became of all of them so far.
func (r *redo) readUnits(ctx context.Context) error {
	s := shard.Slice{Kind: r.shard.Units(), Only: r.list.Units}
	if !s.Kind.ByUser() {
		s.Entry = r.plans[0]
	}
	if s.Only == nil {
		s.Only = []keyspace.Key{}
	}
	found, err := r.src.Units(ctx, s)
	if err != nil {
		return err
	}
	r.index = map[string]int32{}
	r.add(found)
	r.present = len(r.units)
	r.add(r.list.Units)
	if r.list.Cause != "" {
		for unit := range r.present {
			r.refuse(shard.Refusal{Unit: int32(unit), Entry: -1, Cause: r.list.Cause})
		}
	}
	r.accounts, err = r.book.Accounts(ctx, r.units)
	return err
}

// add takes over the units that are not there yet.
func (r *redo) add(units []keyspace.Key) {
	for _, key := range units {
		text := string(key.Canonical())
		if _, known := r.index[text]; !known {
			r.index[text] = int32(len(r.units))
			r.units = append(r.units, key)
		}
	}
}

// gone reports whether nothing of the unit is to come in any more.
func (r *redo) gone(unit int32) bool { return int(unit) >= r.present || r.list.Nothing }

// slice returns the rows of units lo up to but not including hi that the legacy database still has.
func (r *redo) slice(lo, hi int) shard.Slice {
	s := shard.Slice{Kind: r.shard.Units(), Only: []keyspace.Key{}}
	if !s.Kind.ByUser() {
		s.Entry = r.plans[0]
	}
	if hi = min(hi, r.present); lo < hi {
		s.Only = r.units[lo:hi]
	}
	return s
}

// refuse keeps a unit out, with its offending row.
func (r *redo) refuse(f shard.Refusal) {
	if _, known := r.refused[f.Unit]; !known {
		r.refused[f.Unit] = f.Cause
	}
	if r.offending[f.Unit]++; r.offending[f.Unit] <= maxRefusals {
		r.refusals = append(r.refusals, f)
	}
}

// outcome sums up the redo.
func (r *redo) outcome() shard.Outcome {
	t := r.total
	o := shard.Outcome{
		Units: append(r.units[:len(r.units):len(r.units)], t.guests...), Guests: len(t.guests), GuestRows: t.guestRows,
		Quarantined: map[int32]string{}, Refusals: append(r.refusals[:len(r.refusals):len(r.refusals)], t.setAside...),
		Waits: t.waiting(), Collisions: r.collisions, Conflicts: t.conflicts, Sums: t.keptSums(), Gone: map[int32]bool{}, Released: t.released,
		Receipt: shard.Receipt{
			ID: r.shard.ID, State: shard.Done, Wave: r.shard.Wave, Position: r.src.Position(), Tables: r.tables(), Rules: t.tally.ruleCounts(),
		},
	}
	for unit := range r.units {
		unit := int32(unit)
		cause, refused := r.refused[unit]
		switch {
		case r.gone(unit):
			o.Gone[unit] = true
		case refused && !t.spared[unit]:
			o.Quarantined[unit] = cause
		}
	}
	o.Receipt.Users, o.Receipt.Causes = r.users(&o), r.causes(&o)
	return o
}
