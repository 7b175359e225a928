package preflight

import (
	"context"
	"strings"

	"rehome/pkg/keyspace"
)

// collisions finds the rows that collide under the unique constraints, once all rows are known. As the run does it takes no notice of
// rows of units that are refused, and the collisions under keys that stay on during the load go before all others.
func (s *scan) collisions(ctx context.Context) error {
	for _, kept := range []bool{true, false} {
		s.refused.settle()
		var out units
		for _, u := range s.uniques {
			if u.kept != kept {
				continue
			}
			if err := s.collide(ctx, u, &out); err != nil {
				return err
			}
		}
		for _, unit := range out.sorted {
			s.refused.add(unit)
		}
	}
	return nil
}

// collide finds what collides under one unique, and adds the units to out.
func (s *scan) collide(ctx context.Context, u *unique, out *units) error {
	examples := map[[hashSize]byte][]record{}
	fresh := map[uint64]struct{}{}
	move := func() {
		for unit := range fresh {
			out.add(unit)
		}
		out.settle()
		clear(fresh)
	}
	stays := func(unit uint64) bool { return !s.refused.has(unit) }
	err := u.spill.groups(stays, func(group []record) error {
		u.found.rows += int64(len(group))
		for _, r := range group {
			if _, counted := fresh[r.unit]; !counted && !out.has(r.unit) {
				fresh[r.unit] = struct{}{}
				if ofUser(r.unit) {
					u.found.users++
				}
			}
		}
		if len(fresh) >= 1<<16 {
			move()
		}
		if len(examples) < maxSamples {
			examples[group[0].hash] = append([]record(nil), group[:min(maxSamples, len(group))]...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	move()
	u.found.atLeast = out.full || s.refused.full
	return s.examples(ctx, u, examples)
}

// examples reads some of the colliding rows again, to name them: their keys were not kept.
func (s *scan) examples(ctx context.Context, u *unique, groups map[[hashSize]byte][]record) error {
	wanted := map[uint32]bool{}
	for _, group := range groups {
		for _, r := range group {
			wanted[r.part] = true
		}
	}
	met := map[[hashSize]byte][]string{}
	for number := range wanted {
		p := s.newPart(s.parts[number])
		for _, plan := range p.plans {
			r := p.newReader(plan)
			r.found = func(w *way, hash [hashSize]byte, row pending) {
				if _, example := groups[hash]; w.unique == u && example && len(met[hash]) < maxSamples {
					met[hash] = append(met[hash], keyText(row.key))
				}
			}
			if err := r.read(ctx); err != nil {
				return err
			}
		}
	}
	for _, keys := range met {
		u.found.sample(strings.Join(keys, " = "))
	}
	return nil
}

// keyText is a key as a person reads it.
func keyText(k keyspace.Key) string { return strings.Join(k, "/") }
