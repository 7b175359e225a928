package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// byWave is what a shard has changed about the users whom one wave brought.
type byWave struct {
	wave                  int
	migrated, quarantined int64
}

// MarshalJSON returns it as it stands in rehome.shard.
func (w byWave) MarshalJSON() ([]byte, error) {
	return json.Marshal([]int64{int64(w.wave), w.migrated, w.quarantined})
}

// writeAgain replaces what the ledger holds of the units that a redo was told to read again.
func (b *Book) writeAgain(ctx context.Context, o *shard.Outcome, units []unit) ([]byWave, error) {
	if b.list == nil {
		if _, err := b.List(ctx); err != nil {
			return nil, err
		}
	}
	a := again{Book: b, outcome: o, units: units, ends: map[string]end{}}
	a.gather()
	for _, step := range []func(context.Context) error{a.read, a.forget, a.release, a.name, a.sums, a.states} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("close the account of shard %s: %w", b.claim.Shard.ID, err)
		}
	}
	return a.waves()
}

// again is the end of a redo.
type again struct {
	*Book
	outcome *shard.Outcome
	units   []unit
	keys    [][]byte       // of the units that were done again, each once
	ends    map[string]end // by key
}

// end is what a unit that was done again has become.
type end struct {
	state, cause string
	sums         []shard.Table
}

func (a *again) listed() int { return len(a.units) - a.outcome.Guests }

// gather tells how each unit ended. One that is listed and was not read is gone.
func (a *again) gather() {
	gone := end{state: "vanished"}
	if a.list.Nothing {
		gone.state = "left_out"
	}
	for i, u := range a.units[:a.listed()] {
		e := end{state: "redone", sums: a.outcome.Sums[int32(i)]}
		if cause, out := a.outcome.Quarantined[int32(i)]; out {
			e.state, e.cause = "quarantined", cause
		} else if a.outcome.Gone[int32(i)] {
			e.state = gone.state
		}
		a.ends[string(u.key)] = e
		a.keys = append(a.keys, u.key)
	}
	for _, key := range a.list.Units {
		raw := a.family().key(key)
		if _, read := a.ends[string(raw)]; !read {
			a.ends[string(raw)] = gone
			a.keys = append(a.keys, raw)
		}
	}
}

func (a *again) read(ctx context.Context) error { return a.know(ctx, a.keys) }

// forget deletes what earlier shards found of the units; their manifests stay, and Undo has answered them.
func (a *again) forget(ctx context.Context) error {
	s, f := &a.claim.Shard, a.family()
	args := []any{s.Migration, a.keys}
	where := ` WHERE migration = $1 AND user_key = ANY ($2)`
	if !f.ofUsers() {
		where = ` WHERE migration = $1 AND unit_key = ANY ($2) AND of_kind = $3 AND entry = $4`
		args = append(args, f.of, f.entry)
	}
	for _, table := range []string{"set_aside", "waiting", "conflict"} {
		if _, err := a.tx.Exec(ctx, `DELETE FROM rehome.`+table+where, args...); err != nil {
			return fmt.Errorf("forget what rehome.%s has of the units: %w", table, err)
		}
	}
	// Those of this redo are new, and what gave way in a conflict is nowhere else.
	_, err := a.tx.Exec(ctx, fmt.Sprintf(`DELETE FROM rehome.original%s AND rule <> 'conflict' AND (ordinal, generation) <> ($%d, $%d)`,
		where, len(args)+1, len(args)+2), append(slices.Clone(args), s.Ordinal, s.Generation)...)
	if err != nil {
		return fmt.Errorf("forget the originals of the units: %w", err)
	}
	where = ` WHERE migration = $1 AND unit_key = ANY ($2) AND of_kind = 'users'`
	if !f.ofUsers() {
		where = ` WHERE migration = $1 AND unit_key = ANY ($2) AND of_kind = $3 AND entry = $4`
	}
	if _, err := a.tx.Exec(ctx, `DELETE FROM rehome.collision`+where, args...); err != nil {
		return fmt.Errorf("forget the collisions of the units: %w", err)
	}
	var entries []int
	var strays [][]byte
	for _, stray := range a.list.Strays {
		entries, strays = append(entries, stray.Entry), append(strays, notNil(stray.TargetKey))
	}
	_, err = a.tx.Exec(ctx, `
		DELETE FROM rehome.conflict c USING unnest($2::int[], $3::bytea[]) AS s (entry, target_key)
		 WHERE c.migration = $1 AND c.entry = s.entry AND c.target_key = s.target_key`, s.Migration, entries, strays)
	if err != nil {
		return fmt.Errorf("forget the conflicts of rows that no manifest knows: %w", err)
	}
	return nil
}

// release ends the waiting of rows that came in as guests. Each must still wait: else another redo has brought it meanwhile.
func (a *again) release(ctx context.Context) error {
	type row struct {
		entry       int
		owner       string
		legacy, own string
	}
	rows := map[row]bool{}
	var entries []int
	var legacies, owners, owns [][]byte
	for _, w := range a.outcome.Released {
		u := unit{familyOf(w.Kind, w.Entry), nil}
		if w.User != nil {
			u = unit{userFamily, userFamily.key(w.User)}
		} else {
			u.key = u.family.key(w.Own)
		}
		if _, mine := a.ends[string(u.key)]; mine && u.family == a.family() {
			continue // forgotten with its unit
		}
		r := row{w.Entry, "", string(w.LegacyKey), string(u.key)}
		if w.User != nil {
			r.owner, r.own = r.own, ""
		}
		if rows[r] {
			continue
		}
		rows[r] = true
		entries, legacies = append(entries, w.Entry), append(legacies, notNil(w.LegacyKey))
		if w.User != nil {
			owners, owns = append(owners, u.key), append(owns, nil)
		} else {
			owners, owns = append(owners, nil), append(owns, u.key)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	var released int
	err := a.tx.QueryRow(ctx, `
		WITH ended AS (
			DELETE FROM rehome.waiting w
			 USING unnest($2::int[], $3::bytea[], $4::bytea[], $5::bytea[]) AS r (entry, legacy_key, user_key, unit_key)
			 WHERE w.migration = $1 AND w.entry = r.entry AND w.legacy_key = r.legacy_key
			   AND (w.user_key = r.user_key OR r.user_key IS NULL AND w.unit_key = r.unit_key)
			RETURNING w.entry, w.legacy_key, w.user_key, w.unit_key
		)
		SELECT count(DISTINCT (entry, legacy_key, user_key, unit_key)) FROM ended`, a.claim.Shard.Migration, entries, legacies, owners, owns).Scan(&released)
	if err == nil && released != len(rows) {
		err = fmt.Errorf("%d of %d rows that waited do not wait any more: another redo has them", len(rows)-released, len(rows))
	}
	return err
}

// roster names all units, also those that were kept out: rows of theirs may stand in a conflict.
func (a *again) name(ctx context.Context) error {
	rows := a.roster(a.units, nil, nil)
	return a.copy(ctx, "roster", rosterColumns, len(rows), func(n int) []any { return rows[n].values() })
}

// sums keeps the counts of the units that are not what they were; a guest's are added.
func (a *again) sums(ctx context.Context) error {
	var keys [][]byte
	var sums [][]shard.Table
	for _, key := range a.keys {
		d, now := a.dossiers[string(key)], a.ends[string(key)].sums
		same := bytes.Equal(appendCounts(nil, counted(d.sums)), appendCounts(nil, counted(now)))
		if d.account && same || d.first && !d.account && same {
			continue
		}
		keys, sums = append(keys, key), append(sums, now)
	}
	if err := amend(ctx, a.tx, a.claim.Shard.Migration, a.family(), keys, sums); err != nil {
		return err
	}
	more := map[family]map[string][]shard.Table{}
	for i, u := range a.units[a.listed():] {
		added := counted(a.outcome.Sums[int32(a.listed()+i)])
		if len(added) == 0 {
			continue
		}
		if more[u.family] == nil {
			more[u.family] = map[string][]shard.Table{}
		}
		more[u.family][string(u.key)] = append(more[u.family][string(u.key)], added...)
	}
	return addSums(ctx, a.tx, a.claim.Shard.Migration, more)
}

func (a *again) states(ctx context.Context) error {
	if !a.family().ofUsers() || len(a.keys) == 0 {
		return nil
	}
	hashes, first := make([]int64, len(a.keys)), make([]bool, len(a.keys))
	states, causes := make([]string, len(a.keys)), make([]string, len(a.keys))
	for i, key := range a.keys {
		e := a.ends[string(key)]
		hashes[i], states[i], causes[i] = checksum.Key(key), e.state, e.cause
		first[i] = !a.dossiers[string(key)].known
	}
	_, err := a.tx.Exec(ctx, `
		INSERT INTO rehome.user_state (migration, user_hash, user_key, state, cause, ordinal, generation, counted, by_ordinal)
		SELECT $1, hash, key, state, cause, $2, $3, first, $2
		  FROM unnest($4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::bool[]) AS u (hash, key, state, cause, first)
		 ORDER BY hash, key
		ON CONFLICT (migration, user_hash, user_key) DO UPDATE
		   SET state = excluded.state, cause = excluded.cause, by_ordinal = excluded.by_ordinal, at = excluded.at`,
		a.claim.Shard.Migration, a.claim.Shard.Ordinal, a.claim.Shard.Generation, hashes, a.keys, states, causes, first)
	if err != nil {
		return fmt.Errorf("write the states of %d users: %w", len(a.keys), err)
	}
	return nil
}

// waves tells what the redo has changed about users, by the waves that brought them.
func (a *again) waves() ([]byWave, error) {
	changes := map[int]*byWave{}
	var all shard.Users
	for _, key := range a.keys {
		if !a.family().ofUsers() {
			break
		}
		d := a.dossiers[string(key)]
		wave := d.wave
		if !d.known {
			wave = a.claim.Shard.Wave
		}
		m0, q0 := shard.Counts(d.standing())
		m1, q1 := shard.Counts(a.ends[string(key)].state)
		if changes[wave] == nil {
			changes[wave] = &byWave{wave: wave}
		}
		changes[wave].migrated, changes[wave].quarantined = changes[wave].migrated+m1-m0, changes[wave].quarantined+q1-q0
		all.Migrated, all.Quarantined = all.Migrated+m1-m0, all.Quarantined+q1-q0
	}
	if r := a.outcome.Receipt.Users; r.Migrated != all.Migrated || r.Quarantined != all.Quarantined {
		return nil, shard.Failf(shard.Defect, "close the account of shard %s: its receipt says %+d migrated and %+d quarantined users, and their states %+d and %+d",
			a.claim.Shard.ID, r.Migrated, r.Quarantined, all.Migrated, all.Quarantined)
	}
	out := []byWave{}
	for _, wave := range slices.Sorted(maps.Keys(changes)) {
		out = append(out, *changes[wave])
	}
	return out, nil
}
