package mapping

import (
	"slices"

	"rehome/pkg/value"
)

// columns compiles what feeds the target's columns.
func (k *compiler) columns(e *entry) {
	e.plan.Bare = !e.plan.Joined
	for i := range e.Columns {
		c, at := &e.Columns[i], len(e.plan.Select)
		for _, expr := range c.expressions() {
			e.plan.Select = append(e.plan.Select, expr.SQL)
			_, column := e.column(expr)
			e.plan.Bare = e.plan.Bare && column != nil && !column.Generated
		}
		k.column(e, c, at, e.types[i])
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
	if slices.ContainsFunc(types, func(t value.LegacyType) bool { return t.Name == "" }) {
		return // refused, and reported as that
	}
	fed := FedColumn{Name: c.Name, Type: target.Type, Origin: originOf(c, at, types), notNull: target.NotNull}
	ok := false
	switch {
	case c.SQL != nil:
		ok = k.program(e, c, &fed, at, types, path)
	case c.UUID != nil:
		ok = k.uuid(e, c, &fed, at, types, path)
	case c.Const != nil:
		ok = k.constant(c, &fed, path)
	}
	if ok {
		e.plan.Columns = append(e.plan.Columns, fed)
	}
}

func (k *compiler) program(e *entry, c *Column, fed *FedColumn, at int, types []value.LegacyType, path string) bool {
	policies := c.SQL.Policies.Or(e.Policies).Or(k.file.Policies)
	rules := rulesOf(c.SQL.Rules, policies)
	rules.Zone = k.zone
	w, build := k.ways(c, fed.Type, rules, at, types, path)
	if build == nil {
		return false
	}
	fed.build, fed.rules = *build, w.names
	fed.keep(policies, w.loses)
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

// rulesOf translates what the file declares for a column into the rules of package value.
func rulesOf(r Rules, p Policies) value.Rules {
	out := value.Rules{
		ZeroDate: policyOf(p.ZeroDate), PartialDate: policyOf(p.PartialDate), NulByte: policyOf(p.NulByte), BadText: policyOf(p.BadText),
		OutOfRange: policyOf(p.OutOfRange), TooLong: policyOf(p.TooLong), JSONNul: policyOf(p.JSONNul),
		JSONDuplicate: policyOf(p.JSONDuplicate), DSTGap: policyOf(p.DSTGap), DSTOverlap: policyOf(p.DSTOverlap),
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
