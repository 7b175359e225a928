package ledger

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Home is where a unit was first read.
type Home struct {
	Ordinal, Generation int // of the shard; -1 and 0 for a row without a user that a redo was the first to read
	Wave                int
	Cells               [2]int // of users: as in shard.Shard
}

// A Kept is a unit that was kept out of the target, or has rows that were.
type Kept struct {
	Of     shard.Kind // OfUsers, Unowned or OwnKey
	Entry  int        // of a unit that is no user; else -1
	Unit   keyspace.Key
	Causes []string // all that the ledger names, each once, sorted: of the unit, and of its rows that are set aside or wait
	Home   Home
}

// Kept streams the users who are quarantined, and those and the rows without a user that have rows which are set aside or wait, if any of their
// causes is among the given ones, or whatever they are where nil is given: users first, by the shards that first read them. Of a row without
// a user that the first release has read by a key of its own, Unit is nil. It holds a connection of the pool until the loop ends.
func (l *Ledger) Kept(ctx context.Context, name string, causes []string) iter.Seq2[Kept, error] {
	return func(yield func(Kept, error) bool) {
		err := l.kept(ctx, name, causes, func(k Kept) bool { return yield(k, nil) })
		if err != nil {
			yield(Kept{}, fmt.Errorf("ask who is kept out by migration %s: %w", name, err))
		}
	}
}

func (l *Ledger) kept(ctx context.Context, name string, causes []string, yield func(Kept) bool) error {
	rows, err := l.pool.Query(ctx, `
		WITH each AS (
			SELECT 'users' AS of_kind, -1 AS entry, user_key AS key, cause, NULL::int AS ordinal, NULL::int AS generation
			  FROM rehome.user_state WHERE migration = $1 AND state = 'quarantined'
			UNION ALL
			SELECT of_kind, CASE WHEN user_key IS NULL THEN entry ELSE -1 END, coalesce(user_key, unit_key), cause, ordinal, generation
			  FROM rehome.set_aside WHERE migration = $1
			UNION ALL
			SELECT of_kind, CASE WHEN user_key IS NULL THEN entry ELSE -1 END, coalesce(user_key, unit_key), cause, ordinal, generation
			  FROM rehome.waiting WHERE migration = $1
		), units AS MATERIALIZED (
			SELECT of_kind, entry, key, array_agg(DISTINCT cause ORDER BY cause) AS causes, min(ordinal) AS ordinal, min(generation) AS generation
			  FROM each GROUP BY of_kind, entry, key
			HAVING $2::text[] IS NULL OR bool_or(cause = ANY ($2))
		), homes AS (
			SELECT x.user_key AS key, x.ordinal, x.generation
			  FROM rehome.user_state x WHERE x.migration = $1 AND x.counted
			UNION ALL
			SELECT u.key, r.ordinal, r.generation
			  FROM rehome.roster r CROSS JOIN LATERAL unnest(r.keys) AS u (key)
			 WHERE r.migration = $1 AND r.of_kind = 'users' AND NOT r.redo AND u.key IS NOT NULL
		)
		SELECT k.of_kind, k.entry, k.key, k.causes, coalesce(h.ordinal, k.ordinal, -1), coalesce(h.generation, k.generation, 0),
		       coalesce(s.wave, 0), coalesce(s.cell_first, 0), coalesce(s.cell_limit, 0)
		  FROM units k
		  LEFT JOIN homes h ON h.key = k.key AND k.of_kind = 'users'
		  LEFT JOIN rehome.shard s ON s.migration = $1 AND s.ordinal = coalesce(h.ordinal, k.ordinal) AND s.generation = coalesce(h.generation, k.generation)
		 ORDER BY k.of_kind = 'users' DESC, k.of_kind, k.entry, s.cell_first, 5, k.key`, name, causes)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		k, err := scanKept(rows)
		if err != nil {
			return err
		}
		if !yield(k) {
			return nil
		}
	}
	return rows.Err()
}

func scanKept(row pgx.CollectableRow) (k Kept, err error) {
	var key []byte
	err = row.Scan(&k.Of, &k.Entry, &key, &k.Causes, &k.Home.Ordinal, &k.Home.Generation, &k.Home.Wave, &k.Home.Cells[0], &k.Home.Cells[1])
	if err != nil || key == nil {
		return k, err
	}
	k.Unit, err = familyOf(k.Of, k.Entry).parse(key)
	return k, err
}

// A Roll is a part of the units that a shard was the first to read.
type Roll struct {
	Of     shard.Kind // OfUsers, Unowned or OwnKey
	Entry  int        // of units that are no users; else -1
	Units  []keyspace.Key
	States []string // of users, by position, as in shard.Account; nil where units are no users
	Home   Home
}

// Units streams all units that were read, each once, but for users of discarded shards: users first, by their shards, up to 1,000 at a time. It holds a connection of the pool until the loop ends.
func (l *Ledger) Units(ctx context.Context, name string) iter.Seq2[Roll, error] {
	return func(yield func(Roll, error) bool) {
		err := l.units(ctx, name, func(r Roll) bool { return yield(r, nil) })
		if err != nil {
			yield(Roll{}, fmt.Errorf("read whom migration %s has read: %w", name, err))
		}
	}
}

func (l *Ledger) units(ctx context.Context, name string, yield func(Roll) bool) error {
	rows, err := l.pool.Query(ctx, `
		WITH units AS (
			SELECT r.of_kind, r.entry, u.key, u.hash, r.ordinal, r.generation
			  FROM rehome.roster r CROSS JOIN LATERAL unnest(r.keys, r.hashes) AS u (key, hash)
			 WHERE r.migration = $1 AND NOT r.redo AND u.key IS NOT NULL
			UNION ALL
			SELECT 'users', -1, x.user_key, x.user_hash, x.ordinal, x.generation FROM rehome.user_state x WHERE x.migration = $1 AND x.counted
			   AND NOT EXISTS (SELECT FROM rehome.shard d WHERE d.migration = $1 AND d.ordinal = x.ordinal AND d.generation = x.generation AND d.state = 'discarded')
			UNION ALL
			SELECT of_kind, entry, key, hash, -1, 0
			  FROM (SELECT a.of_kind, a.entry, a.unit_key AS key, a.unit_hash AS hash
			          FROM rehome.account a WHERE a.migration = $1 AND a.of_kind <> 'users'
			        EXCEPT
			        SELECT r.of_kind, r.entry, u.key, u.hash
			          FROM rehome.roster r CROSS JOIN LATERAL unnest(r.keys, r.hashes) AS u (key, hash)
			         WHERE r.migration = $1 AND NOT r.redo AND r.of_kind <> 'users') AS a
		)
		SELECT u.of_kind, u.entry, u.key, coalesce(x.state, 'migrated'), u.ordinal, u.generation,
		       coalesce(s.wave, 0), coalesce(s.cell_first, 0), coalesce(s.cell_limit, 0)
		  FROM units u
		  LEFT JOIN rehome.user_state x ON x.migration = $1 AND x.user_hash = u.hash AND x.user_key = u.key AND u.of_kind = 'users'
		  LEFT JOIN rehome.shard s ON s.migration = $1 AND s.ordinal = u.ordinal AND s.generation = u.generation
		 ORDER BY u.of_kind = 'users' DESC, u.of_kind, u.entry, s.cell_first, u.ordinal, u.generation, u.key`, name)
	if err != nil {
		return err
	}
	defer rows.Close()
	var open Roll
	for rows.Next() {
		var next Roll
		var key []byte
		var state string
		err := rows.Scan(&next.Of, &next.Entry, &key, &state, &next.Home.Ordinal, &next.Home.Generation, &next.Home.Wave, &next.Home.Cells[0], &next.Home.Cells[1])
		if err != nil {
			return err
		}
		if len(open.Units) == rosterBlock || len(open.Units) > 0 && (open.Of != next.Of || open.Entry != next.Entry || open.Home != next.Home) {
			if !yield(open) {
				return nil
			}
			open = Roll{}
		}
		if len(open.Units) == 0 {
			open = next
		}
		if err := open.add(key, state); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(open.Units) > 0 {
		yield(open)
	}
	return nil
}

func (r *Roll) add(key []byte, state string) error {
	f := familyOf(r.Of, r.Entry)
	unit, err := f.parse(key)
	if err != nil {
		return err
	}
	r.Units = append(r.Units, unit)
	if f.ofUsers() {
		r.States = append(r.States, state)
	}
	return nil
}
