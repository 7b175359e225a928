package ledger

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Cell is a part of the grid over the users' key, with whom the plan found in it.
type Cell struct {
	keyspace.Range
	Hashes []int64 // checksum.Key of each planned user, in key order
}

// A Plan is what Create commits.
type Plan struct {
	Migration Migration // Run and Secret are drawn by Create, State and the times are set by it
	Canonical []byte    // the mapping whose hash is Migration.Mapping
	Cells     iter.Seq2[Cell, error]
	Shards    []shard.Shard // Migration, Run and State are set by Create; ordinals are the plan's own, and unique
}

// ErrExists is what Create's error wraps when the ledger has a plan of that name already.
var ErrExists = fmt.Errorf("the migration is planned already")

// Create commits the plan, all of it or nothing, and returns the migration as it now stands. An error of the cells' iterator is
// returned as it is.
func (l *Ledger) Create(ctx context.Context, p Plan) (*Migration, error) {
	m := p.Migration
	m.Run = strings.ToLower(rand.Text())
	m.Secret = make([]byte, 32)
	_, _ = rand.Read(m.Secret) // never fails
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		if err := insertMigration(ctx, tx, &m, nextOrdinal(p.Shards)); err != nil {
			return err
		}
		if err := saveMapping(ctx, tx, m.Mapping, p.Canonical); err != nil {
			return err
		}
		if err := createPartitions(ctx, tx, m.Name); err != nil {
			return err
		}
		if err := noteAccepted(ctx, tx, m.Name, Accepted{Hash: m.Mapping, Fingerprint: m.Fingerprint}); err != nil {
			return err
		}
		if err := copyCells(ctx, tx, m.Name, p.Cells); err != nil {
			return err
		}
		if err := copyShards(ctx, tx, &m, p.Shards); err != nil {
			return err
		}
		if err := analyze(ctx, tx, m.Name, len(p.Shards)); err != nil {
			return err
		}
		return event(ctx, tx, m.Name, -1, 0, 0, "planned", map[string]any{"run": m.Run, "shards": len(p.Shards)})
	})
	if err != nil {
		return nil, err
	}
	return l.Load(ctx, m.Name)
}

// manyShards is how many shards a plan has at least for which it matters in which way one of them is found.
const manyShards = 1000

// analyze lets the server's planner know how many shards there are, and that all are of one migration: it would else read all of them with each question
// of each shard, until autovacuum has come by.
func analyze(ctx context.Context, tx pgx.Tx, name string, shards int) error {
	if shards < manyShards {
		return nil
	}
	if _, err := tx.Exec(ctx, `ANALYZE `+partition("shard", name)+`, `+partition("cell", name)); err != nil {
		return fmt.Errorf("analyze the %d shards of migration %s in the ledger: %w", shards, name, err)
	}
	return nil
}

func nextOrdinal(shards []shard.Shard) int {
	next := 0
	for i := range shards {
		next = max(next, shards[i].Ordinal+1)
	}
	return next
}

func insertMigration(ctx context.Context, tx pgx.Tx, m *Migration, next int) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO rehome.migration (name, run, state, mapping_hash, fingerprint, legacy_identity, target_identity, secret,
		                              position_planned, next_ordinal, plan)
		VALUES ($1, $2, 'planned', $3, $4, $5, $6, $7, $8, $9, coalesce($10::jsonb, '{}'))
		ON CONFLICT (name) DO NOTHING`,
		m.Name, m.Run, m.Mapping, m.Fingerprint, m.Legacy, m.Target, m.Secret, m.PositionPlanned, next, m.Plan)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("create migration %s in the ledger: %w", m.Name, err)
	}
	return nil
}

func saveMapping(ctx context.Context, tx pgx.Tx, hash string, canonical []byte) error {
	_, err := tx.Exec(ctx, `INSERT INTO rehome.mapping (hash, canonical) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash, canonical)
	if err != nil {
		return fmt.Errorf("store mapping %s in the ledger: %w", hash, err)
	}
	return nil
}

func copyCells(ctx context.Context, tx pgx.Tx, name string, cells iter.Seq2[Cell, error]) error {
	if cells == nil {
		return nil
	}
	next, stop := iter.Pull2(cells)
	defer stop()
	n := 0
	var broken error // the server's answer to a COPY that was broken off hides it
	columns := []string{"migration", "ordinal", "after_key", "through_key", "users", "hashes"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"rehome", "cell"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		c, err, ok := next()
		if !ok || err != nil {
			broken = err
			return nil, err
		}
		row := []any{name, n, c.After.Marshal(), c.Through.Marshal(), len(c.Hashes), packHashes(c.Hashes)}
		n++
		return row, nil
	}))
	if broken != nil {
		return broken
	}
	if err != nil {
		return fmt.Errorf("store the grid of migration %s in the ledger, cell %d: %w", name, n, err)
	}
	return nil
}

func packHashes(hashes []int64) []byte {
	out := make([]byte, 0, 8*len(hashes))
	for _, h := range hashes {
		out = binary.BigEndian.AppendUint64(out, uint64(h))
	}
	return out
}

func unpackHashes(packed []byte) []int64 {
	out := make([]int64, 0, len(packed)/8)
	for ; len(packed) >= 8; packed = packed[8:] {
		out = append(out, int64(binary.BigEndian.Uint64(packed)))
	}
	return out
}

// copyShards writes the shards as planned ones of the migration.
func copyShards(ctx context.Context, tx pgx.Tx, m *Migration, shards []shard.Shard) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"rehome", "shard"}, insertColumns, pgx.CopyFromSlice(len(shards), func(i int) ([]any, error) {
		s := shards[i]
		s.Migration, s.Run = m.Name, m.Run
		return insertValues(&s, m.Mapping), nil
	}))
	if err != nil {
		return fmt.Errorf("store %d shards of migration %s in the ledger: %w", len(shards), m.Name, err)
	}
	return nil
}

// AddShards adds shards to a committed plan, for users who came late and the like, and returns them with the ordinals they were given.
func (l *Ledger) AddShards(ctx context.Context, name string, shards []shard.Shard) ([]shard.Shard, error) {
	added := make([]shard.Shard, len(shards))
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		first, err := takeOrdinals(ctx, tx, name, len(shards))
		if err != nil {
			return err
		}
		m, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		for i, s := range shards {
			s.ID = shard.ID{Migration: name, Run: m.Run, Ordinal: first + i}
			s.State = shard.Planned
			added[i] = s
		}
		return copyShards(ctx, tx, m, added)
	})
	return added, err
}

// takeOrdinals returns the first of n ordinals that nobody else gets.
func takeOrdinals(ctx context.Context, tx pgx.Tx, name string, n int) (first int, err error) {
	err = tx.QueryRow(ctx, `UPDATE rehome.migration SET next_ordinal = next_ordinal + $2 WHERE name = $1 RETURNING next_ordinal - $2`, name, n).Scan(&first)
	if err != nil {
		return 0, fmt.Errorf("take ordinals for new shards of migration %s: %w", name, absent(err))
	}
	return first, nil
}
