package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// isOwner reports whether a reference is to the very user whom the row belongs to, and each user in the keyspace is a row that no
// rule leaves out, so that nobody needs to be asked.
func (k *compiler) isOwner(e *entry, u *UUID, makers []*entry) bool {
	if len(makers) != 1 || len(u.Of) != 1 || len(e.User) != 1 || len(k.file.Users.Key) != 1 || len(k.users.tables) != 1 {
		return false
	}
	maker := makers[0]
	made := maker.makes().UUID.Of
	return len(made) == 1 && maker.tables[0].LegacyTable == k.users.tables[0].LegacyTable && maker.keepsAll() &&
		same(e.scope, u.Of[0], e.scope, e.User[0]) && same(maker.scope, made[0], k.users, k.file.Users.Key[0]) && k.keepAlways(maker)
}

// keepsAll reports whether the FROM makes at least one row of each row of its first table.
func (s *scope) keepsAll() bool {
	return !slices.ContainsFunc(s.tables[1:], func(t source) bool { return !t.left })
}

// keepAlways reports whether no rule of the entry leaves out the row of a user who is in the keyspace.
func (k *compiler) keepAlways(m *entry) bool {
	leaves := slices.ContainsFunc(m.Columns, func(c Column) bool { return c.UUID != nil && c.UUID.Missing == MissingLeave })
	return m.Where == nil && !leaves && len(m.User) == 1 && same(m.scope, m.User[0], m.scope, m.makes().UUID.Of[0])
}

// same reports whether two expressions name one column, each in its scope. In one scope they name it by one table.
func same(a *scope, left Expr, b *scope, right Expr) bool {
	table, column := a.column(left)
	other, another := b.column(right)
	if column == nil || another == nil {
		return false
	}
	if a == b {
		return column == another && table == other
	}
	return column == another && table == &a.tables[0] && other == &b.tables[0]
}

// found returns the expressions that ask, for a reference's key, how the row that owns it spells each of the key's columns; they are
// NULL where there is no such row, or where a rule leaves it out. Rules of the entries in within are not asked again.
func (k *compiler) found(makers []*entry, of []Expr, within []*entry) []string {
	var sources, match, out []string
	for _, m := range makers {
		sources = append(sources, k.carriers(m, within))
	}
	for i, part := range of {
		match = append(match, fmt.Sprintf("rehome_e.rehome_k%d = (%s)", i, part.SQL))
	}
	for i := range of {
		var asks []string
		for _, source := range sources {
			asks = append(asks, fmt.Sprintf("(SELECT rehome_e.rehome_k%d FROM (%s) AS rehome_e WHERE %s LIMIT 1)",
				i, source, strings.Join(match, " AND ")))
		}
		if len(asks) == 1 {
			out = append(out, asks[0])
			continue
		}
		out = append(out, "COALESCE("+strings.Join(asks, ", ")+")")
	}
	return out
}

// carriers selects the keys of the entry's rows that no rule leaves out.
func (k *compiler) carriers(m *entry, within []*entry) string {
	var list []string
	for i, part := range m.makes().UUID.Of {
		list = append(list, fmt.Sprintf("(%s) AS rehome_k%d", part.SQL, i))
	}
	query := "SELECT " + strings.Join(list, ", ") + " FROM " + m.From.SQL
	if where := k.keeps(m, within); where != "" {
		query += " WHERE " + where
	}
	return query
}

// keeps returns the condition under which a row of the entry is not left out by a rule; empty for always.
func (k *compiler) keeps(m *entry, within []*entry) string {
	var all []string
	if m.Where != nil {
		all = append(all, "("+m.Where.SQL+")")
	}
	if len(m.User) == 1 && m.Unowned == UnownedLeave {
		all = append(all, fmt.Sprintf("(%s) IN (SELECT (%s) FROM %s)", m.User[0].SQL, k.keys.Key, k.keys.From))
	}
	within = append(slices.Clip(within), m)
	for _, c := range m.Columns {
		if c.UUID == nil || c.UUID.Missing != MissingLeave {
			continue
		}
		makers := k.makers[c.UUID.Entity.Text]
		// A chain that comes back to itself has no end in SQL: such a row waits in the target.
		if len(makers) == 0 || slices.ContainsFunc(makers, func(o *entry) bool { return slices.Contains(within, o) }) {
			continue
		}
		var null []string
		for _, part := range c.UUID.Of {
			null = append(null, "("+part.SQL+") IS NULL")
		}
		all = append(all, fmt.Sprintf("(%s OR %s IS NOT NULL)", strings.Join(null, " OR "), k.found(makers, c.UUID.Of, within)[0]))
	}
	return strings.Join(all, " AND ")
}
