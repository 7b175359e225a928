package mapping

import (
	"fmt"
	"slices"
	"strings"
)

// entities finds, for each entity, the entries whose rows carry its identifiers: those where the uuid column alone is the primary
// key of its table and refers to no other fed table. All references of that entity ask these entries whether a row exists.
func (k *compiler) entities(entries []*entry) {
	k.makers = map[string][]*entry{}
	for _, e := range entries {
		if !e.fits {
			continue
		}
		if c := e.makes(); c != nil {
			k.makers[c.UUID.Entity.Text] = append(k.makers[c.UUID.Entity.Text], e)
		}
	}
	for name, makers := range k.makers {
		for _, other := range makers[1:] {
			if other.plan.Into != makers[0].plan.Into {
				k.fault(other.Pos, other.path+".columns", "give the column that only refers to the entity another entity, a foreign key or a missing: to_null or leave",
					"entity %s has its identifiers in %s and in %s", name, makers[0].plan.Into, other.plan.Into)
			}
		}
	}
}

// makes returns the column by which the entry's rows carry the identifiers of an entity, or nil.
func (e *entry) makes() *Column {
	for i := range e.Columns {
		c := &e.Columns[i]
		if c.UUID != nil && c.UUID.Missing == MissingWait && e.plan.Target.isPrimary(c.Name) && !e.plan.Target.refers(c.Name) {
			return c
		}
	}
	return nil
}

func (t *TargetTable) isPrimary(column string) bool {
	return len(t.Uniques) > 0 && t.Uniques[0].Primary && slices.Equal(t.Uniques[0].Columns, []string{column})
}

func (t *TargetTable) refers(column string) bool {
	return slices.ContainsFunc(t.ForeignKeys, func(fk ForeignKey) bool { return slices.Contains(fk.Columns, column) })
}

// found returns the expressions that ask, for a reference's key, how the row that owns it spells each of the key's columns; they are
// NULL where there is no such row, or where a rule leaves it out.
func (k *compiler) found(makers []*entry, of []Expr) []string {
	var sources []string
	for _, m := range makers {
		var list []string
		for i, part := range m.makes().UUID.Of {
			list = append(list, fmt.Sprintf("(%s) AS rehome_k%d", part.SQL, i))
		}
		query := "SELECT " + strings.Join(list, ", ") + " FROM " + m.From.SQL
		if where := k.keeps(m); where != "" {
			query += " WHERE " + where
		}
		sources = append(sources, query)
	}
	var match, out []string
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

// keeps returns the condition under which a row of the entry is not left out by a rule; empty for always.
func (k *compiler) keeps(m *entry) string {
	var all []string
	if m.Where != nil {
		all = append(all, "("+m.Where.SQL+")")
	}
	if len(m.User) == 1 && m.Unowned == UnownedLeave {
		all = append(all, fmt.Sprintf("(%s) IN (SELECT (%s) FROM %s)", m.User[0].SQL, k.file.Users.Key[0].SQL, k.file.Users.From.SQL))
	}
	return strings.Join(all, " AND ")
}
