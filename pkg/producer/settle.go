package producer

import (
	"context"
	"fmt"
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
	if len(parts) == 0 && r.ended() {
		return nil // all that came since came by constraints that were on
	}
	if err := r.settleClashes(ctx, parts); err != nil {
		return err
	}
	var lost map[string]bool // tables that lost rows in the last round; nil before the first
	for {
		losing := map[string]bool{}
		for _, part := range parts {
			if part.Kind != target.ForeignKey || lost != nil && !lost[part.References] {
				continue
			}
			n, err := r.settleOrphans(ctx, part)
			if err != nil {
				return fmt.Errorf("settle %s of %s: %w", part.Name, part.Table, err)
			}
			if n > 0 {
				losing[part.Table] = true
			}
		}
		if len(losing) == 0 {
			return nil
		}
		lost = losing
	}
}

// plans returns the entries that feed the table. They share its read-back key.
func (r *Run) plans(table string) []*mapping.RowPlan {
	var plans []*mapping.RowPlan
	for _, p := range r.mapping.Plans {
		if p.Into == table && p.GatheredBy == nil {
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
	ungathered, err := r.ungather(ctx, tx, rows)
	if err != nil {
		return err
	}
	s.Receipt.Tables = append(s.Receipt.Tables, ungathered...)
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
	_, err = r.ledger.WriteSettle(ctx, tx, r.m.Name, s)
	return err
}
