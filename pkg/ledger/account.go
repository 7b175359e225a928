package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// ErrNoAccounts is what an error wraps where a shard of the first release has read units: it wrote down less than doing them again takes.
var ErrNoAccounts = errors.New("an earlier release of rehome, which kept no account of each unit, has read some of them: nothing of them can be done again; " +
	"take the migration out with producer reset, and migrate again")

// A place is where a roster names a unit; the manifest of the shard has the unit's rows under its number.
type place struct {
	ordinal, generation int
	unit                int32
}

// A dossier is what the ledger holds of one unit, without its rows.
type dossier struct {
	known   bool
	early   bool   // a shard of the first release has read it, or may have
	first   bool   // the shard that first read the unit has a roster that names it
	state   string // of a user in rehome.user_state; empty for none
	cause   string
	wave    int // of the shard that first read the unit
	places  []place
	sums    []shard.Table
	account bool // sums are from rehome.account
}

// standing returns the state of a user as an Account has it.
func (d *dossier) standing() string {
	if d.state == "" && d.known {
		return "migrated"
	}
	return d.state
}

// A question is about units of one family.
type question struct {
	name   string // of the migration
	family family
	keys   [][]byte
	hashes []int64
	cells  [2]int // where the users' shards are; empty for anywhere
	lock   bool   // what the tables for single units hold of them stays as it is until the transaction ends
}

func askAbout(name string, f family, keys [][]byte) question {
	q := question{name: name, family: f, keys: keys, hashes: make([]int64, len(keys))}
	for i, key := range keys {
		q.hashes[i] = checksum.Key(key)
	}
	return q
}

// dossiers returns what the ledger holds of the units, by position.
func (q question) dossiers(ctx context.Context, s session) ([]dossier, error) {
	out := make([]dossier, len(q.keys))
	if len(out) == 0 {
		return out, nil
	}
	steps := []func(context.Context, session, []dossier) error{q.rosters, q.accounts, q.states, q.early}
	if q.lock {
		steps = slices.Insert(steps, 0, q.locked)
	}
	for _, step := range steps {
		if err := step(ctx, s, out); err != nil {
			return nil, fmt.Errorf("ask what became of %d units of migration %s: %w", len(q.keys), q.name, err)
		}
	}
	return out, nil
}

// locked comes first: what another transaction has changed of a locked row is seen by the statements that follow, and not by the same one.
func (q question) locked(ctx context.Context, s session, _ []dossier) error {
	_, err := s.Exec(ctx, `
		SELECT FROM rehome.account
		 WHERE migration = $1 AND of_kind = $2 AND entry = $3 AND unit_hash = ANY ($4)
		 ORDER BY unit_hash, unit_key FOR UPDATE`, q.name, q.family.of, q.family.entry, q.hashes)
	if err != nil {
		return err
	}
	if !q.family.ofUsers() {
		_, err = s.Exec(ctx, `
			SELECT FROM rehome.waiting WHERE migration = $1 AND unit_key = ANY ($2) AND of_kind = $3 AND entry = $4
			 ORDER BY unit_key, legacy_key FOR UPDATE`, q.name, q.keys, q.family.of, q.family.entry)
		return err
	}
	_, err = s.Exec(ctx, `
		SELECT FROM rehome.user_state WHERE migration = $1 AND user_hash = ANY ($2) ORDER BY user_hash, user_key FOR UPDATE`, q.name, q.hashes)
	if err == nil {
		_, err = s.Exec(ctx, `
			SELECT FROM rehome.waiting WHERE migration = $1 AND user_key = ANY ($2) ORDER BY user_key, entry, legacy_key FOR UPDATE`, q.name, q.keys)
	}
	return err
}

// rosters finds where the units are named. Rosters of redos are few, and a guest's may be anywhere.
func (q question) rosters(ctx context.Context, s session, out []dossier) error {
	rows, err := s.Query(ctx, `
		WITH wanted AS MATERIALIZED (SELECT * FROM unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS w (hash, key, position))
		SELECT r.ordinal, r.generation, r.block, r.redo, s.wave, s.accounts, r.counts, array_agg((w.position - 1)::int), array_agg((u.position - 1)::int)
		  FROM rehome.roster r
		  JOIN rehome.shard s USING (migration, ordinal, generation)
		 CROSS JOIN LATERAL unnest(r.hashes, r.keys) WITH ORDINALITY AS u (hash, key, position)
		  JOIN wanted w ON w.hash = u.hash AND w.key = u.key
		 WHERE r.migration = $1 AND r.of_kind = $2 AND r.entry = $3
		   AND (r.redo OR $6::int >= $7::int OR int4range(s.cell_first, s.cell_limit) && int4range($6::int, greatest($6::int, $7::int)))
		 GROUP BY r.migration, r.ordinal, r.generation, r.block, r.of_kind, r.entry, s.wave, s.accounts`,
		q.name, q.family.of, q.family.entry, q.hashes, q.keys, q.cells[0], q.cells[1])
	if err != nil {
		return err
	}
	var ordinal, generation, block, wave int
	var redo, accounts bool
	var raw []byte
	var units, positions []int32
	_, err = pgx.ForEachRow(rows, []any{&ordinal, &generation, &block, &redo, &wave, &accounts, &raw, &units, &positions}, func() error {
		sums, err := decodeBlockCounts(raw)
		if err != nil {
			return err
		}
		for i, unit := range units {
			d := &out[unit]
			d.known, d.early = true, d.early || !redo && !accounts
			d.places = append(d.places, place{ordinal, generation, int32(block)*rosterBlock + positions[i]})
			if !redo {
				d.first, d.wave, d.sums = true, wave, sums[positions[i]]
			}
		}
		return nil
	})
	return err
}

func (q question) accounts(ctx context.Context, s session, out []dossier) error {
	rows, err := s.Query(ctx, `
		SELECT w.position - 1, a.counts
		  FROM unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS w (hash, key, position)
		  JOIN rehome.account a ON a.unit_hash = w.hash AND a.unit_key = w.key
		 WHERE a.migration = $1 AND a.of_kind = $2 AND a.entry = $3`, q.name, q.family.of, q.family.entry, q.hashes, q.keys)
	if err != nil {
		return err
	}
	var unit int
	var raw []byte
	_, err = pgx.ForEachRow(rows, []any{&unit, &raw}, func() (err error) {
		out[unit].known, out[unit].account = true, true
		out[unit].sums, err = decodeCounts(raw)
		return err
	})
	return err
}

func (q question) states(ctx context.Context, s session, out []dossier) error {
	if !q.family.ofUsers() {
		return nil
	}
	rows, err := s.Query(ctx, `
		SELECT w.position - 1, x.state, x.cause, x.counted, coalesce(s.wave, 0), coalesce(s.accounts, true)
		  FROM unnest($2::bigint[], $3::bytea[]) WITH ORDINALITY AS w (hash, key, position)
		  JOIN rehome.user_state x ON x.user_hash = w.hash AND x.user_key = w.key
		  LEFT JOIN rehome.shard s ON s.migration = x.migration AND s.ordinal = x.ordinal AND s.generation = x.generation
		 WHERE x.migration = $1`, q.name, q.hashes, q.keys)
	if err != nil {
		return err
	}
	var unit, wave int
	var state, cause string
	var counted, accounts bool
	_, err = pgx.ForEachRow(rows, []any{&unit, &state, &cause, &counted, &wave, &accounts}, func() error {
		d := &out[unit]
		d.known, d.early, d.state, d.cause = true, d.early || counted && !accounts, state, cause
		if counted {
			d.wave = wave
		}
		return nil
	})
	return err
}

// early marks units of which the ledger holds nothing where that may be because a shard of the first release has read them: it
// wrote no rosters of rows without a user.
func (q question) early(ctx context.Context, s session, out []dossier) error {
	if q.family.ofUsers() || !slices.ContainsFunc(out, func(d dossier) bool { return !d.known }) {
		return nil
	}
	var early bool
	err := s.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM rehome.shard WHERE migration = $1 AND kind = $2 AND entry = $3 AND state = 'done' AND NOT accounts)`,
		q.name, q.family.of, q.family.entry).Scan(&early)
	for i := range out {
		out[i].early = out[i].early || early && !out[i].known
	}
	return err
}

// addSums adds to the counts of units. The first release kept none, and what settling adds to those whom it has read is not kept either.
func addSums(ctx context.Context, s session, name string, more map[family]map[string][]shard.Table) error {
	for f, units := range more {
		found, err := askAbout(name, f, rawKeys(units)).dossiers(ctx, s)
		if err != nil {
			return err
		}
		var keys [][]byte
		var sums [][]shard.Table
		for i, key := range rawKeys(units) {
			if !found[i].early {
				keys, sums = append(keys, key), append(sums, slices.Concat(found[i].sums, units[string(key)]))
			}
		}
		if err := amend(ctx, s, name, f, keys, sums); err != nil {
			return err
		}
	}
	return nil
}

// amend sets the counts of units that are not what the roster of their first shard says.
func amend(ctx context.Context, s session, name string, f family, keys [][]byte, sums [][]shard.Table) error {
	if len(keys) == 0 {
		return nil
	}
	q, encoded := askAbout(name, f, keys), make([][]byte, len(keys))
	for i := range keys {
		encoded[i] = appendCounts(nil, counted(sums[i]))
	}
	_, err := s.Exec(ctx, `
		INSERT INTO rehome.account (migration, of_kind, entry, unit_hash, unit_key, counts)
		SELECT $1, $2, $3, hash, key, counts FROM unnest($4::bigint[], $5::bytea[], $6::bytea[]) AS u (hash, key, counts) ORDER BY hash, key
		ON CONFLICT (migration, unit_hash, unit_key, of_kind, entry) DO UPDATE SET counts = excluded.counts`,
		name, f.of, f.entry, q.hashes, q.keys, encoded)
	if err != nil {
		return fmt.Errorf("write the accounts of %d units of migration %s: %w", len(keys), name, err)
	}
	return nil
}
