package mapping

import (
	"fmt"

	"rehome/pkg/keyspace"
)

// scanLimit is the number of rows above which a user expression without an index is refused: every shard would scan the table.
const scanLimit = 100_000

// entry compiles one of the mapping's tables whose source and target are known.
func (k *compiler) entry(e *entry) {
	if e.Where != nil {
		e.plan.Where = e.Where.SQL
	}
	if len(e.User) > 0 {
		k.user(e)
	} else {
		k.ownKey(e)
	}
	k.columns(e)
	k.gather(e)
	k.unfed(e)
	k.readBackKey(e)
}

// user compiles the expression that tells whose a row is.
func (k *compiler) user(e *entry) {
	path, user := e.path+".user", e.User[0]
	if len(e.User) != 1 {
		k.fault(user.Pos, path, "write one expression", "a user's key has one column, this list has %d", len(e.User))
		return
	}
	e.plan.User = user.SQL
	if e.userType.Name == "" {
		return // refused, and reported as that
	}
	kind, ok := KindOf(e.userType)
	if !ok {
		k.fault(user.Pos, path, keyFix, "rehome cannot find a user by a value of type %s", e.userType.Name)
		return
	}
	if len(k.keys.Kinds) == 0 {
		return
	}
	if key := k.keys.Kinds[0]; kind != key {
		k.fault(user.Pos, path, "cast it to the kind of users.key", "it is of type %s, and users.key is %s: comparing them would be slow or wrong",
			e.userType.Name, key)
		return
	}
	table, column := e.column(user)
	_, key := k.users.column(k.file.Users.Key[0])
	if kind == keyspace.Text && column != nil && key != nil && column.Collation != key.Collation {
		k.fault(user.Pos, path, "give both columns one collation", "its collation is %s, and that of users.key is %s", column.Collation, key.Collation)
	}
	if column == nil || !table.Indexed(column.Name) {
		k.unindexed(e, table)
		return
	}
	owner, _ := k.users.column(k.file.Users.Key[0])
	e.plan.Linked = kind == keyspace.Integer && key != nil && owner.Indexed(key.Name)
}

// unindexed says what it costs that a shard cannot find its rows without a scan of the table.
func (k *compiler) unindexed(e *entry, table *source) {
	if e.Scan == ScanAccepted {
		return
	}
	if table == nil {
		table = &e.tables[0]
	}
	user, path := e.User[0], e.path+".user"
	if table.Rows > scanLimit {
		k.fault(user.Pos, path, "add an index, or write scan: accepted", "%q has no index, so that each of about %d shards would scan the %d rows of %s",
			user.SQL, k.shards(), table.Rows, table.Name)
		return
	}
	k.warn(user.Pos, path, "add an index", "%q has no index: each shard scans the %d rows of %s", user.SQL, table.Rows, table.Name)
}

// shards estimates how many shards the users make: a shard's weight is that of all rows of its users.
func (k *compiler) shards() int64 {
	rows := int64(0)
	count := func(from Expr) {
		tables, err := parseFrom(from.SQL)
		if err != nil {
			return
		}
		if t := k.legacy.Table(tables[0].table); t != nil {
			rows += t.Rows
		}
	}
	for _, e := range k.file.Tables {
		if len(e.User) > 0 {
			count(e.From)
		}
		if e.Gather != nil {
			count(e.Gather.From)
		}
	}
	weight := int64(k.file.Users.ShardRows)
	if weight <= 0 {
		weight = DefaultShardRows
	}
	return max(1, rows/weight)
}

// ownKey compiles the key of an entry whose rows belong to no user. They are split by the row source's primary key, which the key mostly
// is: one that two rows could share, as a text under a collation that takes 'A' for 'a', could not be cut between them.
func (k *compiler) ownKey(e *entry) {
	for i, t := range e.keyTypes {
		if _, ok := KindOf(t); !ok && t.Name != "" {
			k.fault(e.Entry.Key[i].Pos, e.path+".key", keyFix, "rehome cannot split rows by a key of type %s", t.Name)
		}
	}
	e.plan.Key, e.plan.KeyKinds = e.plan.SourceKey, e.plan.SourceKinds
}

// unfed checks the columns of the target that nothing feeds.
func (k *compiler) unfed(e *entry) {
	target, fed, drawn := e.plan.Target, map[string]bool{}, map[string]bool{}
	for _, name := range e.fed() {
		fed[name] = true
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
		default:
			e.plan.Defaulted = append(e.plan.Defaulted, c)
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
			if i, ok := at[name]; ok && e.plan.Columns[i].notNull {
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
	if len(e.plan.Columns) == len(e.fed()) { // else the key may be among what has faults
		k.fault(e.Into.Pos, e.path+".columns", "feed the primary key, or add a unique constraint over fed NOT NULL columns",
			"no primary or unique key of %s is fed whole, so that what arrived could not be found again", e.plan.Into)
	}
}
