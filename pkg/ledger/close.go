package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// rosterBlock is how many units one row of rehome.roster holds; the view rehome.users counts on it.
const rosterBlock = 1000

// Close writes who arrived, what did not and why, and the receipt, and turns the shard to done. Nothing may come between it and
// Commit. The receipt's ID, State, Wave, Attempt, Mapping and Xid are the ledger's own. What a redo found of its units is replaced. The error is a
// shard.Stale failure if the shard is not ours any more, and a shard.Defect failure where a redo's Users are not what its units' states say.
func (b *Book) Close(ctx context.Context, o shard.Outcome) error {
	s := &b.claim.Shard
	r := o.Receipt
	r.ID, r.State, r.Wave, r.Attempt, r.Mapping, r.Xid = s.ID, shard.Done, s.Wave, b.claim.Token, b.claim.Mapping, b.xid
	if r.Finished.IsZero() {
		r.Finished = time.Now()
	}
	waves, err := b.writeOutcome(ctx, &o)
	if err != nil {
		return err
	}
	if err := b.turnDone(ctx, &r, waves); err != nil {
		return err
	}
	b.receipt = &r
	return nil
}

func (b *Book) writeOutcome(ctx context.Context, o *shard.Outcome) (waves []byWave, err error) {
	n := b.named(o)
	switch b.claim.Shard.Kind {
	case shard.Audit:
		return nil, nil
	case shard.Redo:
		waves, err = b.writeAgain(ctx, o, n)
	default:
		err = b.writeRead(ctx, o, n)
	}
	if err != nil {
		return nil, err
	}
	if err := b.writeRefusals(ctx, n, o.Refusals); err != nil {
		return nil, err
	}
	if err := b.writeWaits(ctx, n, o.Waits); err != nil {
		return nil, err
	}
	if err := b.writeCollisions(ctx, n, o.Collisions); err != nil {
		return nil, err
	}
	return waves, b.writeConflicts(ctx, n, o.Conflicts)
}

// named returns the units of the outcome by their families.
func (b *Book) named(o *shard.Outcome) []unit {
	f, own, out := b.family(), len(o.Units)-o.Guests, make([]unit, 0, len(o.Units))
	for _, key := range f.keys(o.Units[:own]) {
		out = append(out, unit{f, key})
	}
	for i, key := range o.Units[own:] {
		of := userFamily
		if w, row := o.GuestRows[int32(own+i)]; row {
			of = familyOf(w.Kind, w.Entry)
		}
		out = append(out, unit{of, of.key(key)})
	}
	return out
}

// writeRead writes who was read for the first time. Users who were kept out are in no roster: they did not arrive.
func (b *Book) writeRead(ctx context.Context, o *shard.Outcome, units []unit) error {
	if !b.family().ofUsers() {
		b.read = b.roster(units, o.Sums, nil)
		return nil
	}
	b.read = b.roster(units, o.Sums, o.Quarantined)
	out := slices.Sorted(maps.Keys(o.Quarantined))
	keys, sums := make([][]byte, len(out)), make([][]shard.Table, len(out))
	for i, unit := range out {
		keys[i], sums[i] = units[unit].key, o.Sums[unit]
	}
	if err := amend(ctx, b.tx, b.claim.Shard.Migration, userFamily, keys, sums); err != nil {
		return err
	}
	columns := []string{"user_hash", "user_key", "state", "cause"}
	return b.copy(ctx, "user_state", columns, len(out), func(n int) []any {
		return []any{checksum.Key(keys[n]), keys[n], "quarantined", o.Quarantined[out[n]]}
	})
}

// A rosterRow names units of one family and block.
type rosterRow struct {
	family
	block  int
	redo   bool
	keys   [][]byte // nil for a unit that is of another family, or left out
	counts []byte
}

var rosterColumns = []string{"block", "of_kind", "entry", "redo", "keys", "hashes", "counts"}

func (r *rosterRow) values() []any {
	return []any{r.block, r.of, r.entry, r.redo, &keyArray{keys: r.keys}, &hashArray{keys: r.keys}, r.counts}
}

// roster names the units but those that are left out, in rows of one family and block each.
func (b *Book) roster(units []unit, sums map[int32][]shard.Table, without map[int32]string) (rows []*rosterRow) {
	open := map[family]*rosterRow{}
	for i, u := range units {
		block := i / rosterBlock
		r := open[u.family]
		if r == nil || r.block != block {
			size := min(len(units)-block*rosterBlock, rosterBlock)
			r = &rosterRow{family: u.family, block: block, redo: b.claim.Shard.Kind == shard.Redo, keys: make([][]byte, size), counts: []byte{}}
			open[u.family], rows = r, append(rows, r)
		}
		if _, out := without[int32(i)]; out {
			continue
		}
		at := i % rosterBlock
		r.keys[at] = u.key
		if kept := counted(sums[int32(i)]); len(kept) > 0 {
			r.counts = appendBlockCounts(r.counts, at, kept)
		}
	}
	return rows
}

func (b *Book) writeRefusals(ctx context.Context, units []unit, refusals []shard.Refusal) error {
	columns := append([]string{"entry", "legacy_key", "cause"}, unitColumns...)
	return b.copy(ctx, "set_aside", columns, len(refusals), func(n int) []any {
		r, u := refusals[n], units[refusals[n].Unit]
		if r.Entry < 0 && !u.ofUsers() {
			r.Entry = u.entry // which row it was nobody could tell, but all of the unit's are of one entry
		}
		return append([]any{r.Entry, orNull(r.LegacyKey), r.Cause}, u.columns()...)
	})
}

// orNull turns an empty key into NULL.
func orNull(key []byte) []byte {
	if len(key) == 0 {
		return nil
	}
	return key
}

func (b *Book) writeWaits(ctx context.Context, units []unit, waits []shard.Wait) error {
	columns := append([]string{"entry", "legacy_key", "cause", "needs_table", "needs_key"}, unitColumns...)
	return b.copy(ctx, "waiting", columns, len(waits), func(n int) []any {
		w := waits[n]
		return append([]any{w.Entry, notNil(w.LegacyKey), w.Cause, w.Needs, notNil(w.NeedsKey)}, units[w.Unit].columns()...)
	})
}

func (b *Book) writeCollisions(ctx context.Context, units []unit, collisions []shard.Collision) error {
	columns := []string{"entry", "of_kind", "unit_key", "cause", "target_key"}
	return b.copy(ctx, "collision", columns, len(collisions), func(n int) []any {
		c := collisions[n]
		return []any{c.Entry, units[c.Unit].of, units[c.Unit].key, c.Cause, notNil(c.TargetKey)}
	})
}

func (b *Book) writeConflicts(ctx context.Context, units []unit, conflicts []shard.Conflict) error {
	var batch pgx.Batch
	for _, c := range conflicts {
		u := unit{family: b.family()}
		if c.Unit >= 0 {
			u = units[c.Unit]
		}
		args := append([]any{b.claim.Shard.Migration, b.claim.Shard.Ordinal, b.claim.Shard.Generation, c.Entry, notNil(c.TargetKey),
			orNull(c.LegacyKey), c.Kind, c.Settled}, u.columns()...)
		batch.Queue(`
			INSERT INTO rehome.conflict (migration, ordinal, generation, entry, target_key, legacy_key, kind, settled, of_kind, user_key, unit_key)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
			ON CONFLICT (migration, entry, target_key) DO UPDATE
			   SET ordinal = excluded.ordinal, generation = excluded.generation, legacy_key = excluded.legacy_key, kind = excluded.kind,
			       settled = excluded.settled, of_kind = excluded.of_kind, user_key = excluded.user_key, unit_key = excluded.unit_key, at = excluded.at`, args...)
	}
	if err := b.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("write %d conflicts of shard %s: %w", len(conflicts), b.claim.Shard.ID, err)
	}
	return nil
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

// turnDone writes the roster of who was read for the first time, that the shard is applied, and turns it to done, in one round trip.
func (b *Book) turnDone(ctx context.Context, r *shard.Receipt, waves []byWave) error {
	var changed any // NULL, and not the JSON null, where there are none
	if waves != nil {
		changed = waves
	}
	var batch pgx.Batch
	for _, row := range b.read {
		batch.Queue(`
			INSERT INTO rehome.roster (migration, ordinal, generation, block, of_kind, entry, redo, keys, hashes, counts)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, append([]any{r.Migration, r.Ordinal, r.Generation}, row.values()...)...)
	}
	batch.Queue(insertEvent, r.Migration, r.Ordinal, r.Generation, b.claim.Token, "applied", struct{}{})
	batch.Queue(`
		UPDATE rehome.shard
		   SET state = 'done', receipt = $5, xid = pg_current_xact_id(), done_at = clock_timestamp(), migrated = $6, quarantined = $7, written = $8,
		       waves = $9, accounts = true, trace_id = coalesce(nullif($10, ''), trace_id), holder = NULL, holder_pid = NULL, holder_started = NULL
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state = 'planned' AND attempt = $4`,
		r.Migration, r.Ordinal, r.Generation, b.claim.Token, r, r.Users.Migrated, r.Users.Quarantined, written(r), changed, b.claim.TraceID)
	results := b.tx.SendBatch(ctx, &batch)
	return errors.Join(b.done(results, r), results.Close())
}

// done reads what became of turnDone's statements.
func (b *Book) done(results pgx.BatchResults, r *shard.Receipt) error {
	for range b.read {
		if _, err := results.Exec(); err != nil {
			return fmt.Errorf("write the roster of shard %s: %w", r.ID, err)
		}
	}
	if _, err := results.Exec(); sqlState(err) == uniqueViolation {
		return shard.Fail(shard.Stale, "", fmt.Errorf("log that shard %s is applied: %w", r.ID, err))
	} else if err != nil {
		return fmt.Errorf("log that shard %s is applied: %w", r.ID, err)
	}
	switch tag, err := results.Exec(); {
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
