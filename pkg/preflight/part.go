package preflight

import (
	"context"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// maxIsolated bounds how often a part is halved to find the rows for which the legacy server raises an error or a warning.
const maxIsolated = 2000

// A part is what was found in a run of units. One that cannot be read to its end is thrown away, and read again in halves.
type part struct {
	*scan
	portion
	number   uint32
	plan     *mapping.RowPlan // that is being read
	accounts accounts
	causes   map[string]ground              // of units that are refused, the first
	unheard  map[string]bool                // of them, those at whom the run looks no further: the target has refused them
	waiting  map[string]map[ground]*account // rows that wait, by unit
	rows     int64
}

func (s *scan) newPart(p portion) *part {
	out := &part{
		scan: s, portion: p, number: uint32(len(s.parts)), accounts: accounts{}, causes: map[string]ground{},
		unheard: map[string]bool{}, waiting: map[string]map[ground]*account{},
	}
	s.parts = append(s.parts, p)
	return out
}

// part looks at a portion whose units fit into memory.
func (s *scan) part(ctx context.Context, p portion) error {
	found := s.newPart(p)
	err := found.read(ctx)
	if err == nil {
		s.take(found)
		return nil
	}
	if kind, _ := shard.KindOf(err); kind != shard.Data {
		return err
	}
	return s.isolate(ctx, found, err)
}

func (p *part) read(ctx context.Context) error {
	for _, plan := range p.plans {
		p.plan = plan
		if err := p.newReader(plan).read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// isolate looks at the halves of a part that cannot be read to its end. A lone unit is refused, as the run does.
func (s *scan) isolate(ctx context.Context, failed *part, reason error) error {
	p := failed.portion
	all, err := s.Source.Units(ctx, p.slice)
	if err != nil {
		return err
	}
	_, cause := shard.KindOf(reason)
	if cause == "" {
		cause = "read:" + failed.plan.Into
	}
	g := ground{entry: failed.plan.Ordinal, column: -1, cause: cause}
	s.isolated++
	switch {
	case len(all) == 0:
		return reason
	case len(all) == 1:
		failed.refuse(string(all[0].Canonical()), g, strings.Join(all[0], "/"))
		s.take(failed)
		return nil
	case s.isolated > maxIsolated:
		a := s.all.of(g)
		a.atLeast = true
		a.sample(strings.Join(all[0], "/"))
		return nil
	}
	low, high, middle := p, p, all[(len(all)-1)/2]
	low.slice.Range.Through, high.slice.Range.After = middle, middle
	if err := s.part(ctx, low); err != nil {
		return err
	}
	return s.part(ctx, high)
}

// refuse notes a row for which its unit is quarantined.
func (p *part) refuse(unit string, g ground, key string) *account {
	a := p.accounts.of(g)
	a.sample(key)
	if p.unheard[unit] {
		a.behind++
		return a
	}
	a.rows++
	if _, known := p.causes[unit]; !known {
		p.causes[unit] = g
	}
	return a
}

// wait notes a row that waits. Nobody waits for the rows of a unit that is refused: whether it is, its last row tells.
func (p *part) wait(unit string, g ground, key string) *account {
	if p.waiting[unit] == nil {
		p.waiting[unit] = map[ground]*account{}
	}
	a := p.waiting[unit][g]
	if a == nil {
		a = &account{}
		p.waiting[unit][g] = a
	}
	a.rows++
	a.sample(key)
	return a
}

// take adds what was found in a part that was read.
func (s *scan) take(p *part) {
	users := p.slice.Kind.ByUser()
	for unit, g := range p.causes {
		s.refused.add(s.hash.unit([]byte(unit), users))
		if users {
			p.accounts.of(g).users++
		}
	}
	for unit, rows := range p.waiting {
		_, out := p.causes[unit]
		for g, a := range rows {
			if out {
				a.behind, a.rows = a.rows, 0
			}
			p.accounts.of(g).plus(a)
		}
	}
	s.all.add(p.accounts)
	s.rows += p.rows
}
