package mapping

import (
	"maps"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// entities finds, for each entity, the entries whose rows carry its identifiers: those where the uuid column alone is the primary
// key of its table and refers to no other fed table. All references of that entity ask these entries whether a row exists.
func (k *compiler) entities(entries []*entry) {
	for _, e := range entries {
		if !e.fits {
			k.lose(e)
		} else if c := e.makes(); c != nil {
			k.makers[c.UUID.Entity.Text] = append(k.makers[c.UUID.Entity.Text], e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.makers)) {
		makers := k.makers[name]
		for _, other := range makers[1:] {
			if other.plan.Into != makers[0].plan.Into {
				k.fault(other.Pos, other.path+".columns", "give the column that only refers to the entity another entity, a foreign key or a missing: to_null or leave",
					"entity %s has its identifiers in %s and in %s", name, makers[0].plan.Into, other.plan.Into)
			}
		}
	}
}

// lose remembers the entities of an entry that does not fit: it may be the one that makes them.
func (k *compiler) lose(e *entry) {
	for _, c := range e.Columns {
		if c.UUID != nil {
			k.lost[c.UUID.Entity.Text] = true
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

// uuid compiles a uuid column: that by which an entity's rows are named, or one that refers to such rows.
func (k *compiler) uuid(e *entry, c *Column, fed *FedColumn, at int, types []value.LegacyType, path string) bool {
	if fed.Type.Name != "uuid" {
		k.fault(c.Pos, path, "make the target column a uuid", "it is of type %s", fed.Type.Name)
		return false
	}
	u := c.UUID
	r := &reference{entity: value.NewEntity(k.file.Namespace.Text, u.Entity.Text), missing: u.Missing}
	if fed.Origin.Ordered = k.file.ordered(u.Entity.Text); fed.Origin.Ordered {
		r.entity = value.NewOrderedEntity(k.file.Namespace.Text, u.Entity.Text)
	}
	for i, t := range types {
		kind, ok := KindOf(t)
		if !ok {
			k.fault(u.Of[i].Pos, path, keyFix, "an identifier cannot be derived from type %s", t.Name)
			return false
		}
		r.kinds, r.of = append(r.kinds, kind), append(r.of, at+i)
	}
	fed.build.reference, fed.Origin.Kinds = r, r.kinds
	if e.makes() == c {
		return true
	}
	return k.reference(e, c, fed, r, path)
}

// reference compiles a uuid column that refers to rows which another column, or another entry, names.
func (k *compiler) reference(e *entry, c *Column, fed *FedColumn, r *reference, path string) bool {
	entity := c.UUID.Entity
	makers := k.makers[entity.Text]
	if len(makers) == 0 && k.lost[entity.Text] {
		return false
	}
	if len(makers) == 0 {
		known := slices.Sorted(maps.Keys(k.makers))
		fix := "feed a table whose primary key is {uuid: " + entity.Text + ", of: …}"
		if len(known) > 0 {
			fix = didYouMean(entity.Text, known)
		}
		k.fault(entity.Pos, path, fix, "no entry makes the identifiers of entity %s: none has it as its table's primary key", entity.Text)
		return false
	}
	for _, maker := range makers {
		if !k.sameKinds(c, maker, r.kinds, path) {
			return false
		}
	}
	fed.rules = []string{"missing"}
	fed.keep(e.Policies.Or(k.file.Policies), 1)
	r.maker = makers[0].plan
	if k.isOwner(e, c.UUID, makers) {
		r.owner, fed.Origin.Owner = true, true
		return true
	}
	for _, ask := range k.found(makers, c.UUID.Of, nil) {
		r.found = append(r.found, len(e.plan.Select))
		e.plan.Select = append(e.plan.Select, ask)
	}
	fed.Origin.Found = r.found
	return true
}

// sameKinds checks that a reference's key can be that of the maker's rows.
func (k *compiler) sameKinds(c *Column, maker *entry, kinds []keyspace.Kind, path string) bool {
	made := maker.makes()
	types := maker.types[slices.IndexFunc(maker.Columns, func(of Column) bool { return of.Name == made.Name })]
	entity := c.UUID.Entity.Text
	if len(types) != len(kinds) {
		k.fault(c.Pos, path, "write as many expressions as the key has columns", "the key of entity %s has the length %d, and this one %d", entity, len(types), len(kinds))
		return false
	}
	for i, t := range types {
		kind, ok := KindOf(t)
		if !ok {
			return false // reported where the maker has it
		}
		if kind != kinds[i] {
			k.fault(c.UUID.Of[i].Pos, path, "cast it to the key's kind", "it is a key of kind %s, and that of entity %s is %s", kinds[i], entity, kind)
			return false
		}
	}
	return true
}
