package mapping

import (
	"slices"
	"strings"

	"rehome/pkg/value"
)

// mostDated is how many dated steps a column may have: each of them doubles the ways that a value can go.
const mostDated = 3

// dated returns the dated steps among steps, each before those inside it.
func dated(steps []Step) (all []*Dated) {
	for _, s := range steps {
		if s.Dated != nil {
			all = append(append(append(all, s.Dated), dated(s.Dated.Then)...), dated(s.Dated.Else)...)
		}
	}
	return all
}

// ways is what compiles the ways that a value of one column can go: one, or one before and one from the date of a dated step on.
type ways struct {
	from   value.LegacyType
	to     value.TargetType
	rules  value.Rules // without the steps
	at     int         // the value's cell
	forks  map[*Dated]fork
	names  []string // the rules of all ways
	loses  value.Hit
	faults []string
}

// A fork is where a dated step sends a value one way or the other.
type fork struct {
	by        int // the date's cell
	watershed value.Watershed
}

// A routed step is one that may be done on a part of the rows alone.
type routed struct {
	Step
	on string // which rows, in words; empty for all
}

func (r routed) compiled() value.Step {
	s := value.Step{Name: r.Name, Args: r.Args}
	if r.on != "" {
		s.Rule = r.Name + " " + r.on
	}
	return s
}

func route(steps []Step, on string) []routed {
	out := make([]routed, len(steps))
	for i, s := range steps {
		out[i] = routed{s, on}
	}
	return out
}

// ways compiles an SQL column, whose expressions are the plan's Select from position at on: its value, then the dates of its dated
// steps.
func (k *compiler) ways(c *Column, to value.TargetType, rules value.Rules, at int, types []value.LegacyType, path string) (*ways, *builder) {
	w := &ways{from: types[0], to: to, rules: rules, at: at, forks: map[*Dated]fork{}}
	all := dated(c.SQL.Steps)
	if len(all) > mostDated {
		k.fault(all[mostDated].Pos, path, "write a part of it in sql", "a column has at most %d dated steps, and this one %d", mostDated, len(all))
		return nil, nil
	}
	for i, d := range all {
		watershed, err := value.NewWatershed(types[i+1], d.Before.Text)
		if err != nil {
			w.fault(err)
		}
		w.forks[d] = fork{at + 1 + i, watershed}
	}
	build := w.way(nil, route(c.SQL.Steps, ""))
	for _, line := range w.faults {
		k.fault(c.Pos, path, "", "%s", line)
		build = nil
	}
	return w, build
}

// fault adds the lines of an error that are not there yet: those of what ways have in common.
func (w *ways) fault(err error) {
	for _, line := range strings.Split(err.Error(), "\n") {
		if !slices.Contains(w.faults, line) {
			w.faults = append(w.faults, line)
		}
	}
}

// way compiles the rest of a way on which some steps are done.
func (w *ways) way(done []value.Step, rest []routed) *builder {
	for i, s := range rest {
		if s.Dated == nil {
			done = append(slices.Clip(done), s.compiled())
			continue
		}
		d, behind := s.Dated, rest[i+1:]
		return w.forks[d].builder(w.at,
			w.way(done, append(route(d.Then, "before "+d.Before.Text), behind...)),
			w.way(done, append(route(d.Else, "from "+d.Before.Text), behind...)),
			w.nowhere(done))
	}
	rules := w.rules
	rules.Steps = done
	return w.program(rules)
}

// nowhere compiles the way of a value without a date: if it is not NULL after the steps that are done, it is refused.
func (w *ways) nowhere(done []value.Step) *builder {
	rules := w.rules
	rules.Steps, rules.Values, rules.Otherwise = done, map[string]value.Outcome{}, value.Outcome{}
	way := w.program(rules)
	return &builder{other: func(dst, unit []byte, cells []value.Cell) ([]byte, built) {
		out, b := way.append(dst, unit, cells, nil)
		if b.ending == Refused && b.stop.fault == "values" {
			return dst, refused("dated")
		}
		return out, b
	}}
}

// program compiles a whole way, and adds its rules to those of the column.
func (w *ways) program(rules value.Rules) *builder {
	program, err := value.Compile(w.from, w.to, rules)
	if err != nil {
		w.fault(err)
		return nil
	}
	bits := make([]value.Hit, len(program.Rules()))
	same := true
	for i, name := range program.Rules() {
		at := slices.Index(w.names, name)
		if at < 0 {
			at = len(w.names)
			w.names = append(w.names, name)
		}
		bits[i] = 1 << at
		same = same && at == i
		if program.Loses()&(1<<i) != 0 {
			w.loses |= bits[i]
		}
	}
	way := &builder{program: program, cell: w.at}
	if same {
		return way
	}
	return &builder{other: func(dst, unit []byte, cells []value.Cell) ([]byte, built) {
		out, b := way.append(dst, unit, cells, nil)
		b.hit = translated(b.hit, bits)
		return out, b
	}}
}

// translated gives the bits of a program's rules in the column's.
func translated(hit value.Hit, bits []value.Hit) (out value.Hit) {
	for i := 0; hit != 0; i, hit = i+1, hit>>1 {
		if hit&1 != 0 {
			out |= bits[i]
		}
	}
	return out
}

// builder sends a value, which is in the cell at, one way or the other. NULL needs no date, as steps see none of it.
func (f fork) builder(at int, before, from, nowhere *builder) *builder {
	return &builder{other: func(dst, unit []byte, cells []value.Cell) ([]byte, built) {
		if cells[at] == nil {
			return nowhere.append(dst, unit, cells, nil)
		}
		switch is, ok := f.watershed.Before(cells[f.by]); {
		case !ok:
			return nowhere.append(dst, unit, cells, nil)
		case is:
			return before.append(dst, unit, cells, nil)
		}
		return from.append(dst, unit, cells, nil)
	}}
}
