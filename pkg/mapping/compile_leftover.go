package mapping

import (
	"fmt"
	"slices"
)

// leftovers checks that each legacy table and column is used or given up in words.
func (k *compiler) leftovers(entries []*entry) {
	users := map[*LegacyTable][]*entry{} // a table to the entries that read it
	whole := true
	for _, e := range entries {
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
		case whole && !ignored[t] && !k.gathered(t):
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

// gathered reports whether an entry gathers a table: that this cannot be done yet is said elsewhere.
func (k *compiler) gathered(t *LegacyTable) bool {
	return slices.ContainsFunc(k.file.Tables, func(e Entry) bool {
		if e.Gather == nil {
			return false
		}
		tables, _ := parseFrom(e.Gather.From.SQL)
		return slices.ContainsFunc(tables, func(f fromTable) bool { return k.legacy.Table(f.table) == t })
	})
}

// ignoredColumns checks that the columns which an entry ignores are there.
func (k *compiler) ignoredColumns(e *entry) {
	if len(e.tables) == 0 {
		return
	}
	for _, reason := range e.Ignore {
		if !slices.ContainsFunc(e.tables, func(t source) bool { return t.Column(reason.Name) != nil }) {
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
	first := users[0]
	for i := range t.Columns {
		if c := &t.Columns[i]; !accounted[c] {
			k.fault(first.Pos, first.path+".ignore", fmt.Sprintf("feed a column from it, or write ignore: {%s: why}", c.Name),
				"no expression mentions column %s of the legacy table %s", c.Name, t.Name)
		}
	}
}
