package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// prepare finds out which constraints have to be looked at, and by whom.
func (s *scan) prepare(ctx context.Context) error {
	plans := s.Mapping.Plans
	s.ways, s.juries = make([][]*way, len(plans)), make([]Jury, len(plans))
	for _, p := range plans {
		if p.GatheredBy != nil {
			continue // its rows arrive as cells of others
		}
		var judged []string
		for _, u := range p.Target.Uniques {
			w, ask := s.wayOf(p, u)
			if w != nil {
				s.ways[p.Ordinal] = append(s.ways[p.Ordinal], w)
			}
			if ask {
				judged = append(judged, u.Name)
			}
		}
		jury, err := s.Target.Jury(ctx, p, judged)
		if err != nil {
			return err
		}
		s.juries[p.Ordinal] = jury
		s.agree(p, jury.Laws())
		s.natural(p)
		s.fired(p)
	}
	return nil
}

// wayOf returns how rows of the entry come under a unique, nil where they need not be looked at, and whether the jury has to make its keys.
func (s *scan) wayOf(p *mapping.RowPlan, u mapping.Unique) (w *way, ask bool) {
	at, fed := positions(p, u.Columns)
	expression := len(u.Columns) == 0
	switch {
	case !expression && !fed:
		if !slices.ContainsFunc(u.Columns, func(c string) bool { return s.drawn(p, c) }) {
			s.uncheck("unique %s of %s: it has a column that the mapping does not feed", u.Name, p.Into)
		}
		return nil, false
	case !expression && !u.Partial && assured(s.Mapping, p, at):
		return nil, false
	case !s.full:
		s.uncheck("duplicates under %s of %s: --full looks for them", u.Name, p.Into)
		return nil, false
	case !expression && plain(p, u, at):
		return &way{unique: s.uniqueOf(p, u), columns: at}, false
	}
	return &way{unique: s.uniqueOf(p, u)}, true
}

// fired names the triggers that would see the rows.
func (s *scan) fired(p *mapping.RowPlan) {
	for _, t := range p.Target.Triggers {
		s.uncheck("trigger %s of %s: what it refuses or changes", t.Name, p.Into)
	}
}

// natural names the foreign keys to fed tables that are no references by an entity: whether the row will be there is not looked at.
func (s *scan) natural(p *mapping.RowPlan) {
	for _, key := range p.Target.ForeignKeys {
		fed := slices.ContainsFunc(s.Mapping.Plans, func(o *mapping.RowPlan) bool { return o.Into == key.References })
		at, all := positions(p, key.Columns)
		entity := slices.ContainsFunc(at, func(i int) bool { return p.Columns[i].Origin.Entity != "" })
		if fed && all && !entity {
			s.uncheck("foreign key %s of %s: whether %s will hold what it refers to", key.Name, p.Into, key.References)
		}
	}
}

func (s *scan) drawn(p *mapping.RowPlan, column string) bool {
	c := p.Target.Column(column)
	return c != nil && (c.Volatile || c.Identity != 0)
}

func (s *scan) uniqueOf(p *mapping.RowPlan, u mapping.Unique) *unique {
	for _, known := range s.uniques {
		if known.table == p.Into && known.name == u.Name {
			return known
		}
	}
	out := &unique{name: u.Name, table: p.Into, kept: u.Name == p.KeyName, spill: newSpill(s.Create)}
	s.uniques = append(s.uniques, out)
	return out
}

// agree takes what the jury says of itself.
func (s *scan) agree(p *mapping.RowPlan, laws Laws) {
	for _, what := range laws.Unjudged {
		s.uncheck("%s of %s: only the target can tell, when the rows come in", what, p.Into)
	}
	s.ways[p.Ordinal] = slices.DeleteFunc(s.ways[p.Ordinal], func(w *way) bool {
		w.nullsEqual = slices.Contains(laws.NullsEqual, w.name)
		return w.columns == nil && !slices.Contains(laws.Uniques, w.name)
	})
}

func (s *scan) uncheck(format string, args ...any) {
	if what := fmt.Sprintf(format, args...); !slices.Contains(s.unchecked, what) {
		s.unchecked = append(s.unchecked, what)
	}
}

// stepped returns a cell as the rules see it that come after the column's steps: the cell itself where there are none, or where they
// do not make a text of it.
func (s *scan) stepped(plan *mapping.RowPlan, column int, cell value.Cell) []byte {
	fed := feedingOf(s.Mapping, plan, column)
	if len(fed.Steps) == 0 || cell == nil {
		return cell
	}
	program := s.steps(plan, column, fed.Steps)
	if program == nil {
		return cell
	}
	out, null, _, fault := program.Append(nil, cell)
	if null || fault != "" {
		return cell
	}
	return out
}

// A stepper is the steps of a column alone.
type stepper struct{ entry, column int }

// steps compiles a column's steps with nothing behind them; nil where that cannot be.
func (s *scan) steps(plan *mapping.RowPlan, column int, steps []mapping.Step) *value.Program {
	at := stepper{plan.Ordinal, column}
	if program, known := s.steppers[at]; known {
		return program
	}
	rules := value.Rules{BadText: value.Policy{Word: value.CP1252}, NulByte: value.Policy{Word: value.Strip}}
	for _, step := range steps {
		rules.Steps = append(rules.Steps, value.Step{Name: step.Name, Args: step.Args})
	}
	from := value.LegacyType{Name: "TEXT"} // of an attribute
	if types := plan.Columns[column].Origin.Types; len(types) > 0 {
		from = types[0]
	}
	program, err := value.Compile(from, value.TargetType{Name: "text", Kind: 'b', Typmod: -1}, rules)
	if err != nil {
		program = nil
	}
	s.steppers[at] = program
	return program
}

// cutShort bounds what is kept of a value.
func cutShort(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
