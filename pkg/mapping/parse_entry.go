package mapping

import "slices"

var keyExprs = oneOrList(expression("write an expression, or a list of them"))

var whereShape = maybe(expression("write a condition, or take where out"))

var entryShape = func() shape[Entry] {
	s := object(func(at Pos) Entry { return Entry{Unowned: UnownedReject, Pos: at} }, checkEntry,
		slices.Concat(entryFields, part(policyFields, func(e *Entry) *Policies { return &e.Policies }))...)
	s.schema.OneOf = []*schema{{Required: []string{"user"}}, {Required: []string{"key"}}}
	return s
}()

func checkEntry(at place, given keys, e *Entry) {
	_, user := given["user"]
	key, both := given["key"]
	switch {
	case user && both:
		at.at(key).fault("user for rows that belong to a user, key for those that do not", "user and key stand here together")
	case !user && !both:
		at.fault("user: the expression that says whose row it is, or key: the table's own key", "user or key is missing")
	}
}

var entryFields = []field[Entry]{
	must("into", "the table of the target that is fed", nameShape, func(e *Entry) *Word { return &e.Into }),
	must("from", "what may follow FROM in the legacy database; its first table is the row source",
		fromShape, func(e *Entry) *Expr { return &e.From }),
	may("user", "which user a row belongs to: an expression, or a list of them",
		keyExprs, func(e *Entry) *[]Expr { return &e.User }),
	may("key", "the own key of a table that belongs to no user: an expression, or a list of them",
		keyExprs, func(e *Entry) *[]Expr { return &e.Key }),
	may("where", "rows that do not match are left out, and counted", whereShape, func(e *Entry) **Expr { return &e.Where }),
	may("rest", "leave: rows that every entry of this row source leaves out are meant to be left",
		enum(RestLeave), func(e *Entry) *Rest { return &e.Rest }),
	may("joins", "each further table of from: each, every row must be used once, or lookup",
		joinsShape, func(e *Entry) *[]Join { return &e.Joins }),
	may("many", "true allows a join to make several rows of one", boolShape, func(e *Entry) *bool { return &e.Many }),
	may("unowned", "rows whose user is NULL, or is not in users.from: reject (default), leave, or migrate",
		enum(UnownedReject, UnownedLeave, UnownedMigrate), func(e *Entry) *Unowned { return &e.Unowned }),
	may("gather", "columns, or one jsonb, made of an attribute table's rows",
		maybe(gatherShape), func(e *Entry) **Gather { return &e.Gather }),
	must("columns", "what feeds each column of the target: an SQL expression, or {sql: …}, {uuid: …} or {const: …}",
		columnsShape, func(e *Entry) *[]Column { return &e.Columns }),
	may("ignore", "legacy columns that nothing reads, each with a word why",
		reasonsShape, func(e *Entry) *[]Reason { return &e.Ignore }),
	may("written_by_target", "columns that the target fills or changes: listed, not compared",
		listOf(nameShape), func(e *Entry) *[]Word { return &e.WrittenByTarget }),
	may("triggers", "triggers of the target table that may fire: {NAME: fire}",
		triggersShape, func(e *Entry) *[]Fire { return &e.Triggers }),
	may("scan", "accepted: every shard may scan the table, there is no index on its user",
		enum(ScanAccepted), func(e *Entry) *Scan { return &e.Scan }),
}

var columnsShape = filled(mapOf(columnShape, func(name string, at Pos, c Column) Column {
	c.Name, c.Pos = name, at
	return c
}))

var joinsShape = sorted(
	mapOf(enum(JoinEach, JoinLookup), func(table string, at Pos, use JoinUse) Join { return Join{table, use, at} }),
	func(j Join) string { return j.Table })

var triggersShape = sorted(
	mapOf(enum("fire"), func(name string, at Pos, _ string) Fire { return Fire{name, at} }),
	func(f Fire) string { return f.Name })
