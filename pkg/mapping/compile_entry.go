package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
)

// scanLimit is the number of rows above which a user expression without an index is refused: every shard would scan the table.
const scanLimit = 100_000

// entry compiles one of the mapping's tables whose source and target are known.
func (k *compiler) entry(e *entry) {
	if e.Where != nil {
		e.plan.Where = e.Where.SQL
		k.resolve(e.From.SQL, []Expr{*e.Where}, func(int) string { return e.path + ".where" })
	}
	if len(e.User) > 0 {
		k.user(e)
	} else {
		k.ownKey(e)
	}
	k.columns(e)
	k.unfed(e)
	k.readBackKey(e)
}

// user compiles the expression that tells whose a row is.
func (k *compiler) user(e *entry) {
	path := e.path + ".user"
	if len(e.User) != 1 {
		k.fault(e.User[0].Pos, path, "write one expression", "a user's key has one column, this list has %d", len(e.User))
		return
	}
	e.plan.User = e.User[0].SQL
	types := k.resolve(e.From.SQL, e.User, func(int) string { return path })
	if types == nil {
		return
	}
	keys := k.keyColumn()
	if kind, ok := KindOf(types[0]); !ok || k.keyKind() != 0 && kind != k.keyKind() {
		k.fault(e.User[0].Pos, path, "cast it to the kind of users.key", "it is of type %s, and users.key is %s: comparing them would be slow or wrong",
			types[0].Name, k.keyKind())
		return
	}
	column := e.simpleColumn(k.legacy, e.User[0])
	if column != nil && keys != nil && k.keyKind() == keyspace.Text && column.Collation != keys.Collation {
		k.fault(e.User[0].Pos, path, "give both columns one collation", "its collation is %s, and that of users.key is %s", column.Collation, keys.Collation)
	}
	k.indexed(e, column)
}

// indexed checks that a shard can find its rows without a scan of the table.
func (k *compiler) indexed(e *entry, column *LegacyColumn) {
	if column != nil && k.columnTable(e, column).Indexed(column.Name) || e.Scan == ScanAccepted {
		return
	}
	path, rows := e.path+".user", e.src.Rows
	shards := max(1, rows/int64(max(1, k.file.Users.ShardRows)))
	if rows > scanLimit {
		k.fault(e.User[0].Pos, path, "add an index, or write scan: accepted",
			"%q has no index, so that each of about %d shards would scan the %d rows of %s", e.User[0].SQL, shards, rows, e.src.Name)
		return
	}
	k.warn(e.User[0].Pos, path, "add an index", "%q has no index: each shard scans the %d rows of %s", e.User[0].SQL, rows, e.src.Name)
}

// simpleColumn returns the column that an expression just names, or nil.
func (e *entry) simpleColumn(catalog *LegacyCatalog, expr Expr) *LegacyColumn {
	tokens, slip := tokenize(expr.SQL)
	if slip != nil {
		return nil
	}
	name, after := dotted(tokens, 0)
	if len(name) == 0 || after != len(tokens) {
		return nil
	}
	id := ident(name)
	for _, t := range e.from {
		if id.Table != "" && !strings.EqualFold(id.Table, t.name) {
			continue
		}
		if c := catalog.Table(t.table).Column(id.Name); c != nil {
			return c
		}
	}
	return nil
}

func (k *compiler) columnTable(e *entry, column *LegacyColumn) *LegacyTable {
	for _, t := range e.from {
		table := k.legacy.Table(t.table)
		if c := table.Column(column.Name); c == column {
			return table
		}
	}
	return e.src
}

// keyColumn returns the column that users.key just names, or nil.
func (k *compiler) keyColumn() *LegacyColumn {
	tables, err := parseFrom(k.file.Users.From.SQL)
	if err != nil || k.legacy.Table(tables[0].table) == nil || len(k.file.Users.Key) != 1 {
		return nil
	}
	users := &entry{from: tables[:1]}
	return users.simpleColumn(k.legacy, k.file.Users.Key[0])
}

func (k *compiler) keyKind() keyspace.Kind {
	if column := k.keyColumn(); column != nil {
		kind, _ := KindOf(column.Type)
		return kind
	}
	return 0
}

// ownKey compiles the key of an entry whose rows belong to no user.
func (k *compiler) ownKey(e *entry) {
	path := func(i int) string { return e.path + ".key" }
	types := k.resolve(e.From.SQL, e.Entry.Key, path)
	for i, t := range types {
		kind, ok := KindOf(t)
		if !ok {
			k.fault(e.Entry.Key[i].Pos, path(i), "use an integer, CHAR, VARCHAR, BINARY or VARBINARY key", "rehome cannot split rows by a key of type %s", t.Name)
			continue
		}
		e.plan.Key = append(e.plan.Key, e.Entry.Key[i].SQL)
		e.plan.KeyKinds = append(e.plan.KeyKinds, kind)
	}
}

// unfed checks the columns of the target that nothing feeds.
func (k *compiler) unfed(e *entry) {
	target, fed, drawn := e.plan.Target, map[string]bool{}, map[string]bool{}
	for _, c := range e.Columns {
		fed[c.Name] = true
	}
	for _, name := range e.WrittenByTarget {
		drawn[name.Text] = true
		if target.Column(name.Text) == nil {
			k.unknownColumn(name.Pos, e.path+".written_by_target", e, name.Text)
		}
		if fed[name.Text] {
			k.fault(name.Pos, e.path+".written_by_target", "take it out of one of the two", "column %s is fed, and cannot be written by the target as well", name.Text)
		}
	}
	for _, c := range target.Columns {
		switch {
		case fed[c.Name] || drawn[c.Name] || c.Generated:
		case c.Volatile || c.Identity != 0:
			k.fault(e.Pos, e.path+".columns", fmt.Sprintf("feed it, or write written_by_target: [%s]", c.Name),
				"nothing feeds column %s of %s, and its default differs from row to row", c.Name, e.plan.Into)
		case c.NotNull && c.Default == "":
			k.fault(e.Pos, e.path+".columns", "feed it", "nothing feeds column %s of %s, which is NOT NULL without a default", c.Name, e.plan.Into)
		}
	}
}

func (k *compiler) unknownColumn(pos Pos, path string, e *entry, name string) {
	names := make([]string, len(e.plan.Target.Columns))
	for i, c := range e.plan.Target.Columns {
		names[i] = c.Name
	}
	k.fault(pos, path, didYouMean(name, names), "%s has no column %s", e.plan.Into, name)
}

// readBackKey finds the unique key by which rows are found again: the primary key, or another whose columns are all fed.
func (k *compiler) readBackKey(e *entry) {
	at := map[string]int{}
	for i, c := range e.plan.Columns {
		at[c.Name] = i
	}
	for _, u := range e.plan.Target.Uniques {
		if u.Partial || len(u.Columns) == 0 {
			continue
		}
		var positions []int
		for _, name := range u.Columns {
			if i, ok := at[name]; ok && e.plan.Target.Column(name).NotNull {
				positions = append(positions, i)
			}
		}
		if len(positions) == len(u.Columns) {
			e.plan.KeyColumns, e.plan.KeyName = positions, u.Name
			return
		}
	}
	if len(e.plan.Target.Uniques) == 0 {
		k.fault(e.Into.Pos, e.path+".into", "add a primary key", "%s has no primary key, so that what arrived could not be found again", e.plan.Into)
		return
	}
	if len(e.plan.Columns) == len(e.Columns) {
		k.fault(e.Into.Pos, e.path+".columns", "feed the primary key, or add a unique constraint over fed NOT NULL columns",
			"no primary or unique key of %s is fed whole, so that what arrived could not be found again", e.plan.Into)
	}
}

// leftovers checks that each legacy table and column is used or given up in words.
func (k *compiler) leftovers(entries []*entry) {
	used, ignored := map[string]bool{}, map[string]map[string]bool{}
	if tables, err := parseFrom(k.file.Users.From.SQL); err == nil {
		for _, t := range tables {
			used[strings.ToLower(t.table)] = true
		}
	}
	for _, e := range entries {
		for _, t := range e.from {
			name := strings.ToLower(t.table)
			used[name] = true
			if ignored[name] == nil {
				ignored[name] = map[string]bool{}
			}
		}
		k.ignoredColumns(e, ignored)
	}
	for i, reason := range k.file.Ignore {
		path := fmt.Sprintf("ignore.%s", reason.Name)
		if k.legacy.Table(reason.Name) == nil {
			k.unknownTable(k.file.Ignore[i].Pos, path, reason.Name)
		} else if used[strings.ToLower(reason.Name)] {
			k.fault(reason.Pos, path, "take it out of ignore", "table %s is used by the mapping", reason.Name)
		}
		used[strings.ToLower(reason.Name)] = true
	}
	for i := range k.legacy.Tables {
		t := &k.legacy.Tables[i]
		if !used[strings.ToLower(t.Name)] {
			k.fault(Pos{}, "ignore", fmt.Sprintf("feed a table from it, or write ignore: {%s: why}", t.Name), "nothing uses the legacy table %s", t.Name)
		}
	}
	if len(k.faults) == 0 {
		k.unmentioned(entries, ignored)
	}
}

func (k *compiler) ignoredColumns(e *entry, ignored map[string]map[string]bool) {
	for _, reason := range e.Ignore {
		hits := 0
		for _, t := range e.from {
			table := k.legacy.Table(t.table)
			if table != nil && table.Column(reason.Name) != nil {
				ignored[strings.ToLower(t.table)][strings.ToLower(reason.Name)] = true
				hits++
			}
		}
		if hits == 0 && e.src != nil {
			k.fault(reason.Pos, e.path+".ignore."+reason.Name, didYouMean(reason.Name, columnNames(e.src)), "%s has no column %s", e.src.Name, reason.Name)
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

// unmentioned reports the columns of used tables that no expression mentions and no entry ignores.
func (k *compiler) unmentioned(entries []*entry, ignored map[string]map[string]bool) {
	first := map[string]*entry{}
	for _, e := range slices.Backward(entries) {
		for _, t := range e.from {
			first[strings.ToLower(t.table)] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(first)) {
		e := first[name]
		for _, column := range k.legacy.Table(name).Columns {
			lower := strings.ToLower(column.Name)
			if !k.mentioned[name][lower] && !ignored[name][lower] {
				k.fault(e.Pos, e.path+".ignore", fmt.Sprintf("feed a column from it, or write ignore: {%s: why}", column.Name),
					"no expression mentions column %s of the legacy table %s", column.Name, name)
			}
		}
	}
}
