package target

import (
	"context"
	"strings"
)

// Resolve makes rows wait whose needed row is not there, by the foreign keys that are on, and keeps rows that would have to go while
// others refer to them. What waits because of a row that then stays is asked once more, so that the end does not depend on the order.
func (t *Tx) Resolve(ctx context.Context) error {
	for {
		if err := t.unwait(ctx); err != nil {
			return err
		}
		if _, err := t.settle(ctx, t.keepReferred); err != nil {
			return err
		}
		if _, err := t.settle(ctx, t.letWait); err != nil {
			return err
		}
		kept, err := t.settle(ctx, t.keepReferred)
		if err != nil || kept == 0 {
			return err
		}
	}
}

// settle repeats a step over all foreign keys until it changes nothing, and returns how much it has changed.
func (t *Tx) settle(ctx context.Context, step func(context.Context, *reference) (int64, error)) (total int64, err error) {
	for {
		var round int64
		for i := range t.references {
			n, err := step(ctx, &t.references[i])
			if err != nil {
				return 0, err
			}
			round += n
		}
		if total += round; round == 0 {
			return total, nil
		}
	}
}

// unwait takes back what letWait has done.
func (t *Tx) unwait(ctx context.Context) error {
	for _, e := range t.compared {
		g := t.grounds[e]
		_, err := t.conn.Exec(ctx, `UPDATE `+g.act+` SET rehome_action = rehome_was, rehome_was = NULL WHERE rehome_was IS NOT NULL`)
		if err != nil {
			return classify(err, "look again at what waits in "+g.full(), g.full())
		}
	}
	return nil
}

// letWait makes those rows of the referring table wait for which there is no row, neither one that stays in the target nor one that comes.
// What stands in the place of such a row goes: without what it needs, the legacy database's row would not have come in.
func (t *Tx) letWait(ctx context.Context, r *reference) (total int64, err error) {
	for _, g := range t.groundsOf(r.Child) {
		if !g.fedBy(r.Columns) {
			continue
		}
		tag, err := t.conn.Exec(ctx, `
			UPDATE `+g.act+` AS a
			   SET rehome_was = a.rehome_action, rehome_action = CASE WHEN a.rehome_action = 'i' THEN 'w' ELSE 'v' END::"char",
			       rehome_cause = $1, rehome_needs = $2, rehome_needs_key = `+r.needs("n")+`
			  FROM `+g.new+` AS n
			 WHERE n.rehome_n = a.rehome_n AND a.rehome_action IN ('i', 'u', 'k', 'a') AND `+r.refers("n")+t.lacking(r),
			"waits:"+r.ChildName+"."+strings.Join(r.Columns, ","), r.ParentName)
		if err != nil {
			return 0, classify(err, "look for what rows of "+g.full()+" need by "+r.Name, g.full())
		}
		total += tag.RowsAffected()
	}
	return total, nil
}

// lacking is the condition that what the staged row n needs is not there.
func (t *Tx) lacking(r *reference) string {
	parents := t.groundsOf(r.Parent)
	going := ""
	for _, p := range parents {
		going += ` AND NOT EXISTS (SELECT FROM ` + p.act + ` AS d WHERE d.rehome_action IN ('d', 'v') AND ` + p.same("p", "d") + `)`
	}
	out := ` AND NOT EXISTS (SELECT FROM ` + r.ParentTable + ` AS p WHERE ` + r.meets("p", "n") + going + `)`
	for _, p := range parents {
		if p.fedBy(r.RefColumns) {
			out += ` AND NOT EXISTS (SELECT FROM ` + p.act + ` AS d JOIN ` + p.new + ` AS p ON p.rehome_n = d.rehome_n WHERE d.rehome_action IN ('i', 'u') AND ` +
				r.meets("p", "n") + `)`
		}
	}
	return out
}

// keepReferred keeps rows that would have to go, or whose referenced columns would have to change by an action that changes others, while
// rows refer to them that do not go as well. Those are locked since the comparison: nobody can begin to refer to them.
func (t *Tx) keepReferred(ctx context.Context, r *reference) (total int64, err error) {
	stays := t.stays(r)
	for _, g := range t.groundsOf(r.Parent) {
		what := "look for what refers to rows of " + g.full() + " by " + r.Name
		tag, err := t.conn.Exec(ctx, `
			UPDATE `+g.act+` AS a SET rehome_action = 'c', rehome_was = NULL, rehome_conflict = 'referred'
			  FROM `+g.quoted()+` AS t
			 WHERE a.rehome_action IN ('d', 'v') AND `+g.same("t", "a")+` AND EXISTS (SELECT FROM `+r.ChildTable+` AS c WHERE `+r.meets("t", "c")+stays+`)`)
		if err != nil {
			return 0, classify(err, what, g.full())
		}
		total += tag.RowsAffected()
		if !r.OnUpdate || !g.fedBy(r.RefColumns) {
			continue
		}
		old, changed := strings.Join(prefixed("t", r.RefColumns), ", "), strings.Join(prefixed("n", r.RefColumns), ", ")
		tag, err = t.conn.Exec(ctx, `
			UPDATE `+g.act+` AS a SET rehome_action = 'c', rehome_was = NULL, rehome_conflict = 'referred'
			  FROM `+g.quoted()+` AS t, `+g.new+` AS n
			 WHERE a.rehome_action = 'u' AND n.rehome_n = a.rehome_n AND `+g.same("t", "a")+` AND ROW(`+old+`) IS DISTINCT FROM ROW(`+changed+`)
			   AND EXISTS (SELECT FROM `+r.ChildTable+` AS c WHERE `+r.meets("t", "c")+`)`)
		if err != nil {
			return 0, classify(err, what, g.full())
		}
		total += tag.RowsAffected()
	}
	return total, nil
}

// stays is the condition that the referring row c neither goes nor is judged by letWait.
func (t *Tx) stays(r *reference) (out string) {
	for _, g := range t.groundsOf(r.Child) {
		judged := `'d', 'v'`
		if g.fedBy(r.Columns) {
			judged = `'d', 'v') OR x.rehome_n IS NOT NULL AND x.rehome_action IN ('u', 'k', 'a'`
		}
		out += ` AND NOT EXISTS (SELECT FROM ` + g.act + ` AS x WHERE (x.rehome_action IN (` + judged + `)) AND ` + g.same("c", "x") + `)`
	}
	return out
}
