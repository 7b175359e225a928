package target

import "context"

// A foreignKey is a Part with the OID of its constraint.
type foreignKey struct {
	OID  uint32
	Part Part
}

// foreignKeys reads the enforced foreign keys between the given tables.
func foreignKeys(ctx context.Context, db DB, relations []relation) ([]foreignKey, error) {
	const query = `
		SELECT con.oid, n.nspname || '.' || c.relname, n.nspname::text, con.conname::text, pg_get_constraintdef(con.oid),
			con.convalidated, c.relkind = 'p', con.confmatchtype = 'f', rn.nspname || '.' || rc.relname, rn.nspname::text,
			array_agg(a.attname::text ORDER BY k.ord), array_agg(ra.attname::text ORDER BY k.ord),
			-- A cast between text and varchar(n) would cut the value, and their bytes are the same.
			array_agg(CASE WHEN (a.atttypid, a.atttypmod) = (ra.atttypid, ra.atttypmod)
				OR a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND ra.atttypid IN ('text'::regtype, 'varchar'::regtype) THEN ''
				ELSE format_type(ra.atttypid, ra.atttypmod) END ORDER BY k.ord),
			array_agg(format('OPERATOR(%I.%s)', opn.nspname, o.oprname) ORDER BY k.ord),
			array_remove(ARRAY[(SELECT format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', con.conname, n.nspname, c.relname, d.description)
				FROM pg_description AS d WHERE d.objoid = con.oid AND d.classoid = 'pg_constraint'::regclass)], NULL)
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_class AS rc ON rc.oid = con.confrelid JOIN pg_namespace AS rn ON rn.oid = rc.relnamespace
		CROSS JOIN LATERAL unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(attnum, refnum, op, ord)
		JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
		JOIN pg_attribute AS ra ON ra.attrelid = con.confrelid AND ra.attnum = k.refnum
		JOIN pg_operator AS o ON o.oid = k.op JOIN pg_namespace AS opn ON opn.oid = o.oprnamespace
		WHERE con.contype = 'f' AND con.conrelid = ANY ($1) AND con.confrelid = ANY ($1) AND con.conparentid = 0
			AND coalesce((to_jsonb(con) ->> 'conenforced')::bool, true)    -- PostgreSQL 18
			AND NOT coalesce((to_jsonb(con) ->> 'conperiod')::bool, false) -- PostgreSQL 18: a range that must be covered
		GROUP BY con.oid, n.nspname, c.relname, c.relkind, rn.nspname, rc.relname
		ORDER BY n.nspname, c.relname, con.conname`
	type row struct {
		OID                                       uint32
		Table, Schema, Name, Definition           string
		Valid, Partitioned, Full                  bool
		References, RefSchema                     string
		Columns, RefColumns, RefTypes, Ops, After []string
	}
	rows, err := collect[row](ctx, db, query, oids(relations))
	if err != nil {
		return nil, classify(err, "read the foreign keys between the fed tables", "")
	}
	keys := make([]foreignKey, len(rows))
	for i, r := range rows {
		keys[i] = foreignKey{r.OID, Part{
			Table: r.Table, Schema: r.Schema, Name: r.Name, Kind: ForeignKey, Constraint: true, Definition: r.Definition,
			Whole: r.Valid, AtOnce: r.Partitioned, After: r.After, Columns: r.Columns, References: r.References,
			RefSchema: r.RefSchema, RefColumns: r.RefColumns, RefTypes: r.RefTypes, Operators: r.Ops, Full: r.Full,
		}}
	}
	return keys, nil
}

// indexes reads the indexes that can come off when the given foreign keys do.
func indexes(ctx context.Context, db DB, relations []relation, without []uint32) ([]Part, error) {
	const query = `
		SELECT n.nspname || '.' || c.relname, n.nspname::text, ic.relname::text, i.indisunique, con.oid IS NOT NULL,
			pg_get_indexdef(i.indexrelid), coalesce(s.spcname::text, ''),
			concat_ws(' ', CASE WHEN con.condeferrable THEN 'DEFERRABLE' END, CASE WHEN con.condeferred THEN 'INITIALLY DEFERRED' END),
			ARRAY(SELECT format('(%s)', pg_get_indexdef(i.indexrelid, k.ord::int, false))
				|| coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation AS co
					JOIN pg_namespace AS cn ON cn.oid = co.collnamespace WHERE co.oid = k.coll), '')
				FROM unnest(i.indcollation::oid[]) WITH ORDINALITY AS k(coll, ord) ORDER BY k.ord),
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
			ARRAY(SELECT format('COMMENT ON INDEX %I.%I IS %L', n.nspname, ic.relname, d.description) FROM pg_description AS d
				WHERE d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0)
			|| ARRAY(SELECT format('COMMENT ON CONSTRAINT %I ON %I.%I IS %L', con.conname, n.nspname, c.relname, d.description)
				FROM pg_description AS d WHERE d.objoid = con.oid AND d.classoid = 'pg_constraint'::regclass)
			|| ARRAY(SELECT format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', n.nspname, ic.relname, a.attnum, a.attstattarget)
				FROM pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0 ORDER BY a.attnum)
			|| ARRAY(SELECT format('ALTER TABLE %I.%I CLUSTER ON %I', n.nspname, c.relname, ic.relname) WHERE i.indisclustered)
		FROM pg_index AS i
		JOIN pg_class AS ic ON ic.oid = i.indexrelid
		JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_tablespace AS s ON s.oid = ic.reltablespace
		LEFT JOIN pg_constraint AS con ON con.conindid = i.indexrelid AND con.conrelid = i.indrelid AND con.contype IN ('p', 'u', 'x')
		WHERE i.indrelid = ANY ($1) AND c.relkind = 'r' AND NOT c.relispartition
			AND i.indisvalid AND i.indisready AND NOT i.indisprimary AND NOT i.indisreplident AND NOT i.indisexclusion
			AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhparent = c.oid OR h.inhrelid = c.oid)
			-- Another foreign key than those that come off refers to it.
			AND NOT EXISTS (SELECT FROM pg_constraint AS f
				WHERE f.contype = 'f' AND f.conindid = i.indexrelid AND f.oid <> ALL ($2))
			-- An extension needs it, which no definition says.
			AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.deptype IN ('e', 'x'))
			-- What is equal to another operator class than the type's own is not what GROUP BY finds.
			AND (NOT i.indisunique OR NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) AS k(oid) JOIN pg_opclass AS oc USING (oid)
				WHERE NOT oc.opcdefault AND oc.opcname NOT LIKE '%\_pattern\_ops'))
		ORDER BY n.nspname, c.relname, ic.relname`
	type row struct {
		Table, Schema, Name                string
		Unique, Constraint                 bool
		Definition, Tablespace, Attributes string
		Keys                               []string
		Predicate                          string
		NullsEqual                         bool
		After                              []string
	}
	rows, err := collect[row](ctx, db, query, oids(relations), append([]uint32{}, without...))
	if err != nil {
		return nil, classify(err, "read the indexes of the fed tables", "")
	}
	parts := make([]Part, len(rows))
	for i, r := range rows {
		parts[i] = Part{
			Table: r.Table, Schema: r.Schema, Name: r.Name, Kind: Index, Constraint: r.Constraint, Definition: r.Definition,
			Whole: true, Attributes: r.Attributes, Tablespace: r.Tablespace, After: r.After,
		}
		if r.Unique {
			parts[i].Kind, parts[i].Keys, parts[i].Predicate, parts[i].NullsEqual = Unique, r.Keys, r.Predicate, r.NullsEqual
		}
	}
	return parts, nil
}
