package target

import (
	"context"
	"slices"
	"strings"
)

// A reference is a foreign key that is on, of a compared table or to one.
type reference struct {
	Name                string
	Child, Parent       uint32 // OIDs of the tables
	ChildName           string // schema.table
	ParentName          string
	ChildTable          string // quoted
	ParentTable         string
	Full                bool // MATCH FULL
	OnUpdate            bool // an update of what is referred to changes other rows
	Columns, RefColumns []string
	Operators           []string // by which the referenced column meets the referring one
	Sends               []string // of each of RefColumns: its send form as an expression of %s, the referring column
}

// readReferences reads the foreign keys of the compared tables and to them, those of tables that nobody feeds among them.
func (t *Tx) readReferences(ctx context.Context) error {
	const query = `
		SELECT con.conname::text, con.conrelid, con.confrelid, n.nspname || '.' || c.relname, rn.nspname || '.' || rc.relname,
			format('%I.%I', n.nspname, c.relname), format('%I.%I', rn.nspname, rc.relname),
			con.confmatchtype = 'f', con.confupdtype IN ('c', 'n', 'd'),
			array_agg(a.attname::text ORDER BY k.ord), array_agg(ra.attname::text ORDER BY k.ord),
			array_agg(format('OPERATOR(%I.%s)', opn.nspname, o.oprname) ORDER BY k.ord),
			array_agg(rt.typsend::text || '(' || CASE WHEN a.atttypid = ra.atttypid THEN '%s'
				ELSE 'CAST(%s AS ' || format_type(ra.atttypid, NULL) || ')' END || ')' ORDER BY k.ord)
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_class AS rc ON rc.oid = con.confrelid JOIN pg_namespace AS rn ON rn.oid = rc.relnamespace
		CROSS JOIN LATERAL unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(attnum, refnum, op, ord)
		JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
		JOIN pg_attribute AS ra ON ra.attrelid = con.confrelid AND ra.attnum = k.refnum
		JOIN pg_type AS rt ON rt.oid = ra.atttypid
		JOIN pg_operator AS o ON o.oid = k.op JOIN pg_namespace AS opn ON opn.oid = o.oprnamespace
		WHERE con.contype = 'f' AND (con.conrelid = ANY ($1) OR con.confrelid = ANY ($1)) AND con.conparentid = 0
			AND coalesce((to_jsonb(con) ->> 'conenforced')::bool, true)    -- PostgreSQL 18
			AND NOT coalesce((to_jsonb(con) ->> 'conperiod')::bool, false) -- PostgreSQL 18: a range that must be covered
		GROUP BY con.oid, n.nspname, c.relname, rn.nspname, rc.relname
		ORDER BY n.nspname, c.relname, con.conname`
	tables := []uint32{}
	for _, e := range t.compared {
		if oid := t.grounds[e].OID; !slices.Contains(tables, oid) {
			tables = append(tables, oid)
		}
	}
	var err error
	t.references, err = collect[reference](ctx, t.conn, query, tables)
	return classify(err, "read the foreign keys of the compared tables", "")
}

// meets returns the condition that the referring row child has what it needs in the row parent.
func (r *reference) meets(parent, child string) string {
	terms := []string{}
	for i, c := range r.Columns {
		terms = append(terms, parent+"."+quote(r.RefColumns[i])+" "+r.Operators[i]+" "+child+"."+quote(c))
	}
	return strings.Join(terms, " AND ")
}

// refers returns the condition that the referring row needs another at all.
func (r *reference) refers(child string) string {
	columns := strings.Join(prefixed(child, r.Columns), ", ")
	if r.Full {
		return "num_nonnulls(" + columns + ") > 0"
	}
	return "num_nulls(" + columns + ") = 0"
}

// fedBy reports whether the entry of the ground feeds all of the columns.
func (g *ground) fedBy(columns []string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(g.columns, quote(c)) })
}

// needs returns the key that the referring row needs, each column with its length word, as an expression.
func (r *reference) needs(child string) string {
	terms := []string{}
	for i, c := range r.Columns {
		body := strings.ReplaceAll(r.Sends[i], "%s", child+"."+quote(c))
		terms = append(terms, `coalesce(int4send(octet_length(`+body+`)) || `+body+`, int4send(-1))`)
	}
	return strings.Join(terms, " || ")
}
