package target

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// Strangers passes the unit and key of each staged row whose key the table holds already in a row that is not based.
func (t *Tx) Strangers(ctx context.Context, e *mapping.RowPlan, row func(unit int32, key []byte) error, page func() error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	query := `SELECT n.rehome_unit, ` + strings.Join(prefixed("n", g.bareKeys()), ", ") + ` FROM ` + g.new + ` AS n WHERE NOT EXISTS (SELECT FROM ` +
		g.base + ` AS b WHERE ` + g.same("b", "n") + `) AND (SELECT true FROM ` + g.quoted() + ` AS t WHERE ` + g.same("t", "n") + `)`
	return t.pages(ctx, query, nil, nil, "look for rows of "+g.full()+" that are not ours", g.full(), func(values [][]byte) error {
		return row(int32(binary.BigEndian.Uint32(values[0])), appendFields(nil, values[1:]))
	}, page)
}

// bareKeys returns the key's columns as they are.
func (s *shape) bareKeys() []string {
	out := []string{}
	for _, k := range s.keys {
		out = append(out, k.Name)
	}
	return out
}

// Compare locks the rows of the entry's table that are staged or based, and asks decide about each key once.
func (t *Tx) Compare(ctx context.Context, e *mapping.RowPlan, decide func(*shard.Compared) shard.Decision) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	if err := t.lock(ctx, g); err != nil {
		return err
	}
	acts := &acts{ground: g, decide: decide, tuples: newStaging()}
	query := `SELECT n.rehome_n, n.rehome_unit, n.rehome_legacy, b.rehome_unit, b.rehome_legacy, b.rehome_digest, r.rehome_beside, ` +
		strings.Join(g.either("n", "b"), ", ") + `, ` + strings.Join(g.columnsOf("n"), ", ") + `, ` + strings.Join(g.columnsOf("r"), ", ") +
		` FROM ` + g.new + ` AS n FULL JOIN ` + g.base + ` AS b ON ` + g.same("n", "b") + g.standing()
	err = t.pages(ctx, query, nil, nil, "compare rows of "+g.full(), g.full(), acts.row, func() error { return acts.flush(ctx, t) })
	if err != nil {
		return err
	}
	return t.run(ctx, "compare rows of "+g.full(), "ANALYZE "+g.act)
}

// lock makes the rows of the table wait for the end of this transaction, in the order of their keys.
func (t *Tx) lock(ctx context.Context, g *ground) error {
	what := "lock rows of " + g.full()
	if err := t.run(ctx, what, "ANALYZE "+g.new+"; ANALYZE "+g.base); err != nil {
		return err
	}
	names := strings.Join(g.keyNames(), ", ")
	_, err := t.conn.Exec(ctx, `SELECT count(*) FROM (SELECT `+names+` FROM `+g.new+` UNION SELECT `+names+` FROM `+g.base+` ORDER BY `+names+
		`) AS k CROSS JOIN LATERAL (SELECT FROM `+g.quoted()+` AS t WHERE `+g.same("t", "k")+` FOR UPDATE) AS r`)
	return classify(err, what, g.full())
}

// either returns the key's columns from whichever of two rows there is.
func (s *shape) either(left, right string) []string {
	out := []string{}
	for _, k := range s.keys {
		out = append(out, `coalesce(`+left+`.`+quote(k.Name)+`, `+right+`.`+quote(k.Name)+`)`)
	}
	return out
}

// columnsOf returns the columns that are read, of the row known by the prefix.
func (s *shape) columnsOf(prefix string) []string {
	out := []string{}
	for _, c := range s.columns {
		out = append(out, prefix+"."+c)
	}
	return out
}

// standing joins the target's row r, if there is one, to a row of new n and one of base b.
func (g *ground) standing() string {
	terms := []string{}
	for i, k := range g.either("n", "b") {
		terms = append(terms, "t."+quote(g.keys[i].Name)+" "+g.keys[i].Operator+" "+k)
	}
	return ` LEFT JOIN LATERAL (SELECT ` + g.beside() + ` AS rehome_beside, ` + g.list() + ` FROM ` + g.quoted() + ` AS t WHERE ` + strings.Join(terms, " AND ") +
		` OFFSET 0) AS r ON true`
}

// beside tells whether a column of the row t that nothing feeds is not as it arrived.
func (g *ground) beside() string {
	terms := []string{"false"}
	for _, c := range g.entry.Defaulted {
		now, arrived := "t."+quote(c.Name), "NULL"
		if c.Default != "" {
			arrived = "(" + c.Default + ")"
		}
		if slices.Contains(unequalled, c.Type.Name) {
			now, arrived = now+"::text", arrived+"::text"
		}
		terms = append(terms, now+" IS DISTINCT FROM "+arrived)
	}
	return strings.Join(terms, " OR ")
}

// unequalled are the types that have no = of their own, or one that means less.
var unequalled = []string{"json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"}

// acts are decisions on their way into a ground's table.
type acts struct {
	*ground
	decide   func(*shard.Compared) shard.Decision
	tuples   *staging
	n        int
	key, now []byte
	tuple    []byte
}

func (a *acts) row(values [][]byte) error {
	const fixed = 7
	a.key = appendFields(a.key[:0], values[fixed:fixed+len(a.keys)])
	c := shard.Compared{TargetKey: a.key}
	n := fixed + len(a.keys)
	unit, legacy := values[3], values[4]
	if values[0] != nil {
		a.tuple = appendTuple(a.tuple[:0], values[n:n+len(a.columns)])
		c.New = &shard.Staged{Unit: int32(binary.BigEndian.Uint32(values[1])), LegacyKey: values[2], Tuple: a.tuple}
		unit, legacy = values[1], values[2]
	}
	c.Unit, c.LegacyKey = int32(binary.BigEndian.Uint32(unit)), legacy
	if values[5] != nil {
		base := checksum.FromBytes([checksum.Size]byte(values[5]))
		c.Base = &base
	}
	if values[6] != nil {
		a.now = appendTuple(a.now[:0], values[n+len(a.columns):])
		c.Now, c.Beside = a.now, values[6][0] != 0
	}
	d := a.decide(&c)
	a.n++
	a.tuples.begin(6 + len(a.keys))
	a.tuples.bytes(values[0])
	a.tuples.bytes(unit)
	a.tuples.bytes(legacy)
	a.tuples.bytes(values[5])
	a.tuples.bytes([]byte{byte(d.Action)})
	if d.Conflict == "" {
		a.tuples.bytes(nil)
	} else {
		a.tuples.bytes([]byte(d.Conflict))
	}
	a.tuples.raw(a.key)
	return nil
}

func (a *acts) flush(ctx context.Context, t *Tx) error {
	columns := ` (rehome_n, rehome_unit, rehome_legacy, rehome_digest, rehome_action, rehome_conflict, ` + strings.Join(a.keyNames(), ", ") + `)`
	err := t.fill(ctx, a.ground, a.act, columns, a.n, a.tuples)
	a.n, a.tuples = 0, newStaging()
	return err
}
