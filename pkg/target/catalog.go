package target

import (
	"context"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// A reading gathers the parts of the catalog; each part adds to tables by their OID.
type reading struct {
	db     DB
	tables map[uint32]*mapping.TargetTable
	order  []uint32
}

// Catalog returns all tables, views and foreign tables outside pg_catalog, information_schema and rehome, by name.
func Catalog(ctx context.Context, db DB) (*mapping.TargetCatalog, error) {
	var version string
	if err := db.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&version); err != nil {
		return nil, classify(err, "ask for the target's version", "")
	}
	version, _, _ = strings.Cut(version, " ")
	r := &reading{db: db, tables: map[uint32]*mapping.TargetTable{}}
	for _, part := range []func(context.Context) error{r.readTables, r.readColumns, r.readUniques, r.readForeignKeys, r.readTriggers, r.readRules} {
		if err := part(ctx); err != nil {
			return nil, classify(err, "read the target's catalog", "")
		}
	}
	catalog := &mapping.TargetCatalog{Server: "PostgreSQL " + version}
	for _, oid := range r.order {
		catalog.Tables = append(catalog.Tables, *r.tables[oid])
	}
	return catalog, nil
}

func (r *reading) readTables(ctx context.Context) error {
	const query = `
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relrowsecurity
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
			AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rehome') AND n.nspname NOT LIKE 'pg\_toast%'
		ORDER BY n.nspname, c.relname`
	type row struct {
		OID                uint32
		Schema, Name, Kind string
		RowSecurity        bool
	}
	rows, err := collect[row](ctx, r.db, query)
	for _, t := range rows {
		r.tables[t.OID] = &mapping.TargetTable{Schema: t.Schema, Name: t.Name, Kind: t.Kind[0], RowSecurity: t.RowSecurity}
		r.order = append(r.order, t.OID)
	}
	return err
}

// readColumns resolves domains to their base type, those in arrays too. Whether a default is volatile stands in its expression's tree: functions that come
// with the server leave no trace in pg_depend.
func (r *reading) readColumns(ctx context.Context) error {
	const query = `
		WITH RECURSIVE base(domain, typ, typmod, required) AS (
			SELECT oid, oid, -1, false FROM pg_type
			UNION ALL
			SELECT b.domain, t.typbasetype, t.typtypmod, b.required OR t.typnotnull
			FROM base AS b JOIN pg_type AS t ON t.oid = b.typ WHERE t.typtype = 'd'
		)
		SELECT a.attrelid, a.attname::text, t.oid, format_type(t.oid, NULL), t.typtype::text,
			CASE WHEN b.domain = b.typ THEN a.atttypmod ELSE b.typmod END,
			ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = coalesce(m.typ, t.oid) ORDER BY e.enumsortorder),
			coalesce(m.member, 0), coalesce(format_type(m.typ, NULL), ''), coalesce(m.kind, ''),
			CASE WHEN m.member = m.typ THEN CASE WHEN b.domain = b.typ THEN a.atttypmod ELSE b.typmod END ELSE coalesce(m.typmod, -1) END,
			a.attnotnull OR b.required, a.attidentity::text, a.attgenerated <> '',
			CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END,
			a.attgenerated = '' AND d.adbin IS NOT NULL AND (
				d.adbin::text LIKE '%{SQLVALUEFUNCTION %' OR d.adbin::text LIKE '%{NEXTVALUEEXPR %'
				OR EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') AS f(id)
					JOIN pg_proc AS p ON p.oid = f.id[1]::oid WHERE p.provolatile <> 'i'))
		FROM pg_attribute AS a
		JOIN base AS b ON b.domain = a.atttypid
		JOIN pg_type AS t ON t.oid = b.typ AND t.typtype <> 'd'
		LEFT JOIN LATERAL (
			SELECT n.domain AS member, n.typ, n.typmod, u.typtype::text AS kind
			FROM pg_type AS l JOIN base AS n ON n.domain = l.oid JOIN pg_type AS u ON u.oid = n.typ AND u.typtype <> 'd'
			WHERE l.oid = t.typelem AND l.typarray = t.oid
		) AS m ON true
		LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = ANY ($1) AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY a.attrelid, a.attnum`
	type row struct {
		Table      uint32
		Name       string
		OID        uint32
		Type, Kind string
		Typmod     int32
		Labels     []string
		Element    uint32
		Of, OfKind string
		OfTypmod   int32
		NotNull    bool
		Identity   string
		Generated  bool
		Default    string
		Volatile   bool
	}
	rows, err := collect[row](ctx, r.db, query, r.order)
	for _, c := range rows {
		column := mapping.TargetColumn{
			Name:    c.Name,
			Type:    value.TargetType{OID: c.OID, Name: c.Type, Kind: c.Kind[0], Typmod: c.Typmod, Labels: c.Labels},
			NotNull: c.NotNull, Default: c.Default, Volatile: c.Volatile, Generated: c.Generated,
		}
		if c.Element != 0 {
			column.Type.Element = &value.TargetType{OID: c.Element, Name: c.Of, Kind: c.OfKind[0], Typmod: c.OfTypmod, Labels: c.Labels}
			column.Type.Labels = []string{}
		}
		if c.Identity != "" {
			column.Identity = c.Identity[0]
		}
		r.tables[c.Table].Columns = append(r.tables[c.Table].Columns, column)
	}
	return err
}
