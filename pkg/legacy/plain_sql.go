package legacy

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A plainQuestion is a slice of a plan's rows, put as SQL whose keys are literals.
type plainQuestion struct {
	users mapping.Keyspace
	plan  *mapping.RowPlan
	kind  shard.Kind
}

// unit returns the expressions of the slice's units, with their kinds.
func (q plainQuestion) unit() ([]string, []keyspace.Kind) {
	switch {
	case q.kind.ByUser():
		return []string{q.users.Key}, q.users.Kinds
	case q.kind == shard.OwnKey:
		return q.plan.Key, q.plan.KeyKinds
	}
	return q.plan.SourceKey, q.plan.SourceKinds
}

// rows selects the rows whose units meet the condition: the unit's key where it is not the row's own, the row source's key, the plan's
// expressions.
func (q plainQuestion) rows(forms []form, condition string) string {
	fields := plainKeys(q.plan.SourceKey, q.plan.SourceKinds)
	for i, expr := range q.plan.Select {
		fields = append(fields, forms[i].of(expr))
	}
	var filters []string
	if q.plan.Where != "" {
		filters = append(filters, "("+q.plan.Where+")")
	}
	from := q.plan.From
	switch {
	case q.kind.ByUser():
		// The list stands with the users alone, so that a row's user is spelled as the owner spells it.
		unit := plainKeys([]string{"rehome_o.rehome_unit"}, q.users.Kinds)
		fields = append(unit, fields...)
		from = "(SELECT (" + q.users.Key + ") AS rehome_unit FROM " + q.users.From + " WHERE " + condition + ") AS rehome_o STRAIGHT_JOIN (" +
			from + ") ON rehome_o.rehome_unit = (" + q.plan.User + ")"
	case q.kind == shard.OwnKey:
		fields = append(plainKeys(q.plan.Key, q.plan.KeyKinds), fields...)
		filters = append(filters, condition)
	default:
		nobody := "NOT EXISTS (SELECT 1 FROM (SELECT (" + q.users.Key + ") AS rehome_unit FROM " + q.users.From +
			") AS rehome_o WHERE rehome_o.rehome_unit = (" + q.plan.User + "))"
		filters = append(filters, condition, nobody)
	}
	return "SELECT " + strings.Join(fields, ", ") + " FROM " + from + " WHERE " + strings.Join(append(filters, "TRUE"), " AND ")
}

// attributes selects the attributes of the users whom the condition takes: the user, name and value, in the order of the attributes' keys.
func (q plainQuestion) attributes(condition string) string {
	g := q.plan.Gather
	fields := append(plainKeys([]string{"rehome_o.rehome_unit"}, q.users.Kinds), "("+g.Name+")", "("+g.Value+")")
	return "SELECT " + strings.Join(fields, ", ") + " FROM (SELECT (" + q.users.Key + ") AS rehome_unit FROM " + q.users.From + " WHERE " + condition +
		") AS rehome_o STRAIGHT_JOIN (" + g.Plan.From + ") ON rehome_o.rehome_unit = (" + g.Plan.User + ") ORDER BY " + bare(g.Plan.SourceKey)
}

// plainKeys are the expressions of a key in the spelling of a keyspace.Key.
func plainKeys(exprs []string, kinds []keyspace.Kind) []string {
	out := make([]string, len(exprs))
	for i, expr := range exprs {
		switch kinds[i] {
		case keyspace.Integer:
			out[i] = whole.of(expr)
		case keyspace.Binary:
			out[i] = "LOWER(HEX(" + expr + "))"
		default:
			out[i] = "(" + expr + ")"
		}
	}
	return out
}

// literal spells one column of a key as SQL. Text stands in hexadecimal digits, so that nothing in it is syntax.
func literal(part string, kind keyspace.Kind) (string, error) {
	switch kind {
	case keyspace.Integer:
		if _, err := strconv.ParseInt(part, 10, 64); err == nil {
			return part, nil
		}
		if _, err := strconv.ParseUint(part, 10, 64); err == nil {
			return part, nil
		}
		return "", fmt.Errorf("spell a key: it is no integer of 64 bits")
	case keyspace.Text:
		return "_utf8mb4 X'" + hex.EncodeToString([]byte(part)) + "'", nil
	case keyspace.Binary:
		if _, err := hex.DecodeString(part); err != nil {
			return "", fmt.Errorf("spell a key: it is not hexadecimal")
		}
		return "X'" + part + "'", nil
	}
	return "", fmt.Errorf("spell a key: it is of an unknown kind")
}

func literals(key keyspace.Key, kinds []keyspace.Kind) ([]string, error) {
	if len(key) != len(kinds) {
		return nil, fmt.Errorf("spell a key: %d values for %d columns", len(key), len(kinds))
	}
	out := make([]string, len(key))
	for i, part := range key {
		var err error
		if out[i], err = literal(part, kinds[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// plainAmong is the condition that the expressions have one of the keys.
func plainAmong(exprs []string, kinds []keyspace.Kind, keys []keyspace.Key) (string, error) {
	terms := make([]string, len(keys))
	for i, key := range keys {
		parts, err := literals(key, kinds)
		if err != nil {
			return "", err
		}
		terms[i] = parts[0]
		if len(exprs) > 1 {
			for n := range parts {
				parts[n] = "(" + exprs[n] + ") = " + parts[n]
			}
			terms[i] = "(" + strings.Join(parts, " AND ") + ")"
		}
	}
	if len(exprs) > 1 {
		return "(" + strings.Join(terms, " OR ") + ")", nil
	}
	return "(" + exprs[0] + ") IN (" + strings.Join(terms, ", ") + ")", nil
}

// plainWithin is the condition that the expressions lie in the range, in the server's own order.
func plainWithin(exprs []string, kinds []keyspace.Kind, r keyspace.Range) (string, error) {
	terms := []string{"TRUE"}
	for _, side := range []struct {
		key   keyspace.Key
		less  string // by which an earlier column decides alone
		final string
	}{{r.After, ">", ">"}, {r.Through, "<", "<="}} {
		if side.key == nil {
			continue
		}
		parts, err := literals(side.key, kinds)
		if err != nil {
			return "", err
		}
		last := len(parts) - 1
		term := "(" + exprs[last] + ") " + side.final + " " + parts[last]
		for i := last - 1; i >= 0; i-- {
			expr := "(" + exprs[i] + ")"
			// The first part stands alone as well, because that is what the servers use an index for.
			term = expr + " " + side.less + "= " + parts[i] + " AND (" + expr + " " + side.less + " " + parts[i] + " OR " + term + ")"
		}
		terms = append(terms, term)
	}
	return strings.Join(terms, " AND "), nil
}
