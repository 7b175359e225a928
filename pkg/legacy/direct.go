package legacy

import (
	"rehome/pkg/shard"
)

// directly is the question put to the rows alone, without the users, where the slice allows it. What is nobody's comes along and is let go of: it
// must not be able to fail, and rows of users who are none of the slice's must be few, as they are where the slice has all users of its range.
func (q question) directly(s shard.Slice) question {
	p := q.plan
	if q.kind.ByUser() && !q.own(p) && s.Only == nil && s.Rows == nil && s.Where == "" &&
		p.Linked && p.Bare && p.Where == "" && p.Gather == nil && p.GatheredBy == nil {
		q.has = s.Has
	}
	return q
}

// direct selects the fields of the rows whose user is in the part. The servers read them in the order in which they are stored and not user by
// user (see session), so that each page is looked for once, and the target gets them in the order of their keys.
func (q question) direct(fields string, part clause) clause {
	if part.sql == "" {
		part.sql = "(" + q.plan.User + ") IS NOT NULL" // as a bound would have it
	}
	c := where(part)
	c.sql = "SELECT (" + q.plan.User + "), " + fields + " FROM " + q.plan.From + c.sql
	return c
}

// strangers selects the keys of the row source's rows whose user is nobody, in their order. The servers walk through the index of the user, and
// look each user up once; as the order stands outside, behind a limit that keeps it there, they do not look for a way that has it by itself.
func (q question) strangers(part clause, order string) clause {
	exprs, _ := q.unit()
	all := question{users: q.users}.keys(clause{}).sql
	c := where(part, clause{sql: "rehome_u.rehome_k1 IS NULL"})
	c.sql = "SELECT " + names("rehome_s.", len(exprs)) + " FROM (SELECT " + named(exprs) + " FROM " + q.source() + " LEFT JOIN (" + all +
		") AS rehome_u ON rehome_u.rehome_k1 = (" + q.plan.User + ")" + c.sql + " LIMIT " + noLimit + ") AS rehome_s" + order
	return c
}

// noLimit is more rows than there are.
const noLimit = "18446744073709551615"
