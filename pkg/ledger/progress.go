package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// A Wave is how far one wave has come. A shard that was given another life has one row still, of its newest generation.
type Wave struct {
	Wave                                int
	Planned, Working, Done, Dead, Split int   // shards; Working ones are planned ones that somebody holds
	Discarded                           int   // shards
	Users, Rows                         int64 // planned, of shards that were not split, and not of redos, whose units were planned before
	Migrated, Quarantined               int64 // users whom the wave brought, as all receipts say that they stand
	Written                             int64 // as the receipts of its own shards say
	Moved                               int64 // planned rows of the shards that are done or discarded
}

// Progress returns the waves in their order, the shards of settling and of audits left out.
func (l *Ledger) Progress(ctx context.Context, name string) ([]Wave, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT s.wave,
		       count(*) FILTER (WHERE s.state = 'planned'),
		       count(*) FILTER (WHERE s.state = 'planned' AND s.holder IS NOT NULL),
		       count(*) FILTER (WHERE s.state = 'done'),
		       count(*) FILTER (WHERE s.state = 'dead'),
		       count(*) FILTER (WHERE s.state = 'split'),
		       count(*) FILTER (WHERE s.state = 'discarded'),
		       coalesce(sum(s.users) FILTER (WHERE s.state <> 'split' AND s.kind <> 'redo'), 0)::bigint,
		       coalesce(sum(s.weight) FILTER (WHERE s.state <> 'split' AND s.kind <> 'redo'), 0)::bigint,
		       coalesce(sum(s.migrated) FILTER (WHERE s.kind <> 'redo'), 0)::bigint,
		       coalesce(sum(s.quarantined) FILTER (WHERE s.kind <> 'redo'), 0)::bigint,
		       sum(s.written)::bigint,
		       coalesce(sum(s.weight) FILTER (WHERE s.state IN ('done', 'discarded') AND s.kind <> 'redo'), 0)::bigint
		  FROM rehome.shard s
		 WHERE s.migration = $1 AND s.kind NOT IN ('settle', 'audit')
		 GROUP BY s.wave ORDER BY s.wave`, name)
	what := "ask for the progress of migration " + name
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	waves, err := collect(rows, what, func(w *Wave) []any {
		return []any{
			&w.Wave, &w.Planned, &w.Working, &w.Done, &w.Dead, &w.Split, &w.Discarded, &w.Users, &w.Rows, &w.Migrated, &w.Quarantined, &w.Written, &w.Moved,
		}
	})
	if err != nil {
		return nil, err
	}
	if err := l.changed(ctx, name, waves); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return waves, nil
}

// Ahead returns the first wave that Progress would say something is planned of; ok is false where nothing is. It takes no longer the more shards there are.
func (l *Ledger) Ahead(ctx context.Context, name string) (wave int, ok bool, err error) {
	var first *int
	err = l.pool.QueryRow(ctx, `
		SELECT min(wave) FROM rehome.shard WHERE migration = $1 AND state = 'planned' AND kind NOT IN ('settle', 'audit')`, name).Scan(&first)
	if err != nil {
		return 0, false, fmt.Errorf("ask which wave of migration %s is next: %w", name, err)
	}
	if first == nil {
		return 0, false, nil
	}
	return *first, true, nil
}

// changed adds what settling and redos have changed to the waves that brought the users.
func (l *Ledger) changed(ctx context.Context, name string, waves []Wave) error {
	rows, err := l.pool.Query(ctx, `
		SELECT (w.change->>0)::int, sum((w.change->>1)::bigint)::bigint, sum((w.change->>2)::bigint)::bigint
		  FROM rehome.shard s CROSS JOIN LATERAL jsonb_array_elements(s.waves) AS w (change)
		 WHERE s.migration = $1 AND s.waves IS NOT NULL
		 GROUP BY 1`, name)
	if err != nil {
		return err
	}
	var wave int
	var migrated, quarantined int64
	_, err = pgx.ForEachRow(rows, []any{&wave, &migrated, &quarantined}, func() error {
		for i := range waves {
			if waves[i].Wave == wave {
				waves[i].Migrated, waves[i].Quarantined = waves[i].Migrated+migrated, waves[i].Quarantined+quarantined
			}
		}
		return nil
	})
	return err
}

// Receipts returns the receipts of all shards but those of audits, done, dead and discarded, that were written since an earlier call, and what to give the next call as since: 0 returns all. A
// receipt may be returned twice, and none is missed, however long its transaction took.
func (l *Ledger) Receipts(ctx context.Context, name string, since uint64) (receipts []shard.Receipt, next uint64, err error) {
	next, err = l.ReceiptsSince(ctx, name, since, nil, func(r *shard.Receipt) error {
		receipts = append(receipts, *r)
		return nil
	})
	return receipts, next, err
}

// ReceiptsSince passes to yield, one at a time, what Receipts would return, but those that are known already, if anybody can say so: a hundred thousand take
// hundreds of megabytes, and seconds to decode. An error of yield ends it.
func (l *Ledger) ReceiptsSince(
	ctx context.Context, name string, since uint64, known func(ordinal, generation int) bool, yield func(*shard.Receipt) error,
) (next uint64, err error) {
	what := "list the receipts of migration " + name
	// Asked for before the receipts are: what commits in between is returned again.
	if err := l.pool.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric`).Scan(&next); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	rows, err := l.pool.Query(ctx, `
		SELECT ordinal, coalesce((receipt->>'generation')::int, 0), receipt FROM rehome.shard
		 WHERE migration = $1 AND xid IS NOT NULL AND xid >= $2::text::xid8 AND kind <> 'audit'
		 ORDER BY xid, ordinal, generation`, name, fmt.Sprint(since))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	var ordinal, generation int
	isNew := func() bool { return known == nil || !known(ordinal, generation) }
	if err := decodeEach(rows, []any{&ordinal, &generation}, isNew, yield); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	return next, nil
}

// decodeEach decodes the receipt that each row ends with, behind the columns that go to before, where it is wanted by what they say.
func decodeEach(rows pgx.Rows, before []any, wanted func() bool, yield func(*shard.Receipt) error) error {
	var raw []byte // as a json.RawMessage it would be read through twice
	_, err := pgx.ForEachRow(rows, append(before, &raw), func() error {
		if !wanted() {
			return nil
		}
		var r shard.Receipt
		if err := json.Unmarshal(raw, &r); err != nil {
			return err
		}
		return yield(&r)
	})
	return err
}

// eachReceipt passes all receipts of a migration to yield, one at a time, but those of audits, which moved nothing.
func eachReceipt(ctx context.Context, s session, name string, yield func(kind shard.Kind, r *shard.Receipt) error) error {
	rows, err := s.Query(ctx, `SELECT kind, receipt FROM rehome.shard WHERE migration = $1 AND receipt IS NOT NULL AND kind <> 'audit'`, name)
	if err != nil {
		return fmt.Errorf("read the receipts of migration %s: %w", name, err)
	}
	var kind shard.Kind
	all := func() bool { return true }
	err = decodeEach(rows, []any{&kind}, all, func(r *shard.Receipt) error { return yield(kind, r) })
	if err != nil {
		return fmt.Errorf("read the receipts of migration %s: %w", name, err)
	}
	return nil
}
