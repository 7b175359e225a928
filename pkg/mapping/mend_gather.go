package mapping

import (
	"slices"
	"strings"
)

// gather takes names that the old mapping rejected and the new one does not. A further column is none of it: what has arrived lacks it.
func (m *mending) gather(entry int, old, now *Gather) {
	for i := range min(len(old.Columns), len(now.Columns)) {
		if a, b := &old.Columns[i], &now.Columns[i]; a.Name == b.Name && a.Of == b.Of {
			m.rules(entry, a.Name, &a.Rules, &b.Rules)
		}
	}
	before := len(old.Leave)
	for _, reason := range now.Leave {
		if !old.knows(reason.Name) {
			old.Leave = append(old.Leave, reason)
		}
	}
	slices.SortFunc(old.Leave, func(a, b Reason) int { return strings.Compare(a.Name, b.Name) })
	more := len(old.Leave) > before
	if old.Keep != nil && now.Keep != nil {
		more = old.keepMore(now.Keep.Like) || more
		m.rules(entry, old.Keep.Into.Text, &old.Keep.Rules, &now.Keep.Rules)
	}
	if old.Many == ManyReject && (now.Many == ManyFirst || now.Many == ManyLast) {
		old.Many, more = now.Many, true
	}
	if more {
		m.found("gather", entry, "")
	}
}

// knows reports whether the gather has a place for attributes of that name.
func (g *Gather) knows(name string) bool {
	return slices.ContainsFunc(g.Leave, func(r Reason) bool { return r.Name == name }) ||
		slices.ContainsFunc(g.Columns, func(c GatherColumn) bool { return c.Of.Text == name }) ||
		g.Keep != nil && slices.ContainsFunc(g.Keep.Like, func(p Word) bool { return parseLike(p.Text).matches(name) })
}

// keepMore takes patterns behind the old ones, and reports whether there are any: names that are left or feed a column stay with that.
func (g *Gather) keepMore(patterns []Word) bool {
	n := len(g.Keep.Like)
	if len(patterns) <= n || !slices.Equal(g.Keep.Like, patterns[:n]) {
		return false
	}
	g.Keep.Like = patterns
	return true
}
