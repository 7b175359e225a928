package target

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// A change is one part of the statement that writes: what is done in one table.
type change struct {
	name, sql string
	rows      int64
	what      string
}

// Write does all that was decided in one statement. Foreign keys are checked at its end, so that rows may come in any order and need each
// other; deletes come before updates and these before inserts, so that a key that becomes free can be taken.
func (t *Tx) Write(ctx context.Context) error {
	pausepoint.At("redo_compared")
	var all []change
	for _, step := range []func(*ground) (string, string){(*ground).deletes, (*ground).updates, (*ground).inserts} {
		changes, err := t.changes(ctx, step, all)
		if err != nil {
			return err
		}
		all = append(all, changes...)
	}
	if len(all) == 0 {
		return nil
	}
	var with, counts []string
	for _, c := range all {
		with, counts = append(with, c.name+` AS (`+c.sql+` RETURNING 1)`), append(counts, `(SELECT count(*) FROM `+c.name+`)`)
	}
	i := 0
	// The error names the table that refuses.
	err := stream(ctx, t.conn.PgConn(), `WITH `+strings.Join(with, ", ")+` SELECT `+strings.Join(counts, ", "), nil, nil, "write what a redo has decided", "",
		func(values [][]byte) error {
			for ; i < len(values); i++ {
				if n := int64(binary.BigEndian.Uint64(values[i])); n != all[i].rows {
					return shard.Failf(shard.Defect, "%s: the table took %d of %d rows; a trigger or rule keeps rows out", all[i].what, n, all[i].rows)
				}
			}
			return nil
		})
	pausepoint.At("redo_written")
	return err
}

// changes returns what a step has to do, after what comes before it.
func (t *Tx) changes(ctx context.Context, step func(*ground) (actions, sql string), before []change) (out []change, err error) {
	after := ""
	for _, c := range before {
		after += ` AND (SELECT count(*) FROM ` + c.name + `) >= 0`
	}
	for i, e := range t.compared {
		g := t.grounds[e]
		actions, sql := step(g)
		c := change{name: fmt.Sprintf("rehome_%d_%d", len(before), i), sql: sql + ` AND a.rehome_action IN (` + actions + `)` + after,
			what: "write rows of " + g.full()}
		if err := t.conn.QueryRow(ctx, `SELECT count(*) FROM `+g.act+` WHERE rehome_action IN (`+actions+`)`).Scan(&c.rows); err != nil {
			return nil, classify(err, c.what, g.full())
		}
		if c.rows > 0 {
			out = append(out, c)
		}
	}
	return out, nil
}

func (g *ground) deletes() (actions, sql string) {
	return `'d', 'v'`, `DELETE FROM ` + g.quoted() + ` AS t USING ` + g.act + ` AS a WHERE ` + g.same("t", "a")
}

func (g *ground) updates() (actions, sql string) {
	set := []string{}
	for _, c := range g.columns {
		set = append(set, c+" = n."+c)
	}
	return `'u'`, `UPDATE ` + g.quoted() + ` AS t SET ` + strings.Join(set, ", ") + ` FROM ` + g.act + ` AS a JOIN ` + g.new +
		` AS n ON n.rehome_n = a.rehome_n WHERE ` + g.same("t", "a")
}

func (g *ground) inserts() (actions, sql string) {
	return `'i'`, `INSERT INTO ` + g.quoted() + ` (` + g.list() + `) SELECT ` + strings.Join(g.columnsOf("n"), ", ") + ` FROM ` + g.act +
		` AS a JOIN ` + g.new + ` AS n ON n.rehome_n = a.rehome_n WHERE true`
}

// Replaced passes each row that a settled conflict is about to overwrite or delete.
func (t *Tx) Replaced(ctx context.Context, e *mapping.RowPlan, row func(*shard.Decided) error, page func() error) error {
	return t.decided(ctx, e, `a.rehome_conflict IS NOT NULL AND a.rehome_action IN ('u', 'd', 'v')`, row, page)
}

// Decided passes each key of the entry with the row as it stands now, in the order of units and of their legacy keys.
func (t *Tx) Decided(ctx context.Context, e *mapping.RowPlan, row func(*shard.Decided) error, page func() error) error {
	return t.decided(ctx, e, `true`, row, page)
}

func (t *Tx) decided(ctx context.Context, e *mapping.RowPlan, which string, row func(*shard.Decided) error, page func() error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	// Only keys are sorted: the rows, which may be wide, are looked up one by one.
	query := `SELECT a.rehome_unit, a.rehome_legacy, a.rehome_digest, a.rehome_action, a.rehome_conflict, a.rehome_cause, a.rehome_needs, a.rehome_needs_key,
			n.rehome_n, n.rehome_note, r.rehome_there, ` + strings.Join(prefixed("a", g.bareKeys()), ", ") + `, ` + strings.Join(g.columnsOf("n"), ", ") + `, ` +
		strings.Join(g.columnsOf("r"), ", ") + ` FROM (SELECT * FROM ` + g.act + ` AS a WHERE ` + which + ` ORDER BY a.rehome_unit, a.rehome_legacy OFFSET 0) AS a
		LEFT JOIN LATERAL (SELECT * FROM ` + g.new + ` AS n WHERE n.rehome_n = a.rehome_n OFFSET 0) AS n ON true
		LEFT JOIN LATERAL (SELECT true AS rehome_there, ` + g.list() + ` FROM ` + g.quoted() + ` AS t WHERE ` + g.same("t", "a") + ` OFFSET 0) AS r ON true`
	d := &decisions{ground: g}
	return t.pages(ctx, query, nil, nil, "read what was decided about rows of "+g.full(), g.full(), func(values [][]byte) error {
		return row(d.row(values))
	}, page)
}

// decisions spell rows of decided.
type decisions struct {
	*ground
	key, tuple, now []byte
}

func (d *decisions) row(values [][]byte) *shard.Decided {
	const fixed = 11
	n := fixed + len(d.keys)
	d.key = appendFields(d.key[:0], values[fixed:n])
	out := &shard.Decided{Entry: d.entry, Cause: string(values[5]), Needs: string(values[6]), NeedsKey: values[7]}
	out.Action, out.Conflict = shard.Action(values[3][0]), shard.ConflictKind(values[4])
	out.Unit, out.LegacyKey, out.TargetKey = int32(binary.BigEndian.Uint32(values[0])), values[1], d.key
	if values[2] != nil {
		base := checksum.FromBytes([checksum.Size]byte(values[2]))
		out.Base = &base
	}
	if values[8] != nil {
		d.tuple = appendTuple(d.tuple[:0], values[n:n+len(d.columns)])
		out.New = &shard.Staged{Unit: out.Unit, LegacyKey: out.LegacyKey, Note: values[9], Tuple: d.tuple}
	}
	if values[10] != nil {
		d.now = appendTuple(d.now[:0], values[n+len(d.columns):])
		out.Now = d.now
	}
	return out
}

// Needed passes the keys by which others refer to the rows of the entry that Write has inserted: by identifiers, which are its own key, and
// by foreign keys to other columns.
func (t *Tx) Needed(ctx context.Context, e *mapping.RowPlan, row func(key []byte) error, page func() error) error {
	g, err := t.ground(e)
	if err != nil {
		return err
	}
	lists := [][]string{g.bareKeys()}
	for i := range t.references {
		if r := &t.references[i]; r.Parent == g.OID && g.fedBy(r.RefColumns) {
			lists = append(lists, r.RefColumns)
		}
	}
	asked := map[string]bool{}
	for _, columns := range lists {
		list := strings.Join(prefixed("n", columns), ", ")
		if asked[list] {
			continue
		}
		asked[list] = true
		query := `SELECT ` + list + ` FROM ` + g.act + ` AS a JOIN ` + g.new + ` AS n ON n.rehome_n = a.rehome_n WHERE a.rehome_action = 'i'`
		err := t.pages(ctx, query, nil, nil, "read which rows of "+g.full()+" came in", g.full(), func(values [][]byte) error {
			return row(appendFields(nil, values))
		}, page)
		if err != nil {
			return err
		}
	}
	return nil
}
