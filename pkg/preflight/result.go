package preflight

import (
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/mapping"
)

// result turns the accounts into findings.
func (s *scan) result() *Result {
	out := &Result{
		Migration: s.Mapping.File.Name.Text, Mapping: s.Mapping.Hash, Compiles: true,
		LookedAt: Scope{Full: s.full, Users: s.looked, AllUsers: s.total, Rows: s.rows}, NotChecked: s.unchecked,
	}
	for _, g := range s.all.sorted() {
		out.Findings = append(out.Findings, s.finding(g, s.all[g]))
	}
	for _, u := range s.uniques {
		if u.found.rows > 0 {
			out.Findings = append(out.Findings, s.collision(u))
		}
	}
	if quarantined := s.quarantined(); quarantined > 0 {
		out.Findings = append(out.Findings, s.limit(quarantined)...)
	}
	out.Sort()
	return out
}

func (s *scan) finding(g ground, a *account) Finding {
	plan := s.Mapping.Plans[g.entry]
	f := Finding{Severity: Problem, Cause: g.cause, Rows: a.rows, Users: a.users, Behind: a.behind, AtLeast: a.atLeast, Samples: a.samples, Values: a.top()}
	if g.kind == changes || g.kind == leaves {
		f.Severity = Information
	}
	c := s.contextOf(g, a)
	f.place(s.Mapping.File, c)
	f.Message, f.Fix = c.message(), c.fix()
	if f.Severity == Information {
		f.Fix = ""
	}
	if len(f.Samples) > 0 {
		f.Table = plan.Source
		if c.kind == "gather" && plan.Gather != nil { // their keys are those of the attributes
			f.Table = plan.Gather.Plan.Source
		}
	}
	return f
}

// place gives the finding the place of its column, else that of its entry.
func (f *Finding) place(file *mapping.File, c fixing) {
	f.File, f.Path = file.Source, fmt.Sprintf("tables[%d]", entryOf(c.plan))
	pos := c.entry.Pos
	switch kind, _, _ := strings.Cut(c.cause, ":"); {
	case c.fed.path != "":
		pos, f.Path = c.fed.pos, f.Path+"."+c.fed.path
	case c.entry.Gather != nil && (kind == "gather" || c.plan.GatheredBy != nil):
		pos, f.Path = c.entry.Gather.Pos, f.Path+".gather"
	case kind == "unowned" && len(c.entry.User) > 0:
		pos, f.Path = c.entry.User[0].Pos, f.Path+".user"
	}
	f.Line, f.Column = pos.Line, pos.Col
}

// collision is the finding of a unique under which rows collide.
func (s *scan) collision(u *unique) Finding {
	g := ground{column: -1, cause: "unique:" + u.table + "." + u.name}
	for _, p := range s.Mapping.Plans {
		if p.Into != u.table {
			continue
		}
		g.entry, g.column = p.Ordinal, s.concerned(p, u.name)
		break
	}
	return s.finding(g, &u.found)
}

// concerned returns the column of the entry at which a constraint looks, the last where it looks at several, -1 where none is fed.
func (s *scan) concerned(p *mapping.RowPlan, name string) int {
	columns := s.juries[p.Ordinal].Laws().Concerned[name]
	return slices.IndexFunc(p.Columns, func(c mapping.FedColumn) bool { return len(columns) > 0 && c.Name == columns[len(columns)-1] })
}

// quarantined counts the users who would not arrive.
func (s *scan) quarantined() (users int64) {
	for g, a := range s.all {
		if g.kind == refuses {
			users += a.users
		}
	}
	for _, u := range s.uniques {
		users += u.found.users
	}
	return users
}

// triedAtLeast is how many users a run tries before it heeds stop.quarantined.
const triedAtLeast = 1000

// limit says what follows from so many quarantined users.
func (s *scan) limit(users int64) (out []Finding) {
	stop := s.Mapping.File.Stop
	if percent := 100 * float64(users) / float64(max(1, s.looked)); s.looked >= triedAtLeast && percent > stop.Quarantined {
		out = append(out, Finding{
			Severity: Warning, File: s.Mapping.File.Source, Line: stop.Pos.Line, Column: stop.Pos.Col, Path: "stop.quarantined",
			Message: fmt.Sprintf("%.1f%% of the users would be quarantined, and the run stops above %g%% of those tried", percent, stop.Quarantined),
			Fix:     "handle the problems above, or raise the limit",
		})
	}
	return append(out, Finding{
		Severity: Information,
		Message: fmt.Sprintf("%d users would be quarantined with all rows of theirs; rows of others that refer to these rows by a foreign key "+
			"wait then, and are not counted here", users),
	})
}
