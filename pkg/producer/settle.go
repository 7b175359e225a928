package producer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// settle takes out of the target what its constraints would refuse: first every user of a unique collision, whoever came first, then,
// until none is left, the rows whose needed row is not there. What is left satisfies all that was taken off.
func (r *Run) settle(ctx context.Context, parts []target.Part) error {
	for _, part := range parts {
		if part.Kind == target.Unique {
			if err := r.settleUnique(ctx, part); err != nil {
				return fmt.Errorf("settle %s of %s: %w", part.Name, part.Table, err)
			}
		}
	}
	if err := r.settleCollisions(ctx); err != nil {
		return fmt.Errorf("settle collisions with keys that stayed on: %w", err)
	}
	for again := true; again; {
		again = false
		for _, part := range parts {
			if part.Kind != target.ForeignKey {
				continue
			}
			n, err := r.settleOrphans(ctx, part)
			if err != nil {
				return fmt.Errorf("settle %s of %s: %w", part.Name, part.Table, err)
			}
			again = again || n > 0
		}
	}
	return nil
}

// plans returns the entries that feed the table. They share its read-back key.
func (r *Run) plans(table string) []*mapping.RowPlan {
	var plans []*mapping.RowPlan
	for _, p := range r.mapping.Plans {
		if p.Into == table {
			plans = append(plans, p)
		}
	}
	return plans
}

func keyColumns(p *mapping.RowPlan) []string {
	names := make([]string, len(p.KeyColumns))
	for i, at := range p.KeyColumns {
		names[i] = p.Columns[at].Name
	}
	return names
}

func columns(p *mapping.RowPlan) []string {
	names := make([]string, len(p.Columns))
	for i := range p.Columns {
		names[i] = p.Columns[i].Name
	}
	return names
}

// find returns the rows of the manifest that stand under the keys. A row that no manifest of ours knows is not ours to take.
func (r *Run) find(ctx context.Context, tx pgx.Tx, table string, keys [][]byte) ([]ledger.Row, error) {
	var rows []ledger.Row
	for _, p := range r.plans(table) {
		some, err := r.ledger.Find(ctx, tx, r.m.Name, p.Ordinal, keys)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	if len(rows) != len(keys) {
		return nil, &Refusal{fmt.Sprintf("%d rows of %s are in the way of its constraints, and the manifests know %d of them: somebody else "+
			"has written to the table during the load; take these rows out and start again", len(keys), table, len(rows))}
	}
	return rows, nil
}

// settleUnique quarantines the users of all groups of rows that collide.
func (r *Run) settleUnique(ctx context.Context, part target.Part) error {
	var groups [][][]byte
	for group, err := range target.Duplicates(ctx, r.Pool, part, keyColumns(r.plans(part.Table)[0])) {
		if err != nil {
			return err
		}
		groups = append(groups, group)
	}
	return r.quarantine(ctx, part.Table, groups, "unique:"+part.Table+"."+part.Name)
}

// settleCollisions quarantines the users who were in the target first when a shard met them on a key that stayed on during the load.
// Some of them may be out already: of another collision, or of an earlier start.
func (r *Run) settleCollisions(ctx context.Context) error {
	collisions, err := r.ledger.Collisions(ctx, r.m.Name)
	if err != nil {
		return err
	}
	for _, c := range collisions {
		plan := r.mapping.Plans[c.Entry]
		var standing [][]byte
		err := r.conn(ctx, func(conn *pgx.Conn) (err error) {
			standing, err = target.NewTx(conn).Existing(ctx, plan, [][]byte{c.TargetKey})
			return err
		})
		if err != nil {
			return err
		}
		if len(standing) == 0 {
			continue
		}
		if err := r.quarantine(ctx, plan.Into, [][][]byte{standing}, c.Cause); err != nil {
			return err
		}
	}
	return nil
}

// quarantine takes all rows of the users who own the rows of the given groups out of the target, and the rows of no user themselves.
// The rows of one group collide.
func (r *Run) quarantine(ctx context.Context, table string, groups [][][]byte, cause string) error {
	if len(groups) == 0 {
		return nil
	}
	return r.inTx(ctx, func(tx pgx.Tx) error {
		offending, err := r.find(ctx, tx, table, slices.Concat(groups...))
		if err != nil {
			return err
		}
		s := ledger.Settlement{Quarantined: map[string]string{}, Refusals: refusals(offending, groups, cause)}
		var users [][]byte
		var out []ledger.Row
		for _, row := range offending {
			if row.User == nil {
				out = append(out, row)
			} else if _, known := s.Quarantined[string(row.User)]; !known {
				s.Quarantined[string(row.User)] = cause
				users = append(users, row.User)
			}
		}
		theirs, err := r.ledger.RowsOf(ctx, tx, r.m.Name, users)
		if err != nil {
			return err
		}
		n := int64(len(users))
		s.Receipt.Users = shard.Users{Migrated: -n, Quarantined: n}
		s.Receipt.Causes = []shard.Cause{{Cause: cause, Users: n, Rows: int64(len(offending))}}
		return r.takeOut(ctx, tx, s, append(out, theirs...), func(t *shard.Table, rows int64) { t.SetAside += rows })
	})
}

// maxOthers is how many of the other users of a collision are named with each of its rows.
const maxOthers = 5

// refusals names, for each of the rows that collide, some of the users whom it collides with.
func refusals(rows []ledger.Row, groups [][][]byte, cause string) []ledger.Refused {
	owners := make(map[string]ledger.Row, len(rows))
	for _, row := range rows {
		owners[string(row.TargetKey)] = row
	}
	var out []ledger.Refused
	for _, group := range groups {
		for i, key := range group {
			row := owners[string(key)]
			refused := ledger.Refused{User: row.User, Refusal: shard.Refusal{Entry: row.Entry, LegacyKey: row.LegacyKey, Cause: cause}}
			for j, other := range group {
				if user := owners[string(other)].User; j != i && user != nil && len(refused.Others) < maxOthers {
					refused.Others = append(refused.Others, user)
				}
			}
			out = append(out, refused)
		}
	}
	return out
}

// settleOrphans lets the rows wait that refer to a row which is not there. It returns how many it took out.
func (r *Run) settleOrphans(ctx context.Context, part target.Part) (int, error) {
	needs := map[string][]byte{}
	var keys [][]byte
	for orphan, err := range target.Orphans(ctx, r.Pool, part, keyColumns(r.plans(part.Table)[0])) {
		if err != nil {
			return 0, err
		}
		needs[string(orphan.Child)] = orphan.Needs
		keys = append(keys, orphan.Child)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	cause := "waits:" + part.Table + "." + strings.Join(part.Columns, ",")
	return len(keys), r.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := r.find(ctx, tx, part.Table, keys)
		if err != nil {
			return err
		}
		var s ledger.Settlement
		for _, row := range rows {
			s.Waits = append(s.Waits, ledger.Needed{User: row.User, Wait: shard.Wait{Entry: row.Entry, LegacyKey: row.LegacyKey, Cause: cause,
				Needs: part.References, NeedsKey: needs[string(row.TargetKey)]}})
		}
		s.Receipt.Causes = []shard.Cause{{Cause: cause, Rows: int64(len(rows))}}
		return r.takeOut(ctx, tx, s, rows, func(t *shard.Table, n int64) { t.Waiting += n })
	})
}

// sourceRows counts the rows of the row source that the given rows were made of: fewer than these where a join made several of one.
func sourceRows(p *mapping.RowPlan, rows []ledger.Row) int64 {
	if !p.Many {
		return int64(len(rows))
	}
	sources := map[string]struct{}{}
	for _, row := range rows {
		sources[string(row.LegacyKey)] = struct{}{}
	}
	return int64(len(sources))
}

// takeOut deletes the rows, makes sure that they were as the manifest remembers them, and writes the settlement's signed receipt.
func (r *Run) takeOut(ctx context.Context, tx pgx.Tx, s ledger.Settlement, rows []ledger.Row, count func(*shard.Table, int64)) error {
	byEntry := make([][]ledger.Row, len(r.mapping.Plans))
	for _, row := range rows {
		byEntry[row.Entry] = append(byEntry[row.Entry], row)
	}
	for entry, rows := range byEntry {
		if len(rows) == 0 {
			continue
		}
		p := r.mapping.Plans[entry]
		n := sourceRows(p, rows)
		t := shard.Table{Entry: entry, Written: -n, Extra: n - int64(len(rows))}
		count(&t, n)
		digests := make(map[string]checksum.Sum, len(rows))
		keys := make([][]byte, len(rows))
		for i, row := range rows {
			digests[string(row.TargetKey)], keys[i] = row.Digest, row.TargetKey
		}
		err := target.Take(ctx, tx, p.Into, columns(p), keyColumns(p), keys, func(key, tuple []byte) error {
			digest := checksum.Row(p.Into, tuple)
			if digest != digests[string(key)] {
				return &Refusal{fmt.Sprintf("a row of %s that has to be taken out was changed since it arrived: somebody else has written to the table "+
					"during the load", p.Into)}
			}
			t.Expected, t.Stored = t.Expected.Sub(digest), t.Stored.Sub(digest)
			return nil
		})
		if err != nil {
			return err
		}
		s.Receipt.Tables = append(s.Receipt.Tables, t)
	}
	s.Undone, s.Wave = rows, len(r.File.Waves)
	pausepoint.At("settling")
	_, err := r.ledger.WriteSettle(ctx, tx, r.m.Name, s)
	return err
}
