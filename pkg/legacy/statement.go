package legacy

import (
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A question is a slice of a plan's rows, put as SQL. Expressions of the mapping see the names of their own FROM and nothing else:
// where two FROMs meet, one of them stands behind a derived table whose only names begin with rehome_.
type question struct {
	users mapping.Keyspace
	plan  *mapping.RowPlan // nil for the users themselves
	kind  shard.Kind
	wave  string                 // the condition on users
	only  clause                 // the condition on rows, by their keys
	has   func(unit []byte) bool // tells whether a row that is read without its user has one; nil where rows are read with their users
}

// unit returns the expressions that the slice's range ranges over, with their kinds.
func (q question) unit() ([]string, []keyspace.Kind) {
	switch {
	case q.has != nil:
		return []string{q.plan.User}, q.users.Kinds
	case q.kind.ByUser():
		return []string{q.users.Key}, q.users.Kinds
	case q.kind == shard.OwnKey:
		return q.plan.Key, q.plan.KeyKinds
	}
	return q.plan.SourceKey, q.plan.SourceKinds
}

// source is the row source alone, under the name by which the plan's expressions know it.
func (q question) source() string { return quote(q.plan.Source) + " AS " + quote(q.plan.SourceName) }

// keys selects the users of the part, under the name rehome_k1.
func (q question) keys(part clause) clause {
	c := where(part, condition(q.wave))
	c.sql = "SELECT (" + q.users.Key + ") AS rehome_k1 FROM " + q.users.From + c.sql
	return c
}

// unknown is the condition that a row's user is NULL or not among the users.
func (q question) unknown() clause {
	if !q.plan.OfUsers() {
		return clause{sql: "FALSE"}
	}
	all := question{users: q.users}.keys(clause{}).sql
	return clause{sql: "NOT EXISTS (SELECT 1 FROM (" + all + ") AS rehome_u WHERE rehome_u.rehome_k1 = (" + q.plan.User + "))"}
}

// own reports whether the users and the plan's rows are the same rows, each its own user.
func (q question) own(p *mapping.RowPlan) bool {
	return q.kind.ByUser() && p.From == q.users.From && p.User == q.users.Key
}

// belongs is the condition that a row is the slice's.
func (q question) belongs(part clause) clause {
	switch {
	case q.own(q.plan):
		if part.sql == "" {
			part.sql = "(" + q.users.Key + ") IS NOT NULL" // as a bound would have it
		}
		return and(part, condition(q.wave))
	case q.kind.ByUser():
		c := q.keys(part)
		c.sql = "(" + q.plan.User + ") IN (" + c.sql + ")"
		return c
	case q.kind == shard.Unowned:
		return and(part, q.unknown())
	}
	return part
}

// units selects the keys of the slice's units in their order.
func (q question) units(part clause) clause {
	exprs, _ := q.unit()
	order := " ORDER BY " + names("", len(exprs))
	switch {
	case q.kind.ByUser():
		c := q.keys(part)
		c.sql += order
		return c
	case q.kind == shard.OwnKey:
		c := where(part)
		c.sql = "SELECT " + named(exprs) + " FROM " + q.plan.From + c.sql + order
		return c
	case !q.plan.Joined && q.plan.Linked:
		return q.strangers(part, order)
	case !q.plan.Joined:
		c := where(part, q.unknown())
		c.sql = "SELECT " + named(exprs) + " FROM " + q.source() + c.sql + order
		return c
	}
	c := q.sources(part)
	c.sql = "SELECT " + names("rehome_s.", len(exprs)) + " FROM (" + c.sql + ") AS rehome_s WHERE " + q.dropped() +
		" OR EXISTS (SELECT 1 FROM " + q.plan.From + " WHERE " + equal(exprs, "rehome_s.") + " AND " + q.unknown().sql + ")" + order
	return c
}

// sources selects the row source's keys, without any join.
func (q question) sources(part clause) clause {
	c := where(part)
	c.sql = "SELECT " + named(q.plan.SourceKey) + " FROM " + q.source() + c.sql
	return c
}

// dropped is the condition that the join makes nothing of the row whose keys rehome_s has.
func (q question) dropped() string {
	return "NOT EXISTS (SELECT 1 FROM " + q.plan.From + " WHERE " + equal(q.plan.SourceKey, "rehome_s.") + ")"
}

// rows selects the slice's rows: the unit's key where that is not the row source's, the row source's key, and the plan's Select.
func (q question) rows(part clause) clause {
	fields := bare(q.plan.SourceKey)
	if len(q.plan.Select) > 0 {
		fields += ", " + bare(q.plan.Select)
	}
	switch {
	case q.own(q.plan):
		fields = "(" + q.users.Key + "), " + fields
	case q.has != nil:
		return q.direct(fields, part)
	case q.kind.ByUser():
		// From users to rows, whatever the server thinks of its statistics; and the unit is spelled as the owner spells it.
		c, filter := q.keys(part), where(q.filter(), q.only)
		c.sql = "SELECT rehome_u.rehome_k1, " + fields + " FROM (" + c.sql + ") AS rehome_u STRAIGHT_JOIN (" + q.plan.From +
			") ON (" + q.plan.User + ") = rehome_u.rehome_k1" + filter.sql
		c.args = append(c.args, filter.args...)
		return c
	case q.kind == shard.OwnKey:
		fields = bare(q.plan.Key) + ", " + fields
	}
	c := where(q.belongs(part), q.filter(), q.only)
	c.sql = "SELECT " + fields + " FROM " + q.plan.From + c.sql
	return c
}

// droppedRows selects the keys of the row source's rows that the join drops.
func (q question) droppedRows(part clause) clause {
	c := q.sources(part)
	c.sql = "SELECT " + names("rehome_s.", len(q.plan.SourceKey)) + " FROM (" + c.sql + ") AS rehome_s WHERE " + q.dropped()
	return c
}

// count counts the row source's rows that are the slice's, by a statement of another shape than rows.
func (q question) count(part clause) clause {
	switch {
	case q.kind == shard.Unowned:
		return q.countUnowned(part)
	case q.plan.Joined:
		c := where(q.belongs(part))
		c.sql = "SELECT COUNT(DISTINCT " + bare(q.plan.SourceKey) + ") FROM " + q.plan.From + c.sql
		return c
	}
	c := where(q.belongs(part))
	c.sql = "SELECT COUNT(*) FROM " + q.source() + c.sql
	return c
}

func (q question) countUnowned(part clause) clause {
	counted, from := "COUNT(*)", q.source()
	if q.plan.Joined {
		counted, from = "COUNT(DISTINCT "+bare(q.plan.SourceKey)+")", "("+q.plan.From+")"
	}
	owned := clause{sql: "SELECT 0"}
	if q.plan.OfUsers() {
		all := question{users: q.users}.keys(clause{}).sql
		owned = where(part, clause{sql: "rehome_u.rehome_k1 IS NULL"})
		owned.sql = "SELECT " + counted + " FROM " + from + " LEFT JOIN (" + all + ") AS rehome_u ON rehome_u.rehome_k1 = (" +
			q.plan.User + ")" + owned.sql
	}
	if !q.plan.Joined {
		return owned
	}
	total, joined := where(part), where(part)
	return clause{
		sql: "SELECT (" + owned.sql + ") + (SELECT COUNT(*) FROM " + q.source() + total.sql + ") - (SELECT " + counted + " FROM " + from +
			joined.sql + ")",
		args: append(append(append([]any{}, owned.args...), total.args...), joined.args...),
	}
}

// leftOut counts the row source's rows of the slice that the plan's condition leaves out; NULL leaves out too, and of a row that a
// join makes several of, none may be taken.
func (q question) leftOut(part clause) clause {
	if q.plan.GatheredBy != nil {
		return q.unhoused(part)
	}
	if !q.plan.Joined {
		c := where(q.belongs(part), clause{sql: "(" + q.plan.Where + ") IS NOT TRUE"})
		c.sql = "SELECT COUNT(*) FROM " + q.source() + c.sql
		return c
	}
	c := where(q.belongs(part))
	c.sql = "SELECT COUNT(*) FROM (SELECT 1 AS rehome_l FROM " + q.plan.From + c.sql + " GROUP BY " + bare(q.plan.SourceKey) +
		" HAVING MAX((" + q.plan.Where + ") IS TRUE) = 0) AS rehome_l"
	return c
}
