package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// auditTables live as long as the transaction. A row is the audit's own where one of its units was first read by the audited shard;
// others of its kind, of redos, are known lest the legacy database's rows look new.
const auditTables = `
	CREATE TEMPORARY TABLE rehome_unit (
		ordinal integer, generation integer, unit integer, key bytea NOT NULL, hash bigint NOT NULL, own boolean NOT NULL
	) ON COMMIT DROP;
	CREATE TEMPORARY TABLE rehome_standing (
		entry integer NOT NULL, target_key bytea NOT NULL, legacy_key bytea NOT NULL, user_key bytea, digest bytea NOT NULL, own boolean NOT NULL
	) ON COMMIT DROP;
	CREATE TEMPORARY TABLE rehome_stash (
		entry integer NOT NULL, legacy_key bytea NOT NULL, user_key bytea, counts boolean NOT NULL
	) ON COMMIT DROP`

// fill lists what stands of the audited shard: the rows of its own manifest, and those that redos have brought for its units.
func (a *AuditBook) fill(ctx context.Context) error {
	id := a.claim.Shard.ID
	err := a.tx.QueryRow(ctx, `
		SELECT kind, entry, ordinal, generation FROM rehome.shard
		 WHERE migration = $1 AND ordinal = $2 AND state = 'done' ORDER BY generation DESC LIMIT 1`, id.Migration, a.claim.Shard.Parent).
		Scan(&a.of.Kind, &a.of.Entry, &a.of.Ordinal, &a.generation)
	if errors.Is(err, pgx.ErrNoRows) {
		return shard.Failf(shard.Defect, "shard %d, which is to be audited, is not done", a.claim.Shard.Parent)
	}
	if err != nil {
		return err
	}
	f := familyOf(a.of.Kind, a.of.Entry)
	if _, err := a.tx.Exec(ctx, auditTables); err != nil {
		return fmt.Errorf("make temporary tables (the role needs TEMPORARY on the database): %w", err)
	}
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{unitsOfShard, []any{id.Migration, a.of.Ordinal, a.generation, f.of, f.entry}},
		{usersByState, []any{id.Migration, a.of.Ordinal, a.generation, f.of}},
		{`ANALYZE pg_temp.rehome_unit`, nil},
		{unitsOfRedos, []any{id.Migration, f.of, f.entry}},
		{`ANALYZE pg_temp.rehome_unit`, nil},
		// The planner does not know how long the arrays are, and a nested loop over them never ends; nor does a merge of two sides that
		// are sorted by the shard alone. Joins by hash compare the keys.
		{`SET LOCAL enable_nestloop = off`, nil},
		{`SET LOCAL enable_mergejoin = off`, nil},
		{rowsOfShard, []any{id.Migration, a.of.Ordinal, a.generation, f.ofUsers()}},
		{rowsOfRedos, []any{id.Migration, a.of.Ordinal, a.generation, f.ofUsers()}},
		{`SET LOCAL enable_nestloop = on`, nil},
		{`SET LOCAL enable_mergejoin = on`, nil},
		{`CREATE INDEX ON pg_temp.rehome_standing USING hash (target_key)`, nil},
		{`ANALYZE pg_temp.rehome_standing`, nil},
	} {
		if _, err := a.tx.Exec(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}
	return nil
}

const unitsOfShard = `
	INSERT INTO pg_temp.rehome_unit
	SELECT r.ordinal, r.generation, r.block * 1000 + u.position - 1, u.key, u.hash, true
	  FROM rehome.roster r CROSS JOIN LATERAL unnest(r.keys, r.hashes) WITH ORDINALITY AS u (key, hash, position)
	 WHERE r.migration = $1 AND r.ordinal = $2 AND r.generation = $3 AND r.of_kind = $4 AND r.entry = $5 AND u.key IS NOT NULL`

// usersByState are those whom the shard was the first to read, and kept out.
const usersByState = `
	INSERT INTO pg_temp.rehome_unit
	SELECT NULL, NULL, NULL, x.user_key, x.user_hash, true
	  FROM rehome.user_state x
	 WHERE x.migration = $1 AND x.ordinal = $2 AND x.generation = $3 AND x.counted AND $4 = 'users'`

const unitsOfRedos = `
	INSERT INTO pg_temp.rehome_unit
	SELECT r.ordinal, r.generation, r.block * 1000 + u.position - 1, u.key, u.hash,
	       EXISTS (SELECT FROM pg_temp.rehome_unit w WHERE w.hash = u.hash AND w.key = u.key)
	  FROM rehome.roster r CROSS JOIN LATERAL unnest(r.keys, r.hashes) WITH ORDINALITY AS u (key, hash, position)
	 WHERE r.migration = $1 AND r.redo AND r.of_kind = $2 AND r.entry = $3 AND u.key IS NOT NULL
	   AND ($2 <> 'users' OR EXISTS (SELECT FROM pg_temp.rehome_unit w WHERE w.hash = u.hash AND w.key = u.key))`

// standingRows unnests manifests m. The digests of a block are read once, and each row takes its own before it meets anything else: what
// a join carries along for each row must be small.
const standingRows = `
	  FROM rehome.manifest m
	 CROSS JOIN LATERAL (
		SELECT r.unit, r.target_key, r.legacy_key, substr(d.digests, (16 * r.position - 15)::int, 16) AS digest
		  FROM (SELECT m.digests || ''::bytea AS digests OFFSET 0) AS d
		 CROSS JOIN LATERAL unnest(m.units, m.target_keys, m.legacy_keys) WITH ORDINALITY AS r (unit, target_key, legacy_key, position)
		OFFSET 0) AS t`

const notUndone = `
	   AND NOT EXISTS (SELECT FROM rehome.undone x
	                    WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
	                      AND x.ordinal = m.ordinal AND x.generation = m.generation)`

const rowsOfShard = `
	INSERT INTO pg_temp.rehome_standing
	SELECT m.entry, t.target_key, t.legacy_key, CASE WHEN $4 THEN w.key END, t.digest, true` + standingRows + `
	  LEFT JOIN pg_temp.rehome_unit w ON w.ordinal = m.ordinal AND w.generation = m.generation AND w.unit = t.unit
	 WHERE m.migration = $1 AND m.ordinal = $2 AND m.generation = $3` + notUndone

const rowsOfRedos = `
	INSERT INTO pg_temp.rehome_standing
	SELECT m.entry, t.target_key, t.legacy_key, CASE WHEN $4 THEN w.key END, t.digest, w.own` + standingRows + `
	  JOIN pg_temp.rehome_unit w ON w.ordinal = m.ordinal AND w.generation = m.generation AND w.unit = t.unit
	 WHERE m.migration = $1 AND (m.ordinal, m.generation) IN (SELECT ordinal, generation FROM pg_temp.rehome_unit)
	   AND (m.ordinal, m.generation) <> ($2, $3)` + notUndone

// Standing returns the name of a table with a column target_key that holds the keys of all rows of the entries that stand by our doing.
func (a *AuditBook) Standing(ctx context.Context, entries []int) (string, error) {
	const name = "pg_temp.rehome_known"
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`CREATE TEMPORARY TABLE rehome_known (target_key bytea NOT NULL) ON COMMIT DROP`, nil},
		{`SET LOCAL enable_nestloop = off`, nil},
		{`SET LOCAL enable_mergejoin = off`, nil},
		{`INSERT INTO ` + name + ` SELECT t.target_key FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.target_keys) AS t (target_key)
		   WHERE m.migration = $1 AND m.entry = ANY ($2)` + notUndone, []any{a.claim.Shard.Migration, entries}},
		{`ANALYZE ` + name, nil},
	} {
		if _, err := a.tx.Exec(ctx, step.sql, step.args...); err != nil {
			return "", a.failed(err, "list all rows that stand")
		}
	}
	return name, nil
}
