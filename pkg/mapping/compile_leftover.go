package mapping

import (
	"fmt"
	"slices"
)

// leftovers checks that each legacy table and column is used or given up in words.
func (k *compiler) leftovers(entries []*entry) {
	users := map[*LegacyTable][]*entry{} // a table to the entries that read it
	whole := true
	for _, e := range withAttributes(entries) {
		whole = whole && len(e.tables) > 0
		for _, t := range e.tables {
			if !slices.Contains(users[t.LegacyTable], e) {
				users[t.LegacyTable] = append(users[t.LegacyTable], e)
			}
		}
	}
	ignored := k.ignoredTables(users)
	for i := range k.legacy.Tables {
		t := &k.legacy.Tables[i]
		switch {
		case len(users[t]) > 0:
			k.unmentioned(t, users[t])
		case whole && !ignored[t]:
			k.fault(Pos{}, "ignore", fmt.Sprintf("feed a table from it, or write ignore: {%s: why}", t.Name), "no entry reads the legacy table %s", t.Name)
		}
	}
	for _, e := range entries {
		k.ignoredColumns(e)
	}
}

func (k *compiler) ignoredTables(users map[*LegacyTable][]*entry) map[*LegacyTable]bool {
	ignored := map[*LegacyTable]bool{}
	for _, reason := range k.file.Ignore {
		t, path := k.legacy.Table(reason.Name), "ignore."+reason.Name
		switch {
		case t == nil:
			k.unknownTable(reason.Pos, path, reason.Name)
		case len(users[t]) > 0:
			k.fault(reason.Pos, path, "take it out of ignore", "%s reads the legacy table %s", users[t][0].path, t.Name)
		}
		ignored[t] = true
	}
	return ignored
}

// withAttributes returns the entries, and behind them their attribute tables.
func withAttributes(entries []*entry) []*entry {
	all := slices.Clone(entries)
	for _, e := range entries {
		if e.gathers != nil {
			all = append(all, e.gathers.entry)
		}
	}
	return all
}

// ignoredColumns checks that the columns which an entry ignores are there.
func (k *compiler) ignoredColumns(e *entry) {
	if len(e.tables) == 0 {
		return
	}
	tables := e.tables
	if e.gathers != nil {
		if len(e.gathers.tables) == 0 {
			return
		}
		tables = slices.Concat(tables, e.gathers.tables)
	}
	for _, reason := range e.Ignore {
		if !slices.ContainsFunc(tables, func(t source) bool { return t.Column(reason.Name) != nil }) {
			t := e.tables[0].LegacyTable
			k.fault(reason.Pos, e.path+".ignore."+reason.Name, didYouMean(reason.Name, columnNames(t)), "%s has no column %s", t.Name, reason.Name)
		}
	}
}

func columnNames(t *LegacyTable) []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// unmentioned reports the columns of a table that no expression of the entries which read it mentions, and none of them ignores.
func (k *compiler) unmentioned(t *LegacyTable, users []*entry) {
	accounted := map[*LegacyColumn]bool{}
	for _, e := range users {
		if e.unread {
			return // what was refused may mention them
		}
		for column := range e.mentioned {
			accounted[column] = true
		}
		for _, reason := range e.Ignore {
			accounted[t.Column(reason.Name)] = true
		}
	}
	path := users[0].path
	if host := users[0].host; host != nil {
		path = host.path
	}
	for i := range t.Columns {
		if c := &t.Columns[i]; !accounted[c] {
			k.fault(users[0].Pos, path+".ignore", fmt.Sprintf("feed a column from it, or write ignore: {%s: why}", c.Name),
				"no expression mentions column %s of the legacy table %s", c.Name, t.Name)
		}
	}
}
