package legacy

import (
	"strconv"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// quote is the one way in which a name gets into a statement.
func quote(name string) string { return mapping.Quote(name) }

// A clause is a piece of SQL with the parameters of its placeholders in order.
type clause struct {
	sql  string
	args []any
}

// listSize bounds a list of keys in one statement: the servers' range optimizers know 16,000 of one column.
const listSize, compositeListSize = 10_000, 1_000

// and joins conditions; empty ones are none.
func and(conditions ...clause) clause {
	var out clause
	for _, c := range conditions {
		if c.sql == "" {
			continue
		}
		if out.sql != "" {
			out.sql += " AND "
		}
		out.sql += c.sql
		out.args = append(out.args, c.args...)
	}
	return out
}

// where is the conditions as a WHERE clause, or nothing.
func where(conditions ...clause) clause {
	c := and(conditions...)
	if c.sql != "" {
		c.sql = " WHERE " + c.sql
	}
	return c
}

// condition is an SQL condition of the mapping; empty is none.
func condition(sql string) clause {
	if sql == "" {
		return clause{}
	}
	return clause{sql: "(" + sql + ")"}
}

// within is the condition that the expressions' values lie in the range.
func within(exprs []string, kinds []keyspace.Kind, r keyspace.Range) (clause, error) {
	after, err := bound(exprs, kinds, r.After, ">", ">")
	if err != nil {
		return clause{}, err
	}
	through, err := bound(exprs, kinds, r.Through, "<", "<=")
	if err != nil {
		return clause{}, err
	}
	return and(after, through), nil
}

// bound compares keys of several columns as (a > ? OR a = ? AND (b > ?)): the servers do not use an index for (a, b) > (?, ?).
// The first column's bound stands there once more by itself, as the optimizers see it best.
func bound(exprs []string, kinds []keyspace.Kind, key keyspace.Key, inner, last string) (clause, error) {
	if key == nil {
		return clause{}, nil
	}
	args, err := key.Args(kinds)
	if err != nil {
		return clause{}, err
	}
	n := len(exprs) - 1
	out := clause{sql: "(" + exprs[n] + ") " + last + " ?", args: args[n:]}
	for i := n - 1; i >= 0; i-- {
		e := "(" + exprs[i] + ")"
		out.sql = "(" + e + " " + inner + " ? OR (" + e + " = ? AND " + out.sql + "))"
		out.args = append([]any{args[i], args[i]}, out.args...)
	}
	if n == 0 {
		return out, nil
	}
	return and(clause{sql: "(" + exprs[0] + ") " + inner + "= ?", args: args[:1]}, out), nil
}

// among is the condition that the expressions' values are one of the keys.
func among(exprs []string, kinds []keyspace.Kind, keys []keyspace.Key) (clause, error) {
	var out clause
	for _, key := range keys {
		args, err := key.Args(kinds)
		if err != nil {
			return clause{}, err
		}
		out.args = append(out.args, args...)
	}
	if len(exprs) == 1 {
		out.sql = "(" + exprs[0] + ") IN (" + repeat("?", ", ", len(keys)) + ")"
		return out, nil
	}
	one := "((" + strings.Join(exprs, ") = ? AND (") + ") = ?)"
	out.sql = "(" + repeat(one, " OR ", len(keys)) + ")"
	return out, nil
}

func repeat(text, between string, n int) string {
	return strings.TrimSuffix(strings.Repeat(text+between, n), between)
}

// parts are the conditions on the expressions that take the slice's units together, each for one statement.
func parts(exprs []string, kinds []keyspace.Kind, s shard.Slice) ([]clause, error) {
	if s.Only == nil {
		c, err := within(exprs, kinds, s.Range)
		return []clause{c}, err
	}
	size := listSize
	if len(exprs) > 1 {
		size = compositeListSize
	}
	var out []clause
	for first := 0; first < len(s.Only); first += size {
		c, err := among(exprs, kinds, s.Only[first:min(first+size, len(s.Only))])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// named lists the expressions under names of ours: (a) AS rehome_k1, (b) AS rehome_k2.
func named(exprs []string) string {
	var out strings.Builder
	for i, e := range exprs {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString("(" + e + ") AS " + keyName(i))
	}
	return out.String()
}

func keyName(i int) string { return "rehome_k" + strconv.Itoa(i+1) }

// bare lists the expressions, each in parentheses.
func bare(exprs []string) string { return "(" + strings.Join(exprs, "), (") + ")" }

// names lists the first n names of named, each after the prefix.
func names(prefix string, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + keyName(i)
	}
	return strings.Join(out, ", ")
}

// equal compares the expressions with the names of named, each after the prefix.
func equal(exprs []string, prefix string) string {
	out := make([]string, len(exprs))
	for i, e := range exprs {
		out[i] = "(" + e + ") = " + prefix + keyName(i)
	}
	return strings.Join(out, " AND ")
}
