package target

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
)

// An Orphan is a row that a detached foreign key would refuse.
type Orphan struct {
	Child []byte // its key, as in shard.Arrived.TargetKey
	Needs []byte // what it refers to, in the order of the part's RefColumns and in their types; NULL for what no such row can have
}

// Orphans yields the rows that the foreign key refuses, each with its key (the columns named key, in that order). Rows with a NULL
// among the referring columns are none, unless the key is MATCH FULL. The slices are the caller's to keep; db is busy until the
// iteration ends, and an error ends it.
func Orphans(ctx context.Context, db DB, p Part, key []string) iter.Seq2[Orphan, error] {
	return func(yield func(Orphan, error) bool) {
		if _, err := p.relations(ctx, db); err != nil {
			yield(Orphan{}, err)
			return
		}
		columns := prefixed("c", key)
		for i, c := range p.Columns {
			columns = append(columns, cast("c."+quote(c), p.RefTypes[i]))
		}
		query := `SELECT ` + strings.Join(columns, ", ") + ` FROM ` + p.orphaned()
		for values, err := range binaryRows(ctx, db, query, "find the orphans of "+p.Name, p.Table) {
			if err != nil {
				yield(Orphan{}, err)
				return
			}
			o := Orphan{Child: appendFields(nil, values[:len(key)]), Needs: appendFields(nil, values[len(key):])}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// cast returns the column in another type, empty for its own. An integer outside the type becomes NULL instead of an error that would
// end the search.
func cast(column, to string) string {
	bits := map[string]int{"smallint": 16, "integer": 32, "bigint": 64}[to]
	switch {
	case to == "":
		return column
	case bits == 0:
		return "CAST(" + column + " AS " + to + ")"
	}
	return fmt.Sprintf("CASE WHEN %[1]s BETWEEN -power(2::numeric, %[2]d) AND power(2::numeric, %[2]d) - 1 THEN CAST(%[1]s AS %[3]s) END",
		column, bits-1, to)
}

// orphaned returns what follows FROM to get the violators, as c.
func (p *Part) orphaned() string {
	refer, meet := make([]string, len(p.Columns)), make([]string, len(p.Columns))
	for i, c := range p.Columns {
		refer[i] = "c." + quote(c)
		meet[i] = fmt.Sprintf("r.%s %s c.%s", quote(p.RefColumns[i]), p.Operators[i], quote(c))
	}
	present := strings.Join(refer, " IS NOT NULL AND ") + " IS NOT NULL"
	if p.Full {
		present = "num_nonnulls(" + strings.Join(refer, ", ") + ") > 0"
	}
	return p.table() + ` AS c WHERE ` + present + ` AND NOT EXISTS (SELECT FROM ` + p.references() + ` AS r WHERE ` +
		strings.Join(meet, " AND ") + `)`
}

func (p *Part) relations(ctx context.Context, db DB) ([]relation, error) {
	return resolve(ctx, db, []string{p.Table, p.References})
}

// Duplicates yields groups of rows that the unique part refuses beside each other, as their keys (the columns named key, in that
// order, as in shard.Arrived.TargetKey): equal in all its expressions under its collations, within its predicate, and with NULLs
// equal only where the index says so. The slices are the caller's to keep; db is busy until the iteration ends, and an error ends it.
func Duplicates(ctx context.Context, db DB, p Part, key []string) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		var group [][]byte
		var current string
		for values, err := range binaryRows(ctx, db, p.duplicated(key), "find the duplicates of "+p.Name, p.Table) {
			if err != nil {
				yield(nil, err)
				return
			}
			if rank := string(values[0]); rank != current {
				if group != nil && !yield(group, nil) {
					return
				}
				group, current = nil, rank
			}
			group = append(group, appendFields(nil, values[1:]))
		}
		if group != nil {
			yield(group, nil)
		}
	}
}

// duplicated sorts all rows once. Grouping first and joining back would compare NULLs by a nested loop.
func (p *Part) duplicated(key []string) string {
	var where []string
	if p.Predicate != "" {
		where = append(where, "("+p.Predicate+")")
	}
	if !p.NullsEqual {
		for _, k := range p.Keys {
			where = append(where, k+" IS NOT NULL")
		}
	}
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	inner, outer := make([]string, len(key)), make([]string, len(key))
	for i, k := range key {
		inner[i], outer[i] = fmt.Sprintf("%s AS k%d", quote(k), i+1), fmt.Sprintf("d.k%d", i+1)
	}
	equal := strings.Join(p.Keys, ", ")
	// The predicate and the expressions name columns bare, so the table stands alone in its FROM.
	return `SELECT d.rank, ` + strings.Join(outer, ", ") + ` FROM (SELECT ` + strings.Join(inner, ", ") +
		`, count(*) OVER (PARTITION BY ` + equal + `) AS n, dense_rank() OVER (ORDER BY ` + equal + `) AS rank FROM ` + p.table() +
		condition + `) AS d WHERE d.n > 1 ORDER BY d.rank`
}

func prefixed(alias string, columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = alias + "." + quote(c)
	}
	return out
}

// binaryRows yields the rows of a query in their binary form, valid until the next.
func binaryRows(ctx context.Context, db DB, query, what, table string) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		rows, err := db.Query(ctx, query, pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.BinaryFormatCode})
		if err != nil {
			yield(nil, classify(err, what, table))
			return
		}
		defer rows.Close()
		for rows.Next() {
			if !yield(rows.RawValues(), nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, classify(err, what, table))
		}
	}
}
