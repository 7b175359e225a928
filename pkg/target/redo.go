package target

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A ground is where the rows of one entry are compared: three temporary tables of the session. New holds what the legacy database has,
// base what the manifests say, act one row for each key with what was decided.
type ground struct {
	*shape
	entry          *mapping.RowPlan
	new, base, act string // quoted
	staged         int64
	depth          int // of savepoints when the tables were made
}

// Clear makes room for a comparison of rows of the entries, and forgets an earlier one.
func (t *Tx) Clear(ctx context.Context, entries []*mapping.RowPlan) error {
	t.compared = entries
	for _, e := range entries {
		if g := t.grounds[e]; g != nil {
			g.staged = 0
			if err := t.run(ctx, "clear a comparison of "+e.Into, "TRUNCATE "+g.new+", "+g.base+", "+g.act); err != nil {
				return err
			}
			continue
		}
		if err := t.makeGround(ctx, e); err != nil {
			return err
		}
	}
	return t.readReferences(ctx)
}

func (t *Tx) makeGround(ctx context.Context, e *mapping.RowPlan) error {
	s, err := t.shape(ctx, e)
	if err != nil {
		return err
	}
	name := func(what string) string { return fmt.Sprintf("pg_temp.rehome_%s_%d", what, e.Ordinal) }
	g := &ground{shape: s, entry: e, new: name("new"), base: name("base"), act: name("act"), depth: t.depth}
	create := func(table string, columns ...string) string {
		return `CREATE TEMP TABLE ` + table + ` ON COMMIT DROP AS SELECT ` + strings.Join(columns, ", ") + ` FROM ` + s.quoted() + ` WITH NO DATA;`
	}
	keys := s.keyNames()
	statements := create(g.new, `NULL::bigint AS rehome_n, NULL::integer AS rehome_unit, NULL::bytea AS rehome_legacy, NULL::bytea AS rehome_note, `+s.list()) +
		create(g.base, append([]string{`NULL::integer AS rehome_unit, NULL::bytea AS rehome_legacy, NULL::bytea AS rehome_digest`}, keys...)...) +
		create(g.act, append([]string{`NULL::bigint AS rehome_n, NULL::integer AS rehome_unit, NULL::bytea AS rehome_legacy, NULL::bytea AS rehome_digest`,
			`NULL::"char" AS rehome_action, NULL::text AS rehome_conflict, NULL::"char" AS rehome_was`,
			`NULL::text AS rehome_cause, NULL::text AS rehome_needs, NULL::bytea AS rehome_needs_key`}, keys...)...)
	statements += `CREATE UNIQUE INDEX ON ` + g.new + ` (rehome_n)`
	if err := t.run(ctx, "make room to compare rows of "+e.Into, statements); err != nil {
		return err
	}
	if t.grounds == nil {
		t.grounds = map[*mapping.RowPlan]*ground{}
	}
	t.grounds[e] = g
	return nil
}

// forgetGrounds forgets what a savepoint that was undone had made.
func (t *Tx) forgetGrounds() {
	maps.DeleteFunc(t.grounds, func(_ *mapping.RowPlan, g *ground) bool { return g.depth >= t.depth })
}

func (t *Tx) ground(e *mapping.RowPlan) (*ground, error) {
	if g := t.grounds[e]; g != nil && slices.Contains(t.compared, e) {
		return g, nil
	}
	return nil, shard.Failf(shard.Defect, "compare rows of %s: no room was made for them", e.Into)
}

// grounds of the entries that feed the table with that OID.
func (t *Tx) groundsOf(table uint32) (out []*ground) {
	for _, e := range t.compared {
		if g := t.grounds[e]; g.OID == table {
			out = append(out, g)
		}
	}
	return out
}

// keyNames returns the key's columns, quoted.
func (s *shape) keyNames() []string {
	out := []string{}
	for _, k := range s.keys {
		out = append(out, quote(k.Name))
	}
	return out
}

// same returns the condition that two rows, known by the prefixes, have the same key.
func (s *shape) same(left, right string) string {
	terms := []string{}
	for _, k := range s.keys {
		terms = append(terms, left+"."+quote(k.Name)+" "+k.Operator+" "+right+"."+quote(k.Name))
	}
	return strings.Join(terms, " AND ")
}

// Stage adds rows as the legacy database has them now.
func (t *Tx) Stage(ctx context.Context, e *mapping.RowPlan, rows []shard.Staged) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	tuples := newStaging()
	for i := range rows {
		r := &rows[i]
		g.staged++
		tuples.begin(4 + len(g.columns))
		tuples.int8(g.staged)
		tuples.int4(r.Unit)
		tuples.bytes(r.LegacyKey)
		tuples.bytes(r.Note)
		tuples.raw(r.Tuple[fieldCount:])
	}
	return t.fill(ctx, g, g.new, "", len(rows), tuples)
}

// Base adds rows of the manifest.
func (t *Tx) Base(ctx context.Context, e *mapping.RowPlan, rows []shard.Arrived) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	tuples := newStaging()
	for i := range rows {
		r := &rows[i]
		tuples.begin(3 + len(g.keys))
		tuples.int4(r.Unit)
		tuples.bytes(notNil(r.LegacyKey))
		tuples.bytes(r.Digest.Append(nil))
		tuples.raw(r.TargetKey)
	}
	return t.fill(ctx, g, g.base, "", len(rows), tuples)
}

// fill copies tuples into a temporary table.
func (t *Tx) fill(ctx context.Context, g *ground, table, columns string, n int, tuples *staging) error {
	if n == 0 {
		return nil
	}
	_, err := t.conn.PgConn().CopyFrom(ctx, tuples.reader(), `COPY `+table+columns+` FROM STDIN (FORMAT binary)`)
	return classify(err, fmt.Sprintf("stage %d rows of %s", n, g.full()), g.full())
}

// Unstage takes out what was staged for the units.
func (t *Tx) Unstage(ctx context.Context, units []int32) error {
	if len(units) == 0 {
		return nil
	}
	for _, e := range t.compared {
		g := t.grounds[e]
		if _, err := t.conn.Exec(ctx, `DELETE FROM `+g.new+` WHERE rehome_unit = ANY ($1)`, units); err != nil {
			return classify(err, "leave out refused rows of "+g.full(), g.full())
		}
	}
	return nil
}

// Duplicates returns the units that have staged rows of the same key, each with an entry in which it has.
func (t *Tx) Duplicates(ctx context.Context) (map[int32]*mapping.RowPlan, error) {
	out := map[int32]*mapping.RowPlan{}
	for _, e := range t.compared {
		g := t.grounds[e]
		names := strings.Join(g.keyNames(), ", ")
		var all []string
		for _, other := range t.groundsOf(g.OID) {
			all = append(all, `SELECT rehome_unit, `+names+` FROM `+other.new)
		}
		query := `SELECT DISTINCT rehome_unit FROM (SELECT rehome_unit, count(*) OVER (PARTITION BY ` + names + `) AS n FROM (` +
			strings.Join(all, " UNION ALL ") + `) AS a) AS d WHERE n > 1`
		units, err := collect[struct{ Unit int32 }](ctx, t.conn, query)
		if err != nil {
			return nil, classify(err, "look for keys that two rows of "+g.full()+" have", g.full())
		}
		for _, u := range units {
			if out[u.Unit] == nil {
				out[u.Unit] = e
			}
		}
	}
	return out, nil
}
