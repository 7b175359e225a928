package target

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A Jury judges rows of one entry that its table does not hold, by the table's CHECK constraints, by foreign keys to tables that nobody
// feeds, and by unique constraints and indexes of which only the server knows what is equal. It stores nothing. It is not safe for
// concurrent use.
type Jury struct {
	Uniques    []string            // that it makes keys for
	NullsEqual []string            // unique constraints and indexes of the table under which two NULLs collide
	Concerned  map[string][]string // the columns at which each constraint and unique index looks, by its name
	Unjudged   []string            // what it cannot judge, as "constraint NAME (why)"

	conn    *pgx.Conn
	table   string
	causes  []string // of the conditions
	columns []int    // positions in the entry's columns that the query needs
	arrays  []uint32
	types   []uint32
	query   string
}

// A law is a constraint or a unique index, as the catalog has it.
type law struct {
	Name, Kind string   // Kind is c check, u unique, f foreign key, x exclusion, d domain
	Columns    []string // of the table, that it looks at
	Condition  string   // SQL over the row: not true of rows that are refused, or, of a unique index, true of those that it holds
	Keys       []string // SQL of the parts of a unique index
	NullsEqual bool
}

// NewJury returns what judges rows of the entry over the session: by all CHECK constraints, and by the unique constraints and indexes that
// are named. A foreign key to a table in fed is not judged, its rows are not there yet. The session stays the caller's.
func NewJury(ctx context.Context, conn *pgx.Conn, e *mapping.RowPlan, uniques, fed []string) (*Jury, error) {
	relations, err := resolve(ctx, conn, []string{e.Into})
	if err != nil {
		return nil, err
	}
	laws, err := readLaws(ctx, conn, relations[0], fed)
	if err != nil {
		return nil, err
	}
	const hashes = `SELECT to_regprocedure('pg_catalog.hash_record_extended(record,bigint)') IS NOT NULL`
	var hashed bool // since PostgreSQL 14
	if err := conn.QueryRow(ctx, hashes).Scan(&hashed); err != nil {
		return nil, classify(err, "ask what the target can hash", e.Into)
	}
	j := &Jury{conn: conn, table: e.Into, Concerned: map[string][]string{}}
	var fields []string
	for _, l := range laws {
		j.Concerned[l.Name] = l.Columns
		if l.NullsEqual {
			j.NullsEqual = append(j.NullsEqual, l.Name)
		}
		if l.Kind == "u" && !slices.Contains(uniques, l.Name) {
			continue
		}
		if l.Kind == "u" && !hashed {
			j.Unjudged = append(j.Unjudged, fmt.Sprintf("unique %s (PostgreSQL before 14 has no hash of a record)", l.Name))
			continue
		}
		if why := j.unable(e, l); why != "" {
			if l.Kind == "d" {
				continue // nothing is fed, and a default is not judged
			}
			j.Unjudged = append(j.Unjudged, fmt.Sprintf("constraint %s (%s)", l.Name, why))
			continue
		}
		if l.Kind == "u" {
			j.Uniques = append(j.Uniques, l.Name)
			fields = append(fields, l.key()...)
			continue
		}
		j.causes = append(j.causes, map[string]string{"c": "check:", "f": "foreign_key:"}[l.Kind]+e.Into+"."+l.Name)
		fields = append(fields, "CASE WHEN ("+l.Condition+") IS FALSE THEN true END")
	}
	return j, j.prepare(ctx, relations[0], e, fields)
}

// Any reports whether there is something to judge by.
func (j *Jury) Any() bool { return len(j.causes)+len(j.Uniques) > 0 }

// unable says why a law cannot be judged by the entry's columns, empty if it can; its columns are needed then.
func (j *Jury) unable(e *mapping.RowPlan, l law) string {
	if l.Kind == "x" {
		return "an exclusion constraint"
	}
	var at []int
	for _, name := range l.Columns {
		i := slices.IndexFunc(e.Columns, func(c mapping.FedColumn) bool { return c.Name == name })
		if i < 0 {
			return "it looks at " + name + ", which the mapping does not feed"
		}
		at = append(at, i)
	}
	for _, i := range at {
		if !slices.Contains(j.columns, i) {
			j.columns = append(j.columns, i)
		}
	}
	return ""
}

// key is the SQL of two halves of a hash that is equal for rows that collide, NULL for a row that cannot. The server's own hash of a record
// knows what its types and collations take for equal.
func (l law) key() []string {
	row := "ROW(" + strings.Join(l.Keys, ", ") + ")"
	var when []string
	if l.Condition != "" {
		when = append(when, "("+l.Condition+")")
	}
	if !l.NullsEqual {
		when = append(when, "num_nulls("+strings.Join(l.Keys, ", ")+") = 0")
	}
	if when == nil {
		when = []string{"true"}
	}
	half := func(seed string) string {
		return "CASE WHEN " + strings.Join(when, " AND ") + " THEN hash_record_extended(" + row + ", " + seed + ") END"
	}
	return []string{half("1"), half("7919")}
}

// prepare makes the query: the columns come as arrays, and stand under their names in a row that is the table's as far as they go.
func (j *Jury) prepare(ctx context.Context, r relation, e *mapping.RowPlan, fields []string) error {
	if !j.Any() {
		return nil
	}
	const query = `
		SELECT a.attname::text, a.atttypid, t.typarray, format('%s', a.atttypid::regtype)
		FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`
	type column struct {
		Name        string
		Type, Array uint32
		Spelled     string
	}
	all, err := collect[column](ctx, j.conn, query, r.OID)
	if err != nil {
		return classify(err, "look up the columns of "+j.table, j.table)
	}
	var params, names []string
	for i, at := range j.columns {
		k := slices.IndexFunc(all, func(c column) bool { return c.Name == e.Columns[at].Name })
		if k < 0 || all[k].Array == 0 {
			return shard.Failf(shard.Schema, "judge rows of %s: column %s is not what it was, or has a type without arrays; run check again", j.table, e.Columns[at].Name)
		}
		j.types, j.arrays = append(j.types, all[k].Type), append(j.arrays, all[k].Array)
		params, names = append(params, fmt.Sprintf("$%d", i+1)), append(names, quote(all[k].Name))
	}
	name := quote(r.Name)
	j.query = fmt.Sprintf("SELECT %s FROM unnest(%s) WITH ORDINALITY AS %s(%s, rehome_ord) ORDER BY %s.rehome_ord",
		strings.Join(fields, ", "), strings.Join(params, ", "), name, strings.Join(names, ", "), name)
	return nil
}

// Hear judges tuples in binary COPY form, one after the other, the ith of which ends at ends[i]. For each, in their order, it hands yield the
// cause of the first constraint that refuses it, empty for none, and for each of Uniques bytes that are equal for rows that collide, nil
// for a row that cannot; they are valid until yield returns. A row of which a constraint cannot be evaluated is refused by that.
func (j *Jury) Hear(ctx context.Context, tuples []byte, ends []int, yield func(i int, cause string, keys [][]byte) error) error {
	rows := make([][]byte, len(ends))
	start := 0
	for i, end := range ends {
		rows[i], start = tuples[start:end], end
	}
	return j.hear(ctx, rows, 0, yield)
}

func (j *Jury) hear(ctx context.Context, rows [][]byte, first int, yield func(int, string, [][]byte) error) error {
	params, err := j.params(rows)
	if err != nil {
		return err
	}
	result := j.conn.PgConn().ExecParams(ctx, j.query, params, j.arrays, binaryFormats(len(params)), []int16{1}).Read()
	err = classify(result.Err, "judge rows of "+j.table, j.table)
	if kind, cause := shard.KindOf(err); err != nil && kind == shard.Data {
		if len(rows) == 1 {
			return yield(first, cause, make([][]byte, len(j.Uniques)))
		}
		middle := len(rows) / 2
		if err := j.hear(ctx, rows[:middle], first, yield); err != nil {
			return err
		}
		return j.hear(ctx, rows[middle:], first+middle, yield)
	}
	if err != nil {
		return err
	}
	for i, row := range result.Rows {
		cause, keys := j.verdict(row)
		if err := yield(first+i, cause, keys); err != nil {
			return err
		}
	}
	return nil
}

func binaryFormats(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// params spells the needed columns of the rows as arrays.
func (j *Jury) params(rows [][]byte) ([][]byte, error) {
	fields := make([][][]byte, len(j.columns))
	for _, row := range rows {
		if len(row) < 2 {
			return nil, errKeyShape
		}
		all, rest := make([][]byte, 0, binary.BigEndian.Uint16(row)), row[2:]
		for len(rest) > 0 {
			field, after, err := cutField(rest)
			if err != nil {
				return nil, err
			}
			all, rest = append(all, field), after
		}
		for i, at := range j.columns {
			fields[i] = append(fields[i], all[at])
		}
	}
	params := make([][]byte, len(j.columns))
	for i := range params {
		params[i] = arrayOf(j.types[i], fields[i])
	}
	return params, nil
}

// verdict reads a row of the query. Its fields stand in the order of the laws: conditions and keys mixed.
func (j *Jury) verdict(row [][]byte) (cause string, keys [][]byte) {
	for i, c := range j.causes {
		if row[i] != nil {
			cause = c
			break
		}
	}
	for i := range j.Uniques {
		high, low := row[len(j.causes)+2*i], row[len(j.causes)+2*i+1]
		if high == nil {
			keys = append(keys, nil)
			continue
		}
		keys = append(keys, slices.Concat(high, low))
	}
	return cause, keys
}
