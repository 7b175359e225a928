package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// Held returns which of the users the ledger holds already, by position: those whom a shard that shares cells with the given one
// has read, and those who have a state of their own. Of most shards that is nobody, which costs far less to find out than to look for each.
func (b *Book) Held(ctx context.Context, s *shard.Shard, users []keyspace.Key) (map[int]bool, error) {
	shared, states, err := b.candidates(ctx, s, len(users))
	held := map[int]bool{}
	switch {
	case err != nil:
	case shared || states == nil:
		err = b.lookUp(ctx, s, users, held)
	case len(states) > 0:
		for i, user := range users {
			if states[user.Text()] {
				held[i] = true
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask which users of shard %s the ledger holds: %w", s.ID, err)
	}
	return held, nil
}

// candidates tells whether a shard that shares cells with the given one has read any user, and who has a state of their own; states is nil where these
// are more than the users who are asked about.
func (b *Book) candidates(ctx context.Context, s *shard.Shard, users int) (shared bool, states map[string]bool, err error) {
	states = map[string]bool{}
	var batch pgx.Batch
	batch.Queue(`
		SELECT EXISTS (
			SELECT FROM rehome.shard s
			 WHERE s.migration = $1 AND int4range(s.cell_first, s.cell_limit) && int4range($2, $3)
			   AND EXISTS (SELECT FROM rehome.roster r
			                WHERE r.migration = s.migration AND r.ordinal = s.ordinal AND r.generation = s.generation AND r.of_kind = 'users' OFFSET 0))`,
		s.Migration, s.Cells[0], s.Cells[1]).QueryRow(func(row pgx.Row) error { return row.Scan(&shared) })
	batch.Queue(`SELECT user_key FROM rehome.user_state WHERE migration = $1 LIMIT $2`, s.Migration, users+1).Query(func(rows pgx.Rows) error {
		var key []byte
		_, err := pgx.ForEachRow(rows, []any{&key}, func() error {
			states[string(key)] = true
			return nil
		})
		return err
	})
	if err := b.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return false, nil, err
	}
	if len(states) > users {
		states = nil
	}
	return shared, states, nil
}

// lookUp looks for each of the users. Of many shards a few share cells: OFFSET 0 keeps the planner, who cannot know, from reading the
// rosters of all.
func (b *Book) lookUp(ctx context.Context, s *shard.Shard, users []keyspace.Key, held map[int]bool) error {
	keys := userFamily.keys(users)
	rows, err := b.tx.Query(ctx, `
		WITH wanted AS MATERIALIZED (SELECT * FROM unnest($2::bigint[], $3::bytea[]) WITH ORDINALITY AS w (hash, key, position))
		SELECT w.position - 1
		  FROM rehome.shard s
		 CROSS JOIN LATERAL (
			SELECT r.hashes, r.keys FROM rehome.roster r
			 WHERE r.migration = s.migration AND r.ordinal = s.ordinal AND r.generation = s.generation AND r.of_kind = 'users' OFFSET 0) AS r
		 CROSS JOIN LATERAL unnest(r.hashes, r.keys) AS u (hash, key)
		  JOIN wanted w ON w.hash = u.hash AND w.key = u.key
		 WHERE s.migration = $1 AND int4range(s.cell_first, s.cell_limit) && int4range($4, $5)
		UNION
		SELECT w.position - 1
		  FROM rehome.user_state x
		  JOIN wanted w ON w.hash = x.user_hash AND w.key = x.user_key
		 WHERE x.migration = $1`, s.Migration, &hashArray{keys: keys}, &keyArray{keys: keys}, s.Cells[0], s.Cells[1])
	if err != nil {
		return err
	}
	var position int
	_, err = pgx.ForEachRow(rows, []any{&position}, func() error {
		held[position] = true
		return nil
	})
	return err
}
