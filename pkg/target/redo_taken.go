package target

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"rehome/pkg/mapping"
)

// Taken passes the unit of each staged row that has, in the columns of a unique constraint or index which is on, what a row of the table has that is
// neither staged nor based, or a staged row of another unit, with the constraint's name and that row's key. Indexes over expressions or parts
// of the table it leaves to the server.
func (t *Tx) Taken(ctx context.Context, e *mapping.RowPlan, row func(unit int32, constraint string, key []byte) error, page func() error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	const query = `
		SELECT c.relname::text AS name, coalesce(bool_or((to_jsonb(i) ->> 'indnullsnotdistinct')::bool), false) AS nulls,
		       array_agg(a.attname::text ORDER BY k.place) AS columns, array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY k.place) AS operators
		  FROM pg_index AS i
		  JOIN pg_class AS c ON c.oid = i.indexrelid
		 CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k (attnum, opclass, place)
		  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		  JOIN pg_opclass AS oc ON oc.oid = k.opclass
		  JOIN pg_amop AS m ON m.amopfamily = oc.opcfamily AND m.amopstrategy = 3 AND m.amoplefttype = oc.opcintype AND m.amoprighttype = oc.opcintype
		  JOIN pg_operator AS o ON o.oid = m.amopopr
		  JOIN pg_namespace AS n ON n.oid = o.oprnamespace
		 WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts
		 GROUP BY c.relname ORDER BY c.relname`
	uniques, err := collect[unique](ctx, t.conn, query, g.OID)
	if err != nil {
		return classify(err, "look up the unique indexes of "+g.full(), g.full())
	}
	for _, u := range uniques {
		if !g.feeds(u.Columns) || slices.Equal(slices.Sorted(slices.Values(u.Columns)), slices.Sorted(slices.Values(g.bareKeys()))) {
			continue // of rows with one key it is told elsewhere
		}
		err := t.pages(ctx, g.takenBy(t, &u), nil, nil, "look for rows of "+g.full()+" that have what "+u.Name+" allows once", g.full(), func(values [][]byte) error {
			return row(int32(binary.BigEndian.Uint32(values[0])), u.Name, appendFields(nil, values[1:]))
		}, page)
		if err != nil {
			return err
		}
	}
	return nil
}

// A unique is an index that allows once what a row has in its columns.
type unique struct {
	Name      string
	Nulls     bool // NULLs are equal, too
	Columns   []string
	Operators []string // by which the index compares: a bare = would compare a citext as text
}

// alike is the condition that rows t and n have the same in the columns.
func (u *unique) alike() string {
	var terms []string
	for i, name := range u.Columns {
		t, n := "t."+quote(name), "n."+quote(name)
		term := t + " " + u.Operators[i] + " " + n
		if u.Nulls {
			term = "(" + term + " OR " + t + " IS NULL AND " + n + " IS NULL)"
		}
		terms = append(terms, term)
	}
	return strings.Join(terms, " AND ")
}

// feeds reports whether all of the columns are fed.
func (s *shape) feeds(columns []string) bool {
	for _, name := range columns {
		if !slices.Contains(s.columns, quote(name)) {
			return false
		}
	}
	return true
}

// takenBy asks for staged rows that are like another row in the columns.
func (g *ground) takenBy(t *Tx, u *unique) string {
	var others, all []string
	like := u.alike()
	for _, other := range t.groundsOf(g.OID) {
		others = append(others, ` AND NOT EXISTS (SELECT FROM `+other.base+` AS b WHERE `+g.same("b", "t")+`)`+
			` AND NOT EXISTS (SELECT FROM `+other.new+` AS m WHERE `+g.same("m", "t")+`)`)
		all = append(all, ` FROM `+g.new+` AS n JOIN `+other.new+` AS t ON `+like+` WHERE t.rehome_unit <> n.rehome_unit`)
	}
	// One by one: the server would rather read the whole of a table that it knows little of.
	all = append(all, ` FROM `+g.new+` AS n CROSS JOIN LATERAL (SELECT `+strings.Join(g.keyNames(), ", ")+` FROM `+g.quoted()+` AS t WHERE `+like+
		` OFFSET 0) AS t WHERE true`+strings.Join(others, ""))
	list := `SELECT n.rehome_unit, ` + strings.Join(prefixed("t", g.bareKeys()), ", ")
	return list + strings.Join(all, " UNION ALL "+list)
}
