package mapping

import (
	"fmt"
	"strings"
)

// source compiles the entry's row source.
func (k *compiler) source(e *entry) bool {
	if len(e.tables) == 0 {
		return false
	}
	k.joins(e)
	first, p := e.tables[0], e.plan
	if len(first.PrimaryKey) == 0 {
		k.fault(e.From.Pos, e.path+".from", "add a primary key, or copy the table into one that has a key",
			"%s has no primary key, and rehome names each row by it", first.Name)
		e.unread = true
		return false
	}
	p.Source, p.SourceName, p.Joined = first.Name, first.name, len(e.tables) > 1
	for _, name := range first.PrimaryKey {
		column := first.Column(name)
		kind, ok := KindOf(column.Type)
		if !ok {
			k.fault(e.From.Pos, e.path+".from", "copy the table into one whose key is an integer, CHAR, VARCHAR, BINARY or VARBINARY",
				"the primary key of %s has a column of type %s, which rehome cannot split on", first.Name, column.Type.Name)
			e.unread = true
			return false
		}
		p.SourceKey = append(p.SourceKey, Quote(p.SourceName)+"."+Quote(column.Name))
		p.SourceKinds = append(p.SourceKinds, kind)
	}
	return true
}

// joins checks that each further table of a join is declared, and nothing else is.
func (k *compiler) joins(e *entry) {
	declared := map[string]bool{}
	for _, join := range e.Joins {
		declared[strings.ToLower(join.Table)] = true
		known := false
		for _, t := range e.tables[1:] {
			if !strings.EqualFold(t.Name, join.Table) {
				continue
			}
			known = true
			if join.Use == JoinEach && len(t.PrimaryKey) == 0 {
				k.fault(join.Pos, e.path+".joins."+join.Table, "add a primary key, or write lookup",
					"%s has no primary key, so that it cannot be told whether each of its rows is used once", t.Name)
			}
		}
		if !known {
			k.fault(join.Pos, e.path+".joins."+join.Table, "take it out, or join the table in from", "from does not join a table %s", join.Table)
		}
	}
	for _, t := range e.tables[1:] {
		if name := strings.ToLower(t.Name); !declared[name] {
			declared[name] = true // one fault is enough for a table that is joined twice
			k.fault(e.From.Pos, e.path+".joins", fmt.Sprintf("write joins: {%s: each} if each of its rows must be used once, else lookup", t.Name),
				"from joins %s, and joins does not say how it is used", t.Name)
		}
	}
}

// into finds the entry's target table.
func (k *compiler) into(e *entry) bool {
	t := k.target.Table(e.Into.Text)
	if t == nil {
		names := make([]string, len(k.target.Tables))
		for i := range k.target.Tables {
			names[i] = k.target.Tables[i].FullName()
		}
		k.fault(e.Into.Pos, e.path+".into", didYouMean(e.Into.Text, names), "the target database has no table %s", e.Into.Text)
		return false
	}
	e.plan.Target, e.plan.Into = t, t.FullName()
	if t.Kind != 'r' {
		k.fault(e.Into.Pos, e.path+".into", "feed an ordinary table", "%s is not an ordinary table", e.plan.Into)
		return false
	}
	if t.RowSecurity {
		k.fault(e.Into.Pos, e.path+".into", "disable it for the load", "row level security of %s would hide rows", e.plan.Into)
	}
	for _, rule := range t.Rules {
		k.fault(e.Into.Pos, e.path+".into", "drop it for the load", "rule %s of %s would change what is written", rule, e.plan.Into)
	}
	k.triggers(e, t)
	return true
}

func (k *compiler) triggers(e *entry, t *TargetTable) {
	fires := map[string]bool{}
	for _, trigger := range t.Triggers {
		fires[trigger.Name] = true
	}
	allowed := map[string]bool{}
	for _, fire := range e.Triggers {
		allowed[fire.Name] = true
		if !fires[fire.Name] {
			k.fault(fire.Pos, e.path+".triggers."+fire.Name, "take it out", "%s has no trigger %s that an insert fires", e.plan.Into, fire.Name)
		}
	}
	for _, trigger := range t.Triggers {
		if !allowed[trigger.Name] {
			k.fault(e.Into.Pos, e.path+".triggers", fmt.Sprintf("write triggers: {%s: fire} if that is wanted, else drop it for the load", trigger.Name),
				"trigger %s of %s would fire for each row", trigger.Name, e.plan.Into)
		}
	}
}
