package producer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/pausepoint"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// redoUnits is how many units one shard does again.
const redoUnits = 500

// redoWave is when units are done again: when all others have been done once.
func (r *Run) redoWave() int { return plan.RestWave(r.mapping) + 1 }

// redo plans the shards, of the given wave, for those whom the plan's record wants done again, of those who were done once. The record is cleared where
// that is all of it. It returns how many shards there are.
func (r *Run) redo(ctx context.Context, wave int, all bool) (int, error) {
	todo := r.planned.Redo
	if todo == nil {
		return 0, nil
	}
	p, patch := &packer{wave: wave}, map[string]any{}
	if all {
		patch["redo"] = nil
	}
	units := r.everyone
	if !todo.Everyone {
		causes, err := r.touched(ctx)
		if err != nil {
			return 0, err
		}
		units = func(ctx context.Context, p *packer) error { return r.keptOut(ctx, causes, p) }
	}
	shards, err := r.plan(ctx, p, units, patch)
	if err != nil {
		return 0, fmt.Errorf("plan who is done again: %w", err)
	}
	if all {
		r.planned.Redo = nil
	}
	pausepoint.At("redo_planned")
	if shards > 0 {
		r.Log.InfoContext(ctx, fmt.Sprintf("%s users and %s rows without a user are done again", report.Number(p.users), report.Number(p.rows)), "migration", r.m.Name)
	}
	return shards, nil
}

// plan writes the shards that fill packs, all of them or none, together with the patch of the plan's record.
func (r *Run) plan(ctx context.Context, p *packer, fill func(context.Context, *packer) error, patch map[string]any) (int, error) {
	body, err := json.Marshal(patch)
	if err != nil {
		return 0, err
	}
	return r.ledger.PlanRedo(ctx, r.m.Name, func(yield func(ledger.RedoShard, error) bool) {
		p.yield = func(s ledger.RedoShard) bool { return yield(s, nil) }
		err := fill(ctx, p)
		if err == nil {
			err = p.flush()
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(ledger.RedoShard{}, err)
		}
	}, body)
}

// keptOut packs the units that something keeps out for one of the causes.
func (r *Run) keptOut(ctx context.Context, causes []string, p *packer) error {
	if len(causes) == 0 {
		return nil
	}
	unnamed := 0
	for k, err := range r.ledger.Kept(ctx, r.m.Name, causes) {
		if err != nil {
			return err
		}
		if k.Unit == nil {
			unnamed++
			continue
		}
		if err := p.add(unitsOf{k.Of, k.Entry}, k.Home.Cells, k.Unit); err != nil {
			return err
		}
	}
	if unnamed > 0 {
		return refuse("an earlier release of rehome has set %d rows of migration %s aside without noting the key that they are read by: they cannot be done again; "+
			"take the migration out with reset, and plan again", unnamed, r.m.Name)
	}
	return nil
}

// everyone packs all units that were ever read, and of those that are rows also the ones that the legacy database has by now.
func (r *Run) everyone(ctx context.Context, p *packer) error {
	rest, err := r.ledger.RestShards(ctx, r.m.Name)
	if err != nil {
		return err
	}
	known := map[string]bool{} // the rows of the shard that the rolls are at
	at := -1
	more := func(ordinal int) error { // reads what is new in the range of a shard
		i := slices.IndexFunc(rest, func(s shard.Shard) bool { return s.Ordinal == ordinal })
		if i < 0 {
			return nil
		}
		err := r.appearedRows(ctx, &rest[i], known, p)
		rest = slices.Delete(rest, i, i+1)
		return err
	}
	for roll, err := range r.ledger.Units(ctx, r.m.Name) {
		if err != nil {
			return err
		}
		if roll.Of != shard.OfUsers && roll.Home.Ordinal != at {
			if err := more(at); err != nil {
				return err
			}
			at = roll.Home.Ordinal
			clear(known)
		}
		for _, unit := range roll.Units {
			if roll.Of != shard.OfUsers {
				known[string(unit.Marshal())] = true
			}
			if err := p.add(unitsOf{roll.Of, roll.Entry}, roll.Home.Cells, unit); err != nil {
				return err
			}
		}
	}
	if err := more(at); err != nil {
		return err
	}
	clear(known)
	for len(rest) > 0 {
		if err := more(rest[0].Ordinal); err != nil {
			return err
		}
	}
	return nil
}

// appearedRows packs the units that the legacy database has in the shard's range, but for those that are known.
func (r *Run) appearedRows(ctx context.Context, s *shard.Shard, known map[string]bool, p *packer) error {
	snapshot, err := r.Legacy.Snapshot(ctx, legacy.Reading{Users: r.mapping.Keys, MaxRowBytes: r.mapping.File.MaxRowBytes})
	if err != nil {
		return err
	}
	defer func() { _ = snapshot.Close() }() // nothing was written: what was read counts
	units, err := snapshot.Units(ctx, shard.Slice{Kind: s.Kind, Entry: r.mapping.Plans[s.Entry], Range: s.Range})
	if err != nil {
		return err
	}
	for _, unit := range units {
		if !known[string(unit.Marshal())] {
			if err := p.add(unitsOf{s.Kind, s.Entry}, s.Cells, unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// unitsOf tells what the units of a shard are.
type unitsOf struct {
	kind  shard.Kind
	entry int
}

// A packer packs units, one kind after the other, into shards.
type packer struct {
	wave        int
	cause       string // as in shard.List
	most        int    // units of one shard; redoUnits where it is 0
	yield       func(ledger.RedoShard) bool
	open        ledger.RedoShard
	users, rows int64 // packed so far
}

// errEnough ends the packing: whoever takes the shards wants no more.
var errEnough = errors.New("no more shards are wanted")

func (p *packer) add(of unitsOf, cells [2]int, unit keyspace.Key) error {
	full := len(p.open.Units) == cmp.Or(p.most, redoUnits)
	if full || len(p.open.Units) > 0 && (unitsOf{p.open.Of, p.open.Entry}) != of {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if len(p.open.Units) == 0 {
		p.open = ledger.RedoShard{Of: of.kind, Entry: of.entry, Wave: p.wave, Cells: cells, List: shard.List{Cause: p.cause}}
	}
	if p.open.Cells[0] < p.open.Cells[1] && cells[0] < cells[1] {
		p.open.Cells = [2]int{min(p.open.Cells[0], cells[0]), max(p.open.Cells[1], cells[1])}
	} else {
		p.open.Cells = [2]int{} // anywhere
	}
	p.open.Units = append(p.open.Units, unit)
	if of.kind == shard.OfUsers {
		p.users++
	} else {
		p.rows++
	}
	return nil
}

func (p *packer) flush() error {
	full := p.open
	p.open = ledger.RedoShard{}
	if len(full.Units) > 0 && !p.yield(full) {
		return errEnough
	}
	return nil
}

// redone packs units that are in memory.
func redone(of unitsOf, units []keyspace.Key) func(context.Context, *packer) error {
	return func(_ context.Context, p *packer) error {
		for _, unit := range units {
			if err := p.add(of, [2]int{}, unit); err != nil {
				return err
			}
		}
		return nil
	}
}
