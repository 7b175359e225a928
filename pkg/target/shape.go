package target

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A shape is how the rows of a table are addressed: the columns that are read, and its key with the operators of the index that
// finds it. A bare = is looked up in search_path, and would compare a citext as text, past its index.
type shape struct {
	relation
	columns []string // quoted
	keys    []keyColumn
	at      []int // positions of the key in columns; nil where it is read apart from them
	paged   bool  // the rows that a COPY has added can be found by their pages
}

type keyColumn struct {
	Name     string
	Type     uint32 // of the column, and of arrays of it
	Array    uint32
	Operator string // OPERATOR(schema.=)
}

func (t *Tx) shape(ctx context.Context, e *mapping.RowPlan) (*shape, error) {
	if s := t.shapes[e]; s != nil {
		return s, nil
	}
	columns, keys := make([]string, len(e.Columns)), make([]string, len(e.KeyColumns))
	for i, c := range e.Columns {
		columns[i] = c.Name
	}
	for i, c := range e.KeyColumns {
		keys[i] = columns[c]
	}
	s, err := readShape(ctx, t.conn, e.Into, columns, keys)
	if err != nil {
		return nil, err
	}
	s.at = e.KeyColumns
	t.shapes[e] = s
	return s, nil
}

func readShape(ctx context.Context, db DB, table string, columns, keys []string) (*shape, error) {
	relations, err := resolve(ctx, db, []string{table})
	if err != nil {
		return nil, err
	}
	s := &shape{relation: relations[0]}
	for _, c := range columns {
		s.columns = append(s.columns, quote(c))
	}
	if s.keys, err = readKey(ctx, db, s.relation, keys); err != nil {
		return nil, err
	}
	const hasTIDRangeScan = `SELECT current_setting('server_version_num')::int >= 140000`
	if err := db.QueryRow(ctx, hasTIDRangeScan).Scan(&s.paged); err != nil {
		return nil, classify(err, "ask for the server's version", table)
	}
	s.paged = s.paged && s.Kind == "r"
	return s, nil
}

// readKey looks the key's columns up in a unique index that consists of just them.
func readKey(ctx context.Context, db DB, r relation, names []string) ([]keyColumn, error) {
	const query = `
		SELECT DISTINCT ON (a.attname) a.attname::text, a.atttypid, t.typarray,
			format('OPERATOR(%I.%s)', n.nspname, o.oprname)
		FROM pg_index AS i
		JOIN unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k(attnum, opclass, ord) ON k.ord <= i.indnkeyatts
		JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		JOIN pg_type AS t ON t.oid = a.atttypid
		JOIN pg_opclass AS c ON c.oid = k.opclass
		JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3
			AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
		JOIN pg_operator AS o ON o.oid = m.amopopr
		JOIN pg_namespace AS n ON n.oid = o.oprnamespace
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = cardinality($2::text[])
			AND (SELECT array_agg(b.attname::text) FROM pg_attribute AS b
				WHERE b.attrelid = i.indrelid AND b.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) @> $2::text[]
		ORDER BY a.attname, i.indisprimary DESC, i.indexrelid`
	found, err := collect[keyColumn](ctx, db, query, r.OID, names)
	if err != nil {
		return nil, classify(err, "look up the key of "+r.full(), r.full())
	}
	keys := make([]keyColumn, 0, len(names))
	for _, name := range names {
		at := slices.IndexFunc(found, func(k keyColumn) bool { return k.Name == name })
		if at < 0 || found[at].Array == 0 {
			return nil, shard.Failf(shard.Schema, "find rows of %s by (%s): it has no unique index of just these columns; run check again",
				r.full(), strings.Join(names, ", "))
		}
		keys = append(keys, found[at])
	}
	return keys, nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// list returns the columns that are read.
func (s *shape) list() string { return strings.Join(s.columns, ", ") }

// unnested returns the FROM item k that turns one array parameter for each key column into rows, columns k1, k2 … and ord.
func (s *shape) unnested() string {
	params, names := make([]string, len(s.keys)), make([]string, len(s.keys))
	for i := range s.keys {
		params[i], names[i] = fmt.Sprintf("$%d", i+1), fmt.Sprintf("k%d", i+1)
	}
	return fmt.Sprintf("unnest(%s) WITH ORDINALITY AS k(%s, ord)", strings.Join(params, ", "), strings.Join(names, ", "))
}

// meets returns the condition that row t has the key given by right, a column or parameter for each key column.
func (s *shape) meets(right string) string {
	terms := make([]string, len(s.keys))
	for i, k := range s.keys {
		terms[i] = fmt.Sprintf("t.%s %s %s%d", quote(k.Name), k.Operator, right, i+1)
	}
	return strings.Join(terms, " AND ")
}

// arrays returns the keys as parameters for unnested, with their types.
func (s *shape) arrays(keys [][]byte) (params [][]byte, types []uint32, err error) {
	columns, err := columnsOf(keys, len(s.keys))
	if err != nil {
		return nil, nil, fmt.Errorf("spell keys of %s: %w", s.full(), err)
	}
	for i, k := range s.keys {
		params = append(params, arrayOf(k.Type, columns[i]))
		types = append(types, k.Array)
	}
	return params, types, nil
}
