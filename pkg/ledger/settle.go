package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// A Row is a row of the manifest that stands in the target.
type Row struct {
	Ordinal    int // of the shard that brought it
	Generation int
	Entry      int
	User       []byte // canonical text of its user's key; nil for a row without a user
	unit       unit   // whose rows the shard read; without a key where the first release has read a row without a user
	TargetKey  []byte // as in shard.Arrived
	LegacyKey  []byte // as in shard.Arrived
	Digest     checksum.Sum
}

// standing selects rows of the manifest m that were not taken out again, unnested as t.
const standing = `
	SELECT m.ordinal, m.generation, m.entry, m.block, t.position, t.unit, t.target_key, t.legacy_key
	  FROM rehome.manifest m
	 CROSS JOIN LATERAL unnest(m.units, m.target_keys, m.legacy_keys) WITH ORDINALITY AS t (unit, target_key, legacy_key, position)
	 WHERE m.migration = $1
	   AND NOT EXISTS (SELECT FROM rehome.undone x
	                    WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
	                      AND x.ordinal = m.ordinal AND x.generation = m.generation)`

// withOwners gathers what a query "found" has selected by blocks of the manifest: large values of a block or a roster are then read
// once, and not for each row.
const withOwners = `, owners AS MATERIALIZED (
		SELECT r.ordinal, r.generation, (r.block * 1000 + u.position - 1)::int AS unit, u.key, r.of_kind
		  FROM rehome.roster r
		 CROSS JOIN LATERAL unnest(r.keys) WITH ORDINALITY AS u (key, position)
		 WHERE r.migration = $1 AND u.key IS NOT NULL AND (r.ordinal, r.generation, r.block) IN (SELECT ordinal, generation, unit / 1000 FROM found)
	), blocks AS (
		SELECT ordinal, generation, entry, block, array_agg(f.position::int) AS positions,
		       array_agg(o.key) AS units, array_agg(o.of_kind) AS kinds, array_agg(f.target_key) AS targets, array_agg(f.legacy_key) AS legacies
		  FROM found f LEFT JOIN owners o USING (ordinal, generation, unit)
		 GROUP BY ordinal, generation, entry, block
	)
	SELECT b.ordinal, b.generation, b.entry, b.positions, b.units, b.kinds, b.targets, b.legacies, m.digests
	  FROM blocks b JOIN rehome.manifest m USING (ordinal, generation, entry, block)
	 WHERE m.migration = $1`

// findAtOnce is how many keys one statement looks for: their hash table must fit into the server's default work_mem.
const findAtOnce = 20_000

// Find returns the standing rows of the entry that have the given target keys. It reads the entry's whole manifest: ask for many at once.
func (l *Ledger) Find(ctx context.Context, tx pgx.Tx, name string, entry int, targetKeys [][]byte) ([]Row, error) {
	var found []Row
	for part := range slices.Chunk(targetKeys, findAtOnce) {
		rows, err := find(ctx, tx, name, entry, part)
		if err != nil {
			return nil, err
		}
		found = append(found, rows...)
	}
	return found, nil
}

// IS TRUE makes the server hash the keys once; as a join it would hash them again for each block of the manifest.
func find(ctx context.Context, tx pgx.Tx, name string, entry int, targetKeys [][]byte) ([]Row, error) {
	what := fmt.Sprintf("find %d rows of entry %d of migration %s in the manifest", len(targetKeys), entry, name)
	rows, err := tx.Query(ctx, `
		WITH found AS MATERIALIZED (`+standing+`
		   AND m.entry = $2 AND (t.target_key IN (SELECT unnest($3::bytea[]))) IS TRUE)`+withOwners, name, entry, targetKeys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collectRows(rows, what)
}

// RowsOf returns all standing rows of the users with the given canonical keys. It reads all rosters, and the manifests of the shards that hold the users.
func (l *Ledger) RowsOf(ctx context.Context, tx pgx.Tx, name string, users [][]byte) ([]Row, error) {
	hashes := make([]int64, len(users))
	for i, user := range users {
		hashes[i] = checksum.Key(user)
	}
	what := fmt.Sprintf("find the rows of %d users of migration %s in the manifest", len(users), name)
	rows, err := tx.Query(ctx, `
		WITH wanted AS MATERIALIZED (
			SELECT q.ordinal, q.generation, (q.block * 1000 + u.position - 1)::int AS unit
			  FROM rehome.roster q
			 CROSS JOIN LATERAL unnest(q.hashes, q.keys) WITH ORDINALITY AS u (hash, key, position)
			  JOIN unnest($2::bigint[], $3::bytea[]) AS w (hash, key) ON w.hash = u.hash AND w.key = u.key
			 WHERE q.migration = $1 AND q.of_kind = 'users'
		), found AS MATERIALIZED (`+standing+`
		   AND (m.ordinal, m.generation) IN (SELECT ordinal, generation FROM wanted)
		   AND ((m.ordinal, m.generation, t.unit) IN (SELECT ordinal, generation, unit FROM wanted)) IS TRUE)`+withOwners, name, hashes, users)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collectRows(rows, what)
}

// collectRows reads what withOwners selects.
func collectRows(rows pgx.Rows, what string) ([]Row, error) {
	var out []Row
	var block Row
	var positions []int32
	var units, targets, legacies [][]byte
	var kinds []*shard.Kind
	var digests []byte
	_, err := pgx.ForEachRow(rows, []any{&block.Ordinal, &block.Generation, &block.Entry, &positions, &units, &kinds, &targets, &legacies, &digests}, func() error {
		for i, position := range positions {
			r := block
			r.own(kinds[i], units[i])
			r.TargetKey, r.LegacyKey = targets[i], legacies[i]
			sum, err := digestAt(digests, position)
			if err != nil {
				return err
			}
			r.Digest = sum
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

// own names the unit that a roster says the row is of.
func (r *Row) own(kind *shard.Kind, key []byte) {
	if kind == nil {
		return
	}
	r.unit = unit{familyOf(*kind, r.Entry), key}
	if r.unit.ofUsers() {
		r.User = key
	}
}

// A Settlement is what settling takes out of the target after the load.
type Settlement struct {
	Wave        int
	Undone      []Row             // rows that were deleted
	Quarantined map[string]string // canonical key of a user to cause; all of their rows must be among Undone
	Waits       []Needed
	Refusals    []Refused
	Receipt     shard.Receipt // signed sums; ID, State and Xid are the ledger's own
}

// A Needed is a row that waits, by its user's key, nil for a row without a user.
type Needed struct {
	User []byte
	shard.Wait
}

// A Refused is a row that was set aside, by its user's key, nil for a row without a user.
type Refused struct {
	User   []byte
	Others [][]byte // of a unique collision: the keys of the other users in it, a few of them
	shard.Refusal
}

// WriteSettle writes the settlement into the transaction that deletes the rows, as a shard of its own, and returns its receipt. A row cannot be taken
// out twice. A user who is quarantined already keeps the first cause.
func (l *Ledger) WriteSettle(ctx context.Context, tx pgx.Tx, name string, s Settlement) (*shard.Receipt, error) {
	r := s.Receipt
	waves, err := settledWaves(ctx, tx, name, s.Quarantined)
	if err != nil {
		return nil, err
	}
	if err := insertSettle(ctx, tx, name, s.Wave, &r, waves); err != nil {
		return nil, err
	}
	if err := writeUndone(ctx, tx, r.ID, s.Undone); err != nil {
		return nil, err
	}
	if err := quarantine(ctx, tx, r.ID, s.Quarantined); err != nil {
		return nil, err
	}
	if err := writeSettled(ctx, tx, r.ID, &s); err != nil {
		return nil, err
	}
	return &r, event(ctx, tx, name, r.Ordinal, 0, 1, "applied", map[string]int{"undone": len(s.Undone)})
}

// A Waited counts rows of one entry that waited for one cause.
type Waited struct {
	Entry int
	Cause string
	Rows  int64 // of the row source
}

// EndWaiting forgets the waiting rows of the users with the given canonical keys, who are quarantined in the same transaction, and
// returns how many they were. They count as set aside in the users' accounts.
func (l *Ledger) EndWaiting(ctx context.Context, tx pgx.Tx, name string, users [][]byte) ([]Waited, error) {
	what := fmt.Sprintf("end the waiting for %d users of migration %s", len(users), name)
	rows, err := tx.Query(ctx, `
		WITH ended AS (DELETE FROM rehome.waiting WHERE migration = $1 AND user_key = ANY ($2) RETURNING user_key, entry, cause, legacy_key)
		SELECT user_key, entry, cause, count(DISTINCT legacy_key) FROM ended GROUP BY user_key, entry, cause ORDER BY entry, cause, user_key`, name, users)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var out []Waited
	var next Waited
	var user []byte
	more := map[string][]shard.Table{}
	_, err = pgx.ForEachRow(rows, []any{&user, &next.Entry, &next.Cause, &next.Rows}, func() error {
		last := len(out) - 1
		if last < 0 || out[last].Entry != next.Entry || out[last].Cause != next.Cause {
			out, last = append(out, Waited{Entry: next.Entry, Cause: next.Cause}), last+1
		}
		out[last].Rows += next.Rows
		more[string(user)] = append(more[string(user)], shard.Table{Entry: next.Entry, SetAside: next.Rows})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, addSums(ctx, tx, name, map[family]map[string][]shard.Table{userFamily: more})
}

func insertSettle(ctx context.Context, tx pgx.Tx, name string, wave int, r *shard.Receipt, waves []byWave) error {
	ordinal, err := takeOrdinals(ctx, tx, name, 1)
	if err != nil {
		return err
	}
	m, err := load(ctx, tx, name)
	if err != nil {
		return err
	}
	r.ID = shard.ID{Migration: name, Run: m.Run, Ordinal: ordinal}
	r.State, r.Wave, r.Attempt, r.Mapping = shard.Done, wave, 1, m.Mapping
	if err := tx.QueryRow(ctx, `SELECT pg_current_xact_id()::text::numeric`).Scan(&r.Xid); err != nil {
		return fmt.Errorf("write the settlement of migration %s: %w", name, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO rehome.shard (migration, ordinal, generation, kind, wave, entry, cell_first, cell_limit, users, weight, parent, state,
		                          mapping_hash, attempt, receipt, xid, migrated, quarantined, written, waves, accounts, done_at)
		VALUES ($1, $2, 0, $3, $4, -1, 0, 0, 0, 0, -1, 'done', $5, 1, $6, pg_current_xact_id(), $7, $8, $9, $10, true, clock_timestamp())`,
		name, ordinal, shard.Settle, wave, m.Mapping, r, r.Users.Migrated, r.Users.Quarantined, written(r), waves)
	if err != nil {
		return fmt.Errorf("write the settlement of migration %s: %w", name, err)
	}
	return nil
}

func writeUndone(ctx context.Context, tx pgx.Tx, by shard.ID, undone []Row) error {
	columns := []string{"migration", "ordinal", "generation", "entry", "target_key", "by_ordinal"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"rehome", "undone"}, columns, pgx.CopyFromSlice(len(undone), func(n int) ([]any, error) {
		r := undone[n]
		return []any{by.Migration, r.Ordinal, r.Generation, r.Entry, r.TargetKey, by.Ordinal}, nil
	}))
	if err != nil {
		return fmt.Errorf("note that %d rows of migration %s were taken out: %w", len(undone), by.Migration, err)
	}
	return nil
}

func quarantine(ctx context.Context, tx pgx.Tx, by shard.ID, users map[string]string) error {
	var hashes []int64
	var keys [][]byte
	var causes []string
	for user, cause := range users {
		hashes, keys, causes = append(hashes, checksum.Key([]byte(user))), append(keys, []byte(user)), append(causes, cause)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO rehome.user_state AS s (migration, user_hash, user_key, state, cause, ordinal, generation, counted, by_ordinal)
		SELECT $1, hash, key, 'quarantined', cause, $2, 0, false, $2 FROM unnest($3::bigint[], $4::bytea[], $5::text[]) AS u (hash, key, cause)
		ON CONFLICT (migration, user_hash, user_key) DO UPDATE
		   SET state = excluded.state, cause = excluded.cause, by_ordinal = excluded.by_ordinal, at = excluded.at
		 WHERE s.state <> 'quarantined'`, by.Migration, by.Ordinal, hashes, keys, causes)
	if err != nil {
		return fmt.Errorf("quarantine %d users of migration %s: %w", len(users), by.Migration, err)
	}
	return nil
}
