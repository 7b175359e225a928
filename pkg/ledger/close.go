package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// rosterBlock is how many units one row of rehome.roster holds; the view rehome.users counts on it.
const rosterBlock = 1000

// Close writes who arrived, what did not and why, and the receipt, and turns the shard to done. Nothing may come between it and
// Commit. The receipt's ID, State, Wave, Attempt, Mapping and Xid are the ledger's own. The error is a shard.Stale failure if the shard is not ours any more.
func (b *Book) Close(ctx context.Context, o shard.Outcome) error {
	s := &b.claim.Shard
	r := o.Receipt
	r.ID, r.State, r.Wave, r.Attempt, r.Mapping, r.Xid = s.ID, shard.Done, s.Wave, b.claim.Token, b.claim.Mapping, b.xid
	if r.Finished.IsZero() {
		r.Finished = time.Now()
	}
	if err := b.writeOutcome(ctx, &o); err != nil {
		return err
	}
	if err := event(ctx, b.tx, s.Migration, s.Ordinal, s.Generation, b.claim.Token, "applied", struct{}{}); err != nil {
		if sqlState(err) == uniqueViolation {
			return shard.Fail(shard.Stale, "", err)
		}
		return err
	}
	if err := b.turnDone(ctx, &r); err != nil {
		return err
	}
	b.receipt = &r
	return nil
}

func (b *Book) writeOutcome(ctx context.Context, o *shard.Outcome) error {
	keys := make([][]byte, len(o.Units))
	for i, unit := range o.Units {
		keys[i] = unit.Canonical()
	}
	if b.claim.Shard.Units().ByUser() {
		if err := b.writeRoster(ctx, keys, o.Quarantined); err != nil {
			return err
		}
		if err := b.writeQuarantined(ctx, keys, o.Quarantined); err != nil {
			return err
		}
	}
	if err := b.writeRefusals(ctx, keys, o.Refusals); err != nil {
		return err
	}
	if err := b.writeWaits(ctx, keys, o.Waits); err != nil {
		return err
	}
	return b.writeCollisions(ctx, keys, o.Collisions)
}

func (b *Book) writeRoster(ctx context.Context, keys [][]byte, quarantined map[int32]string) error {
	arrived, hashes := slices.Clone(keys), make([]*int64, len(keys))
	for i, key := range keys {
		if _, out := quarantined[int32(i)]; out {
			arrived[i] = nil
			continue
		}
		hash := checksum.Key(key)
		hashes[i] = &hash
	}
	blocks := (len(keys) + rosterBlock - 1) / rosterBlock
	return b.copy(ctx, "roster", []string{"block", "keys", "hashes"}, blocks, func(n int) []any {
		from, to := n*rosterBlock, min((n+1)*rosterBlock, len(keys))
		return []any{n, arrived[from:to], hashes[from:to]}
	})
}

func (b *Book) writeQuarantined(ctx context.Context, keys [][]byte, quarantined map[int32]string) error {
	units := make([]int32, 0, len(quarantined))
	for unit := range quarantined {
		units = append(units, unit)
	}
	slices.Sort(units)
	columns := []string{"user_hash", "user_key", "state", "cause"}
	return b.copy(ctx, "user_state", columns, len(units), func(n int) []any {
		key := keys[units[n]]
		return []any{checksum.Key(key), key, "quarantined", quarantined[units[n]]}
	})
}

func (b *Book) writeRefusals(ctx context.Context, keys [][]byte, refusals []shard.Refusal) error {
	return b.copy(ctx, "set_aside", []string{"entry", "user_key", "legacy_key", "cause"}, len(refusals), func(n int) []any {
		r := refusals[n]
		legacy := r.LegacyKey
		if len(legacy) == 0 {
			legacy = nil
		}
		return []any{r.Entry, b.user(keys, r.Unit), legacy, r.Cause}
	})
}

func (b *Book) writeWaits(ctx context.Context, keys [][]byte, waits []shard.Wait) error {
	columns := []string{"entry", "user_key", "legacy_key", "cause", "needs_table", "needs_key"}
	return b.copy(ctx, "waiting", columns, len(waits), func(n int) []any {
		w := waits[n]
		return []any{w.Entry, b.user(keys, w.Unit), notNil(w.LegacyKey), w.Cause, w.Needs, notNil(w.NeedsKey)}
	})
}

func (b *Book) writeCollisions(ctx context.Context, keys [][]byte, collisions []shard.Collision) error {
	columns := []string{"entry", "unit_key", "cause", "target_key"}
	return b.copy(ctx, "collision", columns, len(collisions), func(n int) []any {
		c := collisions[n]
		return []any{c.Entry, keys[c.Unit], c.Cause, notNil(c.TargetKey)}
	})
}

// user returns the key of the unit if units are users, else NULL.
func (b *Book) user(keys [][]byte, unit int32) []byte {
	if !b.claim.Shard.Units().ByUser() {
		return nil
	}
	return keys[unit]
}

// copy writes n rows of the shard to one of our tables.
func (b *Book) copy(ctx context.Context, table string, columns []string, n int, row func(int) []any) error {
	if n == 0 {
		return nil
	}
	return copyRows(ctx, b.tx, b.claim.Shard.ID, table, columns, n, row)
}

func copyRows(ctx context.Context, tx pgx.Tx, id shard.ID, table string, columns []string, n int, row func(int) []any) error {
	columns = append([]string{"migration", "ordinal", "generation"}, columns...)
	source := pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		return append([]any{id.Migration, id.Ordinal, id.Generation}, row(i)...), nil
	})
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"rehome", table}, columns, source); err != nil {
		return fmt.Errorf("write %d rows of shard %s to rehome.%s: %w", n, id, table, err)
	}
	return nil
}

func (b *Book) turnDone(ctx context.Context, r *shard.Receipt) error {
	tag, err := b.tx.Exec(ctx, `
		UPDATE rehome.shard
		   SET state = 'done', receipt = $5, xid = pg_current_xact_id(), done_at = clock_timestamp(), migrated = $6, quarantined = $7, written = $8,
		       holder = NULL, holder_pid = NULL, holder_started = NULL
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state = 'planned' AND attempt = $4`,
		r.Migration, r.Ordinal, r.Generation, b.claim.Token, r, r.Users.Migrated, r.Users.Quarantined, written(r))
	switch {
	case err != nil:
		return fmt.Errorf("turn shard %s to done: %w", r.ID, err)
	case tag.RowsAffected() != 1:
		return shard.Failf(shard.Stale, "turn shard %s to done: it is not held under token %d any more", r.ID, b.claim.Token)
	}
	return nil
}

func written(r *shard.Receipt) (rows int64) {
	for _, t := range r.Tables {
		rows += t.Written
	}
	return rows
}
