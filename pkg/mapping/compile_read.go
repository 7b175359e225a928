package mapping

import (
	"context"
	"fmt"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// An entry is one of the mapping's tables while it is compiled.
type entry struct {
	*Entry
	*scope
	plan     *RowPlan
	path     string
	userType value.LegacyType
	keyTypes []value.LegacyType
	types    [][]value.LegacyType // of each of Columns, those of its expressions
	fits     bool                 // source and target are there, so that the rest can be looked at
	gathers  *gathering           // nil without a gather
	host     *entry               // of an attribute table: the entry that gathers it
}

// read looks up what the mapping names in both catalogs, and asks the legacy server what its expressions are.
func (k *compiler) read(ctx context.Context) ([]*entry, error) {
	if err := k.keyspace(ctx); err != nil {
		return nil, err
	}
	entries := make([]*entry, len(k.file.Tables))
	for i := range k.file.Tables {
		f := &k.file.Tables[i]
		e := &entry{Entry: f, path: fmt.Sprintf("tables[%d]", i)}
		e.plan = &RowPlan{Ordinal: i, Into: f.Into.Text, From: f.From.SQL, Many: f.Many, Unowned: f.Unowned}
		e.scope = k.scope(f.From, e.path+".from")
		e.types = make([][]value.LegacyType, len(f.Columns))
		entries[i] = e
		if err := k.readGather(ctx, e); err != nil {
			return nil, err
		}
		into := k.into(e)
		if !k.source(e) {
			continue
		}
		if err := k.probe(ctx, e.scope, e.path+".from", e.plan.SourceKey...); err != nil {
			return nil, err
		}
		if len(e.tables) == 0 {
			continue
		}
		e.fits = into
		if err := k.resolve(ctx, e.scope, e.questions()); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// questions are all expressions of an entry.
func (e *entry) questions() []question {
	var out []question
	ask := func(expr Expr, path string, typ *value.LegacyType) {
		out = append(out, question{expr, e.path + path, typ})
	}
	if e.Where != nil {
		ask(*e.Where, ".where", new(value.LegacyType))
	}
	if len(e.User) == 1 {
		ask(e.User[0], ".user", &e.userType)
	}
	e.keyTypes = make([]value.LegacyType, len(e.Entry.Key))
	for i, expr := range e.Entry.Key {
		ask(expr, ".key", &e.keyTypes[i])
	}
	for i := range e.Columns {
		c := &e.Columns[i]
		exprs := c.expressions()
		e.types[i] = make([]value.LegacyType, len(exprs))
		for j, expr := range exprs {
			ask(expr, ".columns."+c.Name, &e.types[i][j])
		}
	}
	return out
}

// expressions are what a column has the legacy database compute.
func (c *Column) expressions() []Expr {
	switch {
	case c.SQL != nil:
		all := []Expr{c.SQL.Expr}
		for _, d := range dated(c.SQL.Steps) {
			all = append(all, d.By)
		}
		return all
	case c.UUID != nil:
		return c.UUID.Of
	}
	return nil
}

// keyspace compiles users and the conditions of the waves.
func (k *compiler) keyspace(ctx context.Context) error {
	users := k.file.Users
	k.keys.From = users.From.SQL
	k.users = k.scope(users.From, "users.from")
	if len(users.Key) == 1 {
		k.keys.Key = users.Key[0].SQL
	} else {
		k.fault(users.Pos, "users.key", "write one column or expression", "a user's key of several columns is not supported")
	}
	if len(k.users.tables) == 0 {
		return nil
	}
	k.keys.Table = k.users.tables[0].Name
	if err := k.probe(ctx, k.users, "users.from", "1"); err != nil || len(k.users.tables) == 0 {
		return err
	}
	var typ value.LegacyType
	if len(users.Key) == 1 {
		if err := k.resolve(ctx, k.users, []question{{users.Key[0], "users.key", &typ}}); err != nil {
			return err
		}
		k.keyKind(users.Key[0], typ)
	}
	for i, wave := range k.file.Waves {
		if wave.Where == nil {
			continue
		}
		condition := question{*wave.Where, fmt.Sprintf("waves[%d].where", i), new(value.LegacyType)}
		if err := k.resolve(ctx, k.users, []question{condition}); err != nil {
			return err
		}
	}
	return nil
}

func (k *compiler) keyKind(key Expr, typ value.LegacyType) {
	if typ.Name == "" {
		return
	}
	kind, ok := KindOf(typ)
	if !ok {
		k.fault(key.Pos, "users.key", keyFix, "rehome cannot split users by a key of type %s", typ.Name)
		return
	}
	k.keys.Kinds = []keyspace.Kind{kind}
}

const keyFix = "use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression"
