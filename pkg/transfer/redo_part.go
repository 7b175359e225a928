package transfer

import (
	"context"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A redoPart is units lo up to but not including hi of a redo, done as one.
type redoPart struct {
	*redo
	*done
	lo, hi int
	out    map[int32]string // who was refused before
	buffer []shard.Original
}

// run does the part: it stages what the legacy database has, sets the manifests beside it, compares, decides what rows need of each other,
// writes, reads back, and lets those in who waited.
func (p *redoPart) run(ctx context.Context) error {
	if err := p.tgt.Clear(ctx, p.fed); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{p.stage, p.refuseDuplicates, p.base, p.refuseStrangers, p.refuseTaken, p.compare, p.strays, p.resolve, p.write, p.enlist} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	p.end()
	return p.welcome(ctx)
}

// unit reports whether the unit is one of the part's.
func (p *redoPart) unit(unit int32) bool { return int(unit) >= p.lo && int(unit) < p.hi }

// refusedUnits returns the part's units that are refused so far, in order.
func (p *redoPart) refusedUnits() (out []int32) {
	for unit := range p.refused {
		if p.unit(unit) {
			out = append(out, unit)
		}
	}
	slices.Sort(out)
	return out
}

// refuseDuplicates keeps out all units that have rows of one key.
func (p *redoPart) refuseDuplicates(ctx context.Context) error {
	if err := p.tgt.Unstage(ctx, p.refusedUnits()); err != nil {
		return err
	}
	twice, err := p.tgt.Duplicates(ctx)
	if err != nil || len(twice) == 0 {
		return err
	}
	for unit, plan := range twice {
		p.refuse(shard.Refusal{Unit: unit, Entry: plan.Ordinal, Cause: keyCause(plan)})
	}
	return p.tgt.Unstage(ctx, p.refusedUnits())
}

// keyCause is why a unit is kept out whose row has the key of another.
func keyCause(plan *mapping.RowPlan) string { return "unique:" + plan.Into + "." + plan.KeyName }

// base sets what the manifests say of the units beside what the legacy database has, and counts it as what was.
func (p *redoPart) base(ctx context.Context) error {
	for unit := p.lo; unit < p.hi; unit++ {
		p.former(&p.accounts[unit])
	}
	sources := map[string]bool{} // of entries whose join makes several rows of one
	return p.book.Standing(ctx, p.units[p.lo:p.hi], func(entry int, rows []shard.Arrived) error {
		plan, was := p.mapping.Plans[entry], p.was(entry)
		for i := range rows {
			rows[i].Unit += int32(p.lo)
			was.Expected, was.Stored = was.Expected.Add(rows[i].Digest), was.Stored.Add(rows[i].Digest)
			if source := string(rows[i].LegacyKey); !plan.Many || !sources[source] {
				was.Written++
				if plan.Many {
					sources[source] = true
				}
				continue
			}
			was.Extra++
		}
		return p.tgt.Base(ctx, plan, rows)
	})
}

// refuseStrangers keeps out units whose rows have the key of a row that came in with another unit, which is not of this part.
func (p *redoPart) refuseStrangers(ctx context.Context) error {
	for _, plan := range p.fed {
		var units []int32
		var keys [][]byte
		err := p.tgt.Strangers(ctx, plan, func(unit int32, key []byte) error {
			units, keys = append(units, unit), append(keys, key)
			return nil
		}, func() error {
			if len(keys) == 0 {
				return nil
			}
			known, err := p.book.Known(ctx, p.entriesOf(plan), keys)
			for i := range known {
				p.refuse(shard.Refusal{Unit: units[i], Entry: plan.Ordinal, Cause: keyCause(plan)})
				p.redo.collisions = append(p.redo.collisions, shard.Collision{Unit: units[i], Entry: plan.Ordinal, Cause: keyCause(plan), TargetKey: keys[i]})
			}
			units, keys = nil, nil
			return err
		})
		if err != nil {
			return err
		}
	}
	return p.tgt.Unstage(ctx, p.refusedUnits())
}

// refuseTaken keeps out units whose rows have what a unique constraint allows once, and another row of the target has already.
func (p *redoPart) refuseTaken(ctx context.Context) error {
	type taken struct {
		unit  int32
		cause string
	}
	refused := map[taken]bool{} // once, with however many others they collide
	for _, plan := range p.fed {
		var met []shard.Collision
		err := p.tgt.Taken(ctx, plan, func(unit int32, constraint string, key []byte) error {
			met = append(met, shard.Collision{Unit: unit, Entry: plan.Ordinal, Cause: "unique:" + plan.Into + "." + constraint, TargetKey: key})
			return nil
		}, func() error {
			keys := make([][]byte, len(met))
			for i, c := range met {
				keys[i] = c.TargetKey
				if first := (taken{c.Unit, c.Cause}); !refused[first] {
					refused[first] = true
					p.refuse(shard.Refusal{Unit: c.Unit, Entry: c.Entry, Cause: c.Cause})
				}
			}
			known, err := p.book.Known(ctx, p.entriesOf(plan), keys)
			for i := range known {
				p.redo.collisions = append(p.redo.collisions, met[i])
			}
			met = nil
			return err
		})
		if err != nil {
			return err
		}
	}
	return p.tgt.Unstage(ctx, p.refusedUnits())
}

// entriesOf returns all entries that feed the table which the plan feeds.
func (p *redoPart) entriesOf(plan *mapping.RowPlan) (out []int) {
	for _, other := range p.mapping.Plans {
		if other.GatheredBy == nil && other.Into == plan.Into {
			out = append(out, other.Ordinal)
		}
	}
	return out
}

func (p *redoPart) compare(ctx context.Context) error {
	for _, plan := range p.fed {
		err := p.tgt.Compare(ctx, plan, func(c *shard.Compared) shard.Decision { return decide(plan, c, p.list.Overwrite) })
		if err != nil {
			return err
		}
	}
	return nil
}

// resolve settles what rows need of each other. A refused unit goes as a whole; where something of it has to stay, all of it does.
func (p *redoPart) resolve(ctx context.Context) error {
	for {
		if err := p.tgt.Resolve(ctx); err != nil {
			return err
		}
		blocked, err := p.tgt.Blocked(ctx, p.refusedUnits())
		if err != nil {
			return err
		}
		blocked = slices.DeleteFunc(blocked, func(unit int32) bool { return p.spared[unit] })
		if len(blocked) == 0 {
			return nil
		}
		for _, unit := range blocked {
			p.spared[unit] = true
		}
		if err := p.tgt.Spare(ctx, blocked); err != nil {
			return err
		}
	}
}

// write changes the target, and keeps what gives way in a conflict.
func (p *redoPart) write(ctx context.Context) error {
	for _, plan := range p.fed {
		if !p.list.Overwrite {
			break
		}
		err := p.tgt.Replaced(ctx, plan, func(d *shard.Decided) error {
			p.original(shard.Original{Unit: d.Unit, Entry: plan.Ordinal, LegacyKey: slices.Clone(d.LegacyKey), TargetKey: slices.Clone(d.TargetKey),
				Rule: "conflict", Bytes: slices.Clone(d.Now)})
			return nil
		}, func() error { return p.keepOriginals(ctx) })
		if err != nil {
			return err
		}
	}
	if err := p.tgt.Write(ctx); err != nil {
		return err
	}
	return p.tgt.Finish(ctx)
}

func (p *redoPart) original(o shard.Original) { p.buffer = append(p.buffer, o) }

// keepOriginals hands the originals that were collected to the ledger.
func (p *redoPart) keepOriginals(ctx context.Context) error {
	if len(p.buffer) == 0 {
		return nil
	}
	err := p.book.Originals(ctx, p.everybody(), p.buffer)
	p.buffer = nil
	return err
}

// everybody returns all units with the guests that came in so far.
func (p *redoPart) everybody() []keyspace.Key {
	return append(append(p.units[:len(p.units):len(p.units)], p.redo.total.guests...), p.done.guests...)
}

// end counts what the units are now.
func (p *redoPart) end() {
	p.done.waits = slices.DeleteFunc(p.done.waits, func(w wait) bool {
		_, refused := p.refused[w.Unit]
		return refused || p.list.Nothing
	})
	for _, w := range p.done.waits {
		if w.counts {
			p.tally.table(p.mapping.Plans[w.Entry]).Waiting++
		}
	}
	p.done.close(p.redo, p.lo, p.hi)
}
