package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A RedoShard is what AddRedo plans.
type RedoShard struct {
	Of     shard.Kind // of the units: OfUsers, Unowned or OwnKey
	Entry  int        // of units that are no users; else it does not count
	Wave   int        // when it is published
	Cells  [2]int     // of users: cells that hold them all, first and limit; empty for anywhere
	Weight int64      // rows, as far as is known; the units at least
	shard.List
}

// AddRedo adds shards of kind Redo with their lists to a committed plan and returns them with the ordinals they were given. A unit must not be in
// two of them that are not done yet. They go by the migration's mapping as it is then.
func (l *Ledger) AddRedo(ctx context.Context, name string, redos []RedoShard) ([]shard.Shard, error) {
	var added []shard.Shard
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		m, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		for i := range redos {
			s, err := addRedo(ctx, tx, m, &redos[i])
			if err != nil {
				return err
			}
			added = append(added, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// PlanRedo is AddRedo of any number of shards, of which it holds one in memory at a time, all of them or none, in the transaction that patches the
// plan's record as AcceptMapping does. It returns how many they were. The error of the iterator is returned as it is.
func (l *Ledger) PlanRedo(ctx context.Context, name string, redos iter.Seq2[RedoShard, error], patch json.RawMessage) (planned int, err error) {
	err = l.inTx(ctx, func(tx pgx.Tx) error {
		m, err := load(ctx, tx, name)
		if err != nil {
			return err
		}
		for r, err := range redos {
			if err != nil {
				return err
			}
			if _, err := addRedo(ctx, tx, m, &r); err != nil {
				return err
			}
			planned++
		}
		return update(ctx, tx, name, "amend the plan", `UPDATE rehome.migration SET plan = plan || coalesce($2::jsonb, '{}') WHERE name = $1`, patch)
	})
	if err != nil {
		return 0, err
	}
	return planned, nil
}

func addRedo(ctx context.Context, tx pgx.Tx, m *Migration, r *RedoShard) (shard.Shard, error) {
	ordinal, err := takeOrdinals(ctx, tx, m.Name, 1)
	if err != nil {
		return shard.Shard{}, err
	}
	s := r.shard(shard.ID{Migration: m.Name, Run: m.Run, Ordinal: ordinal})
	if err := writeList(ctx, tx, s.ID, &r.List); err != nil {
		return s, err
	}
	return s, copyShards(ctx, tx, m, []shard.Shard{s})
}

func (r *RedoShard) shard(id shard.ID) shard.Shard {
	f := familyOf(r.Of, r.Entry)
	s := shard.Shard{
		ID: id, Kind: shard.Redo, Of: f.of, Wave: r.Wave, Entry: f.entry, Cells: r.Cells,
		Weight: max(r.Weight, int64(len(r.Units))), Parent: -1, State: shard.Planned,
	}
	if f.ofUsers() {
		s.Users = int64(len(r.Units))
	}
	return s
}

// listBlock is how many units or strays one row of rehome.redo_list holds.
const listBlock = 1000

func writeList(ctx context.Context, tx pgx.Tx, id shard.ID, list *shard.List) error {
	blocks := max(1, (max(len(list.Units), len(list.Strays))+listBlock-1)/listBlock)
	columns := []string{"migration", "ordinal", "block", "units", "stray_entries", "stray_keys", "overwrite", "nothing", "cause"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"rehome", "redo_list"}, columns, pgx.CopyFromSlice(blocks, func(n int) ([]any, error) {
		units, entries, strays := [][]byte{}, []int{}, [][]byte{}
		for _, unit := range part(list.Units, n) {
			units = append(units, notNil(unit.Marshal()))
		}
		for _, stray := range part(list.Strays, n) {
			entries, strays = append(entries, stray.Entry), append(strays, notNil(stray.TargetKey))
		}
		return []any{id.Migration, id.Ordinal, n, units, entries, strays, list.Overwrite, list.Nothing, list.Cause}, nil
	}))
	if err != nil {
		return fmt.Errorf("store what shard %s does again: %w", id, err)
	}
	return nil
}

// part returns the n-th block of a list.
func part[T any](list []T, n int) []T {
	return list[min(len(list), n*listBlock):min(len(list), (n+1)*listBlock)]
}

func readList(ctx context.Context, s session, name string, ordinal int) (*shard.List, error) {
	rows, err := s.Query(ctx, `
		SELECT units, stray_entries, stray_keys, overwrite, nothing, cause FROM rehome.redo_list WHERE migration = $1 AND ordinal = $2 ORDER BY block`, name, ordinal)
	if err != nil {
		return nil, err
	}
	var list shard.List
	var units, strays [][]byte
	var entries []int
	found := false
	_, err = pgx.ForEachRow(rows, []any{&units, &entries, &strays, &list.Overwrite, &list.Nothing, &list.Cause}, func() error {
		found = true
		for _, raw := range units {
			unit, err := keyspace.Unmarshal(raw)
			if err != nil {
				return err
			}
			list.Units = append(list.Units, unit)
		}
		for i, entry := range entries {
			list.Strays = append(list.Strays, shard.Stray{Entry: entry, TargetKey: strays[i]})
		}
		return nil
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return &list, err
}

// divide gives each of the children of a redo, which a shard holds that is split, half of its units.
func divide(ctx context.Context, tx pgx.Tx, of shard.ID, children *[2]shard.Shard) error {
	whole, err := readList(ctx, tx, of.Migration, of.Ordinal)
	if err != nil {
		return fmt.Errorf("split shard %s: %w", of, err)
	}
	n := len(whole.Units)
	if n < 2 {
		return fmt.Errorf("split shard %s: it has %d units to do again", of, n)
	}
	low, high := *whole, *whole
	low.Units, high.Units, high.Strays = whole.Units[:n/2], whole.Units[n/2:], nil
	for i, list := range []*shard.List{&low, &high} {
		if err := writeList(ctx, tx, children[i].ID, list); err != nil {
			return err
		}
	}
	return nil
}
