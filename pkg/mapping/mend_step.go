package mapping

import "slices"

// tried are the steps whose arguments are tried in turn, each with the cause of what none of them fits: a further format of a date,
// a further charset, and to_null behind a path.
var tried = map[string]string{"date": "date", "charset": "charset", "json": "json_path"}

func (m *mending) steps(entry int, column string, old, now []Step) {
	for i := range min(len(old), len(now)) {
		m.step(entry, column, &old[i], &now[i])
	}
}

// step takes arguments that stand behind all old ones: one before them might fit what another has read.
func (m *mending) step(entry int, column string, old, now *Step) {
	n := len(old.Args)
	cause, ok := tried[old.Name]
	if ok && now.Name == old.Name && len(now.Args) > n && slices.Equal(old.Args, now.Args[:n]) {
		m.found(cause, entry, column)
		old.Args = now.Args
	}
	if a, b := old.Dated, now.Dated; a != nil && b != nil && a.By == b.By && a.Before == b.Before {
		m.steps(entry, column, a.Then, b.Then)
		m.steps(entry, column, a.Else, b.Else)
	}
}
