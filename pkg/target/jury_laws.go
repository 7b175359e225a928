package target

import (
	"context"
	"slices"
)

// readLaws returns what may refuse rows of the table: CHECK and exclusion constraints and foreign keys to tables that are not fed, in the
// order in which the server heeds them, and then the unique constraints and indexes.
func readLaws(ctx context.Context, db DB, r relation, fed []string) ([]law, error) {
	const constraints = `
		SELECT con.conname::text, con.contype::text,
			ARRAY(SELECT a.attname::text FROM unnest(con.conkey) AS k(attnum)
				JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum),
			CASE con.contype WHEN 'c' THEN pg_get_expr(con.conbin, con.conrelid)
				WHEN 'f' THEN (SELECT format('num_nulls(%s) > 0 OR EXISTS (SELECT FROM %I.%I AS rehome_r WHERE %s)',
					string_agg(format('%I.%I', c.relname, a.attname), ', ' ORDER BY k.ord), rn.nspname, rc.relname,
					string_agg(format('rehome_r.%I OPERATOR(%I.%s) %I.%I', ra.attname, opn.nspname, o.oprname, c.relname, a.attname), ' AND ' ORDER BY k.ord))
					FROM unnest(con.conkey, con.confkey, con.conpfeqop) WITH ORDINALITY AS k(attnum, refnum, op, ord)
					JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
					JOIN pg_attribute AS ra ON ra.attrelid = con.confrelid AND ra.attnum = k.refnum
					JOIN pg_operator AS o ON o.oid = k.op JOIN pg_namespace AS opn ON opn.oid = o.oprnamespace)
				ELSE '' END,
			'{}'::text[], false
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.conrelid
		LEFT JOIN pg_class AS rc ON rc.oid = con.confrelid LEFT JOIN pg_namespace AS rn ON rn.oid = rc.relnamespace
		WHERE con.conrelid = $1 AND con.contype IN ('c', 'f', 'x')
			AND coalesce((to_jsonb(con) ->> 'conenforced')::bool, true)
			-- Whether a row of a fed table is there is asked of the legacy database.
			AND (con.contype <> 'f' OR rn.nspname || '.' || rc.relname <> ALL ($2))
		ORDER BY con.contype = 'f', con.contype, con.conname`
	// A domain's own constraints are heeded when a value of it is read.
	const domains = `
		SELECT 'domain of ' || a.attname, 'd', ARRAY[a.attname::text], 'true', '{}'::text[], false
		FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'd' AND a.attgenerated = ''
		ORDER BY a.attnum`
	const indexes = `
		SELECT ic.relname::text, 'u',
			ARRAY(SELECT DISTINCT a.attname::text FROM pg_attribute AS a
				WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND (a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
					OR EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
						AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum))),
			coalesce(pg_get_expr(i.indpred, i.indrelid), ''),
			ARRAY(SELECT format('(%s)', pg_get_indexdef(i.indexrelid, k.ord::int, false))
				|| coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, co.collname) FROM pg_collation AS co
					JOIN pg_namespace AS cn ON cn.oid = co.collnamespace WHERE co.oid = k.coll), '')
				FROM unnest(i.indcollation::oid[]) WITH ORDINALITY AS k(coll, ord) WHERE k.ord <= i.indnkeyatts ORDER BY k.ord),
			coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)
		FROM pg_index AS i JOIN pg_class AS ic ON ic.oid = i.indexrelid
		WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid
		ORDER BY ic.relname`
	laws, err := collect[law](ctx, db, constraints, r.OID, fed)
	if err != nil {
		return nil, classify(err, "read the constraints of "+r.full(), r.full())
	}
	typed, err := collect[law](ctx, db, domains, r.OID)
	if err != nil {
		return nil, classify(err, "read the domains of "+r.full(), r.full())
	}
	unique, err := collect[law](ctx, db, indexes, r.OID)
	if err != nil {
		return nil, classify(err, "read the unique indexes of "+r.full(), r.full())
	}
	return slices.Concat(laws, typed, unique), nil
}
