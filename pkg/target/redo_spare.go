package target

import (
	"context"
	"slices"

	"rehome/pkg/mapping"
)

// Blocked returns those of the units that have a conflict which is not settled.
func (t *Tx) Blocked(ctx context.Context, units []int32) ([]int32, error) {
	var out []int32
	for _, e := range t.compared {
		g := t.grounds[e]
		found, err := collect[struct{ Unit int32 }](ctx, t.conn, `SELECT DISTINCT rehome_unit FROM `+g.act+
			` WHERE rehome_unit = ANY ($1) AND rehome_conflict IS NOT NULL AND rehome_action NOT IN ('i', 'u', 'd', 'v')`, units)
		if err != nil {
			return nil, classify(err, "look for conflicts of refused units in "+g.full(), g.full())
		}
		for _, f := range found {
			if !slices.Contains(out, f.Unit) {
				out = append(out, f.Unit)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// Spare keeps all that stands of the units.
func (t *Tx) Spare(ctx context.Context, units []int32) error {
	for _, e := range t.compared {
		g := t.grounds[e]
		_, err := t.conn.Exec(ctx, `
			UPDATE `+g.act+` SET rehome_was = NULL, rehome_action = CASE WHEN rehome_conflict IS NULL THEN 'k' ELSE 'c' END::"char"
			 WHERE rehome_unit = ANY ($1) AND rehome_action IN ('d', 'v')`, units)
		if err != nil {
			return classify(err, "keep rows of refused units in "+g.full(), g.full())
		}
	}
	return nil
}

// Strays passes the rows of the entry's table whose column at the position has one of the values (length word and bytes), and whose key is
// neither staged nor based.
func (t *Tx) Strays(ctx context.Context, e *mapping.RowPlan, column int, values [][]byte, row func(key, value []byte) error, page func() error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	what := "look for rows of " + g.full() + " that are not ours"
	var array uint32
	if err := t.conn.QueryRow(ctx, `SELECT typarray FROM pg_type WHERE oid = $1`, e.Columns[column].Type.OID).Scan(&array); err != nil {
		return classify(err, what, g.full())
	}
	const firstOwn = 16384 // of the types that do not come with the server, and whose operators nobody finds by their name alone
	if array == 0 || len(values) == 0 || e.Columns[column].Type.OID >= firstOwn {
		return page()
	}
	name := "t." + quote(e.Columns[column].Name)
	query := `SELECT ` + name
	for _, k := range g.keys {
		query += ", t." + quote(k.Name)
	}
	query += ` FROM ` + g.quoted() + ` AS t WHERE ` + name + ` = ANY ($1) AND NOT EXISTS (SELECT FROM ` + g.act + ` AS a WHERE ` + g.same("a", "t") + `)`
	params, types := [][]byte{arrayOf(e.Columns[column].Type.OID, values)}, []uint32{array}
	return t.pages(ctx, query, params, types, what, g.full(), func(values [][]byte) error {
		return row(appendFields(nil, values[1:]), appendField(nil, values[0]))
	}, page)
}

// Remove deletes those rows of the entry's table that have one of the keys and are not referred to, and passes each.
func (t *Tx) Remove(ctx context.Context, e *mapping.RowPlan, keys [][]byte, yield func(key, tuple []byte) error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	what := "take rows out of " + g.full() + " that are not ours"
	for some := range slices.Chunk(keys, batch) {
		params, types, err := g.arrays(some)
		if err != nil {
			return err
		}
		// The lock comes first, in a statement of its own: who has begun to refer to a row since is seen by the next.
		err = stream(ctx, t.conn.PgConn(), `SELECT FROM `+g.unnested()+` CROSS JOIN LATERAL (SELECT FROM `+g.quoted()+` AS t WHERE `+g.meets("k.k")+
			` FOR UPDATE) AS r`, params, types, what, g.full(), func([][]byte) error { return nil })
		if err != nil {
			return err
		}
		query := `DELETE FROM ` + g.quoted() + ` AS t USING ` + g.unnested() + ` WHERE ` + g.meets("k.k")
		for i := range t.references {
			if r := &t.references[i]; r.Parent == g.OID {
				query += ` AND NOT EXISTS (SELECT FROM ` + r.ChildTable + ` AS c WHERE ` + r.meets("t", "c") + `)`
			}
		}
		query += ` RETURNING `
		for _, k := range g.keys {
			query += "t." + quote(k.Name) + ", "
		}
		for i, c := range g.columns {
			if i > 0 {
				query += ", "
			}
			query += "t." + c
		}
		var key, tuple []byte
		err = stream(ctx, t.conn.PgConn(), query, params, types, what, g.full(), func(values [][]byte) error {
			key, tuple = appendFields(key[:0], values[:len(g.keys)]), appendTuple(tuple[:0], values[len(g.keys):])
			return yield(key, tuple)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
