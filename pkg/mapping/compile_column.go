package mapping

import (
	"fmt"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// columns compiles what feeds the target's columns. All expressions of the entry are resolved by one query.
func (k *compiler) columns(e *entry) {
	var exprs []Expr
	var names []string
	for _, c := range e.Columns {
		switch {
		case c.SQL != nil:
			exprs, names = append(exprs, c.SQL.Expr), append(names, c.Name)
		case c.UUID != nil:
			for _, of := range c.UUID.Of {
				exprs, names = append(exprs, of), append(names, c.Name)
			}
		}
	}
	types := k.resolve(e.From.SQL, exprs, func(i int) string { return e.path + ".columns." + names[i] })
	if types == nil && len(exprs) > 0 {
		return
	}
	for _, expr := range exprs {
		e.plan.Select = append(e.plan.Select, expr.SQL)
	}
	at := 0
	for i := range e.Columns {
		c := &e.Columns[i]
		n := 0
		switch {
		case c.SQL != nil:
			n = 1
		case c.UUID != nil:
			n = len(c.UUID.Of)
		}
		k.column(e, c, at, types[at:at+n])
		at += n
	}
}

// column compiles one column, whose expressions are the plan's Select from position at on.
func (k *compiler) column(e *entry, c *Column, at int, types []value.LegacyType) {
	path := e.path + ".columns." + c.Name
	target := e.plan.Target.Column(c.Name)
	if target == nil {
		k.unknownColumn(c.Pos, path, e, c.Name)
		return
	}
	if target.Generated || target.Identity == 'a' {
		k.fault(c.Pos, path, "take it out of columns", "%s of %s is generated always by the target", c.Name, e.plan.Into)
		return
	}
	fed := FedColumn{Name: c.Name, Type: target.Type, notNull: target.NotNull}
	ok := false
	switch {
	case c.SQL != nil:
		ok = k.program(e, c, &fed, at, types[0], path)
	case c.UUID != nil:
		ok = k.reference(e, c, &fed, at, types, path)
	case c.Const != nil:
		ok = k.constant(c, &fed, path)
	}
	if ok {
		e.plan.Columns = append(e.plan.Columns, fed)
	}
}

func (k *compiler) program(e *entry, c *Column, fed *FedColumn, at int, from value.LegacyType, path string) bool {
	rules := rulesOf(c.SQL.Rules, c.SQL.Policies.Or(e.Policies).Or(k.file.Policies))
	rules.Zone = k.zone
	program, err := value.Compile(from, fed.Type, rules)
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			k.fault(c.Pos, path, "", "%s", line)
		}
		return false
	}
	fed.build, fed.rules = fromProgram(at, program), program.Rules()
	return true
}

func (k *compiler) constant(c *Column, fed *FedColumn, path string) bool {
	body, err := value.Literal(fed.Type, c.Const.Text)
	if err != nil {
		k.fault(c.Const.Pos, path, "", "%s", err)
		return false
	}
	fed.build = fromConst(body)
	return true
}

// reference compiles a uuid column: that by which an entity's rows are named, or one that refers to such rows.
func (k *compiler) reference(e *entry, c *Column, fed *FedColumn, at int, types []value.LegacyType, path string) bool {
	if fed.Type.Name != "uuid" {
		k.fault(c.Pos, path, "make the target column a uuid", "it is of type %s", fed.Type.Name)
		return false
	}
	u := c.UUID
	r := &reference{entity: value.NewEntity(k.file.Namespace.Text, u.Entity.Text), missing: u.Missing}
	for i, t := range types {
		kind, ok := KindOf(t)
		if !ok {
			k.fault(u.Of[i].Pos, path, "use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression", "an identifier cannot be derived from type %s", t.Name)
			return false
		}
		r.kinds, r.of = append(r.kinds, kind), append(r.of, at+i)
	}
	fed.build = r.build
	if maker := e.makes(); maker == c {
		return true
	}
	makers := k.makers[u.Entity.Text]
	if len(makers) == 0 {
		k.fault(u.Entity.Pos, path, k.suggestEntity(u.Entity.Text), "no entry makes the identifiers of entity %s: none has it as its table's primary key", u.Entity.Text)
		return false
	}
	if !k.sameKinds(c, makers[0], r.kinds, path) {
		return false
	}
	fed.rules = []string{"missing"}
	r.maker = makers[0].plan
	if k.isOwner(e, u, makers) {
		r.owner = true
		return true
	}
	for _, ask := range k.found(makers, u.Of) {
		r.found = append(r.found, len(e.plan.Select))
		e.plan.Select = append(e.plan.Select, ask)
	}
	return true
}

func (k *compiler) suggestEntity(name string) string {
	var names []string
	for known := range k.makers {
		names = append(names, known)
	}
	return didYouMean(name, names)
}

// sameKinds checks that a reference's key can be that of the entity's rows.
func (k *compiler) sameKinds(c *Column, maker *entry, kinds []keyspace.Kind, path string) bool {
	of := maker.makes().UUID.Of
	if len(of) != len(kinds) {
		k.fault(c.Pos, path, fmt.Sprintf("write %d expressions", len(of)), "the key of entity %s has %d columns, and this one %d", c.UUID.Entity.Text, len(of), len(kinds))
		return false
	}
	types := k.resolve(maker.From.SQL, of, func(int) string { return maker.path + ".columns" })
	if types == nil {
		return false
	}
	for i, t := range types {
		if kind, _ := KindOf(t); kind != kinds[i] {
			k.fault(c.UUID.Of[i].Pos, path, "cast it to the key's kind", "it is a key of kind %s, and that of entity %s is %s", kinds[i], c.UUID.Entity.Text, kind)
			return false
		}
	}
	return true
}

// isOwner reports whether a reference is to the very user whom the row belongs to, so that nobody needs to be asked.
func (k *compiler) isOwner(e *entry, u *UUID, makers []*entry) bool {
	users := k.file.Users
	maker := makers[0]
	made := maker.makes().UUID.Of
	return len(makers) == 1 && len(u.Of) == 1 && len(e.User) == 1 && len(users.Key) == 1 &&
		maker.Where == nil && maker.From.SQL == users.From.SQL && made[0].SQL == users.Key[0].SQL && u.Of[0].SQL == e.User[0].SQL
}

// rulesOf translates what the file declares for a column into the rules of package value.
func rulesOf(r Rules, p Policies) value.Rules {
	out := value.Rules{
		ZeroDate: policyOf(p.ZeroDate), PartialDate: policyOf(p.PartialDate), NulByte: policyOf(p.NulByte), BadText: policyOf(p.BadText),
		OutOfRange: policyOf(p.OutOfRange), TooLong: policyOf(p.TooLong), JSONNul: policyOf(p.JSONNul),
	}
	for _, step := range r.Steps {
		out.Steps = append(out.Steps, value.Step{Name: step.Name, Args: step.Args})
	}
	if r.Values != nil {
		out.Values = make(map[string]value.Outcome, len(r.Values))
		for _, v := range r.Values {
			out.Values[v.From] = value.Outcome{Word: value.To, To: v.To}
		}
		out.Otherwise = value.Outcome{Word: string(r.Otherwise.Do), To: r.Otherwise.To}
	}
	if r.IfNull != nil {
		out.IfNull = &r.IfNull.Text
	}
	return out
}

func policyOf(p Policy) value.Policy { return value.Policy{Word: string(p.Do), To: p.To} }
