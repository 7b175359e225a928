package target

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// A rule is one of the things that decide what becomes of a row: of a table or, for functions, of nobody's.
type rule struct {
	Table, Kind, Name, Definition string
}

// Laws returns a hash of all that decides what becomes of rows of the tables and can be changed beside them: columns, constraints, indexes,
// triggers, rules, the types' own constraints and labels, and the functions of the database that no extension has brought, as any of
// them may be called. A part that is off for the load counts as if it were on. Privileges and other tables' rows are not in it.
func Laws(ctx context.Context, db DB, tables []string, off []Part) (string, error) {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return "", err
	}
	const tree = `
		WITH RECURSIVE fed(oid) AS (
			SELECT unnest($1::oid[])
			UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN fed ON i.inhparent = fed.oid
		), named AS (
			SELECT c.oid, n.nspname || '.' || c.relname AS name FROM fed JOIN pg_class AS c USING (oid) JOIN pg_namespace AS n ON n.oid = c.relnamespace
		)`
	const onTables = tree + `
		SELECT t.name, 'column', a.attname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attcollation::text, a.attnotnull::text,
			a.attgenerated, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
		FROM named AS t JOIN pg_attribute AS a ON a.attrelid = t.oid LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT t.name, CASE con.contype WHEN 'f' THEN 'foreign_key' ELSE 'constraint' END, con.conname::text, pg_get_constraintdef(con.oid)
		FROM named AS t JOIN pg_constraint AS con ON con.conrelid = t.oid
		WHERE con.contype IN ('c', 'p', 'x', 'f') AND (con.contype <> 'f' OR con.conparentid = 0)
		UNION ALL
		SELECT t.name, 'index', c.relname::text, pg_get_indexdef(i.indexrelid)
		FROM named AS t JOIN pg_index AS i ON i.indrelid = t.oid JOIN pg_class AS c ON c.oid = i.indexrelid
		UNION ALL
		SELECT t.name, 'trigger', g.tgname::text, g.tgenabled::text || pg_get_triggerdef(g.oid)
		FROM named AS t JOIN pg_trigger AS g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
		UNION ALL
		SELECT t.name, 'rule', w.rulename::text, w.ev_enabled::text || pg_get_ruledef(w.oid)
		FROM named AS t JOIN pg_rewrite AS w ON w.ev_class = t.oid`
	const onTypes = tree + `
		, used AS (SELECT DISTINCT coalesce(nullif(y.typelem, 0), y.oid) AS oid
			FROM named AS t JOIN pg_attribute AS a ON a.attrelid = t.oid JOIN pg_type AS y ON y.oid = a.atttypid WHERE a.attnum > 0)
		SELECT '', 'label', format_type(e.enumtypid, NULL), string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
		FROM used JOIN pg_enum AS e ON e.enumtypid = used.oid GROUP BY e.enumtypid
		UNION ALL
		SELECT '', 'domain', format_type(con.contypid, NULL) || '.' || con.conname, pg_get_constraintdef(con.oid)
		FROM used JOIN pg_constraint AS con ON con.contypid = used.oid
		UNION ALL
		SELECT '', 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid)
		FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
		WHERE p.prokind IN ('f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rehome') AND n.nspname !~ '^pg_'
			AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`
	var rules []rule
	for _, query := range []string{onTables, onTypes} {
		some, err := collect[rule](ctx, db, query, oids(relations))
		if err != nil {
			return "", classify(err, "read what decides about rows of the fed tables", "")
		}
		rules = append(rules, some...)
	}
	return hashed(withParts(rules, off)), nil
}

// withParts adds the parts that do not stand, as they would be read if they did.
func withParts(rules []rule, off []Part) []rule {
	for i := range rules {
		rules[i].Definition = bare(rules[i].Definition)
	}
	for _, p := range off {
		kind := "index"
		if p.Kind == ForeignKey {
			kind = string(ForeignKey)
		}
		there := func(r rule) bool { return r.Table == p.Table && r.Kind == kind && r.Name == p.Name }
		if !slices.ContainsFunc(rules, there) {
			rules = append(rules, rule{p.Table, kind, p.Name, bare(p.Definition)})
		}
	}
	return rules
}

func hashed(rules []rule) string {
	lines := make([]string, len(rules))
	for i, r := range rules {
		line, _ := json.Marshal(r) // four strings
		lines[i] = string(line)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
