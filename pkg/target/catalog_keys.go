package target

import (
	"context"

	"rehome/pkg/mapping"
)

func (r *reading) readUniques(ctx context.Context) error {
	const query = `
		SELECT i.indrelid, c.relname::text, i.indisprimary, i.indpred IS NOT NULL,
			CASE WHEN 0 = ANY (i.indkey::int2[]) THEN '{}' ELSE ARRAY(
				SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
				JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
				WHERE k.ord <= i.indnkeyatts ORDER BY k.ord) END
		FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
		LEFT JOIN pg_constraint AS con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u')
		WHERE i.indrelid = ANY ($1) AND i.indisunique AND i.indisvalid
		ORDER BY i.indrelid, i.indisprimary DESC, con.oid IS NULL, c.relname`
	type row struct {
		Table            uint32
		Name             string
		Primary, Partial bool
		Columns          []string
	}
	rows, err := collect[row](ctx, r.db, query, r.order)
	for _, u := range rows {
		t := r.tables[u.Table]
		t.Uniques = append(t.Uniques, mapping.Unique{Name: u.Name, Columns: u.Columns, Primary: u.Primary, Partial: u.Partial})
	}
	return err
}

func (r *reading) readForeignKeys(ctx context.Context) error {
	const query = `
		SELECT con.conrelid, con.conname::text, n.nspname || '.' || c.relname,
			ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY AS k(attnum, ord)
				JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum ORDER BY k.ord),
			ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY AS k(attnum, ord)
				JOIN pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = k.attnum ORDER BY k.ord)
		FROM pg_constraint AS con
		JOIN pg_class AS c ON c.oid = con.confrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE con.contype = 'f' AND con.conrelid = ANY ($1) AND (con.conparentid = 0 OR
			-- A partition's copy of its parent's key, not the copies of one key for each partition that it refers to.
			con.conrelid <> (SELECT p.conrelid FROM pg_constraint AS p WHERE p.oid = con.conparentid))
		ORDER BY con.conrelid, con.conname`
	type row struct {
		Table            uint32
		Name, References string
		Columns, Targets []string
	}
	rows, err := collect[row](ctx, r.db, query, r.order)
	for _, k := range rows {
		t := r.tables[k.Table]
		t.ForeignKeys = append(t.ForeignKeys, mapping.ForeignKey{Name: k.Name, Columns: k.Columns, References: k.References, Targets: k.Targets})
	}
	return err
}

// readTriggers lists what a COPY would fire; tgtype's bits are 1 row, 2 before, 4 insert, 64 instead of.
func (r *reading) readTriggers(ctx context.Context) error {
	const query = `
		SELECT t.tgrelid, t.tgname::text, concat_ws(' ',
			CASE WHEN t.tgtype & 64 <> 0 THEN 'INSTEAD OF' WHEN t.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END, 'INSERT FOR EACH',
			CASE WHEN t.tgtype & 1 <> 0 THEN 'ROW' ELSE 'STATEMENT' END, CASE WHEN t.tginitdeferred THEN 'DEFERRED' END)
		FROM pg_trigger AS t
		WHERE t.tgrelid = ANY ($1) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 4 <> 0
		ORDER BY t.tgrelid, t.tgname`
	type row struct {
		Table       uint32
		Name, Event string
	}
	rows, err := collect[row](ctx, r.db, query, r.order)
	for _, g := range rows {
		t := r.tables[g.Table]
		t.Triggers = append(t.Triggers, mapping.Trigger{Name: g.Name, Event: g.Event})
	}
	return err
}

func (r *reading) readRules(ctx context.Context) error {
	const query = `
		SELECT w.ev_class, w.rulename::text FROM pg_rewrite AS w
		WHERE w.ev_class = ANY ($1) AND w.rulename <> '_RETURN' AND w.ev_enabled IN ('O', 'A')
		ORDER BY w.ev_class, w.rulename`
	type row struct {
		Table uint32
		Name  string
	}
	rows, err := collect[row](ctx, r.db, query, r.order)
	for _, w := range rows {
		t := r.tables[w.Table]
		t.Rules = append(t.Rules, w.Name)
	}
	return err
}
