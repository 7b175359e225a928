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
		g.Keep != nil && slices.ContainsFunc(g.Keep.Like, func(p Word) bool { return like(p.Text, name) })
}

// keepMore takes patterns behind the old ones that fit no name which has a place of its own. It reports whether there are any.
func (g *Gather) keepMore(patterns []Word) bool {
	n := len(g.Keep.Like)
	if len(patterns) <= n || !slices.Equal(g.Keep.Like, patterns[:n]) {
		return false
	}
	for _, p := range patterns[n:] {
		if slices.ContainsFunc(g.Leave, func(r Reason) bool { return like(p.Text, r.Name) }) ||
			slices.ContainsFunc(g.Columns, func(c GatherColumn) bool { return like(p.Text, c.Of.Text) }) {
			return false
		}
	}
	g.Keep.Like = patterns
	return true
}

// like reports whether a pattern of LIKE fits a name under some collation: it takes no notice of case.
func like(pattern, name string) bool {
	return fits([]rune(strings.ToLower(pattern)), []rune(strings.ToLower(name)))
}

func fits(pattern, name []rune) bool {
	for len(pattern) > 0 {
		switch c := pattern[0]; {
		case c == '%':
			for i := range len(name) + 1 {
				if fits(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		case len(name) == 0:
			return false
		case c == '\\' && len(pattern) > 1 && pattern[1] == name[0]:
			pattern = pattern[1:]
		case c != '_' && c != name[0]:
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}
