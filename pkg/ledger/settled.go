package ledger

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// settledWaves tells how a settlement changes the waves that brought the users whom it quarantines.
func settledWaves(ctx context.Context, tx pgx.Tx, name string, quarantined map[string]string) ([]byWave, error) {
	found, err := askAbout(name, userFamily, rawKeys(quarantined)).dossiers(ctx, tx)
	if err != nil {
		return nil, err
	}
	users := map[int]int64{}
	for i := range found {
		if migrated, _ := shard.Counts(found[i].standing()); migrated > 0 {
			users[found[i].wave]++
		}
	}
	changes := []byWave{}
	for _, wave := range slices.Sorted(maps.Keys(users)) {
		changes = append(changes, byWave{wave, -users[wave], users[wave]})
	}
	return changes, nil
}

func rawKeys[V any](byKey map[string]V) [][]byte {
	var keys [][]byte
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		keys = append(keys, []byte(key))
	}
	return keys
}

// settledRow names a row of the legacy database.
type settledRow struct {
	entry        int
	user, legacy string
}

// writeSettled writes what the rows that were taken out are now: waiting, or set aside.
func writeSettled(ctx context.Context, tx pgx.Tx, by shard.ID, s *Settlement) error {
	owners, waiting := map[settledRow]unit{}, map[settledRow]bool{}
	for _, row := range s.Undone {
		owners[settledRow{row.Entry, string(row.User), string(row.LegacyKey)}] = row.unit
	}
	owner := func(entry int, user, legacy []byte) unit {
		if user != nil {
			return unit{userFamily, user}
		}
		if u := owners[settledRow{entry, "", string(legacy)}]; u.key != nil {
			return u
		}
		return unit{family{shard.Unowned, entry}, nil}
	}
	columns := append([]string{"entry", "legacy_key", "cause", "needs_table", "needs_key"}, unitColumns...)
	err := copyRows(ctx, tx, by, "waiting", columns, len(s.Waits), func(n int) []any {
		w := s.Waits[n]
		waiting[settledRow{w.Entry, string(w.User), string(w.LegacyKey)}] = true
		return append([]any{w.Entry, notNil(w.LegacyKey), w.Cause, w.Needs, notNil(w.NeedsKey)}, owner(w.Entry, w.User, w.LegacyKey).columns()...)
	})
	if err != nil {
		return err
	}
	columns = append([]string{"entry", "legacy_key", "cause", "others"}, unitColumns...)
	err = copyRows(ctx, tx, by, "set_aside", columns, len(s.Refusals), func(n int) []any {
		f := s.Refusals[n]
		return append([]any{f.Entry, f.LegacyKey, f.Cause, f.Others}, owner(f.Entry, f.User, f.LegacyKey).columns()...)
	})
	if err != nil {
		return err
	}
	more := map[family]map[string][]shard.Table{}
	for row, u := range owners {
		if waiting[row] || u.key == nil {
			continue
		}
		if more[u.family] == nil {
			more[u.family] = map[string][]shard.Table{}
		}
		more[u.family][string(u.key)] = append(more[u.family][string(u.key)], shard.Table{Entry: row.entry, SetAside: 1})
	}
	return addSums(ctx, tx, by.Migration, more)
}
