package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// An Accepted is a mapping that a migration goes, or once went, by.
type Accepted struct {
	Hash        string
	Fingerprint string // of both schemas as far as the mapping uses them
	At          time.Time
}

// Accepted returns the mappings that the migration was told to go by, from the first to the one that it goes by now. A mapping that was accepted again
// is there again.
func (l *Ledger) Accepted(ctx context.Context, name string) ([]Accepted, error) {
	rows, err := l.pool.Query(ctx, `SELECT hash, fingerprint, at FROM rehome.accepted WHERE migration = $1 ORDER BY number`, name)
	what := "list the mappings of migration " + name
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(a *Accepted) []any { return []any{&a.Hash, &a.Fingerprint, &a.At} })
}

// AcceptMapping makes another mapping the migration's and moves all planned shards to it; those that are done keep theirs. The canonical form is kept, and
// the patch, a JSON object or nil, replaces what it names at the top of the plan's record. It returns how many planned shards still go by
// another mapping, as somebody works on them in this moment; they end by it, or the same call made again moves them. It does nothing
// twice.
func (l *Ledger) AcceptMapping(ctx context.Context, name string, a Accepted, canonical []byte, patch json.RawMessage) (working int, err error) {
	err = l.inTx(ctx, func(tx pgx.Tx) error {
		var hash, fingerprint string
		err := tx.QueryRow(ctx, `SELECT mapping_hash, fingerprint FROM rehome.migration WHERE name = $1 FOR UPDATE`, name).Scan(&hash, &fingerprint)
		if err != nil {
			return absent(err)
		}
		if hash != a.Hash || fingerprint != a.Fingerprint {
			if err := accept(ctx, tx, name, a, canonical); err != nil {
				return err
			}
			detail := map[string]string{"mapping": a.Hash, "was": hash}
			if err := event(ctx, tx, name, -1, 0, 0, "mapping accepted", detail); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE rehome.migration SET plan = plan || coalesce($2::jsonb, '{}') WHERE name = $1`, name, patch)
		if err != nil {
			return err
		}
		working, err = moveShards(ctx, tx, name, a.Hash)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("make mapping %s that of migration %s: %w", a.Hash, name, err)
	}
	return working, nil
}

func accept(ctx context.Context, tx pgx.Tx, name string, a Accepted, canonical []byte) error {
	if err := saveMapping(ctx, tx, a.Hash, canonical); err != nil {
		return err
	}
	if err := noteAccepted(ctx, tx, name, a); err != nil {
		return err
	}
	return update(ctx, tx, name, "set the mapping", `UPDATE rehome.migration SET mapping_hash = $2, fingerprint = $3 WHERE name = $1`, a.Hash, a.Fingerprint)
}

func noteAccepted(ctx context.Context, tx pgx.Tx, name string, a Accepted) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO rehome.accepted (migration, number, hash, fingerprint)
		SELECT $1, 1 + coalesce(max(number), 0), $2, $3 FROM rehome.accepted WHERE migration = $1`, name, a.Hash, a.Fingerprint)
	if err != nil {
		return fmt.Errorf("note that migration %s goes by mapping %s: %w", name, a.Hash, err)
	}
	return nil
}

// moveShards moves the planned shards whose rows nobody has locked.
func moveShards(ctx context.Context, tx pgx.Tx, name, hash string) (left int, err error) {
	_, err = tx.Exec(ctx, `
		UPDATE rehome.shard s SET mapping_hash = $2
		  FROM (SELECT ordinal, generation FROM rehome.shard
		         WHERE migration = $1 AND state = 'planned' AND mapping_hash <> $2
		         ORDER BY ordinal, generation FOR UPDATE SKIP LOCKED) AS free
		 WHERE s.migration = $1 AND s.ordinal = free.ordinal AND s.generation = free.generation`, name, hash)
	if err == nil {
		err = tx.QueryRow(ctx, `
			SELECT count(*) FROM rehome.shard WHERE migration = $1 AND state = 'planned' AND mapping_hash <> $2`, name, hash).Scan(&left)
	}
	return left, err
}
