package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// family returns the family of the shard's units.
func (b *Book) family() family { return familyOf(b.claim.Shard.Units(), b.claim.Shard.Entry) }

// List returns what the shard, of kind Redo, does again.
func (b *Book) List(ctx context.Context) (*shard.List, error) {
	id := b.claim.Shard.ID
	list, err := readList(ctx, b.tx, id.Migration, id.Ordinal)
	if err != nil {
		return nil, fmt.Errorf("read what shard %s does again: %w", id, err)
	}
	b.list = list
	return list, nil
}

// know asks for what the ledger holds of units of the shard's family that nobody has asked for yet, and locks it.
func (b *Book) know(ctx context.Context, keys [][]byte) error {
	var missing [][]byte
	for _, key := range keys {
		if b.dossiers[string(key)] == nil {
			missing = append(missing, key)
		}
	}
	q := askAbout(b.claim.Shard.Migration, b.family(), missing)
	q.cells, q.lock = b.claim.Shard.Cells, true
	found, err := q.dossiers(ctx, b.tx)
	if err != nil {
		return err
	}
	if b.dossiers == nil {
		b.dossiers = make(map[string]*dossier, len(found))
	}
	for i := range found {
		if found[i].early {
			return ErrNoAccounts
		}
		b.dossiers[string(missing[i])] = &found[i]
	}
	return nil
}

// Accounts returns what has become of each unit of the shard, of kind Redo, by position; without its Rows, which Standing passes. What it is
// told from stays as it is until the transaction ends: of two redos of one unit, the second waits here for the first. The error wraps
// ErrNoAccounts where the first release has read a unit.
func (b *Book) Accounts(ctx context.Context, units []keyspace.Key) ([]shard.Account, error) {
	keys := b.family().keys(units)
	if err := b.know(ctx, keys); err != nil {
		return nil, err
	}
	accounts, at := make([]shard.Account, len(units)), make(map[string]int, len(units))
	for i, key := range keys {
		d := b.dossiers[string(key)]
		accounts[i], at[string(key)] = shard.Account{Known: d.known, Cause: d.cause, Sums: d.sums}, i
		if b.family().ofUsers() {
			accounts[i].State = d.standing()
		}
	}
	err := eachWait(ctx, b.tx, b.claim.Shard.Migration, b.family(), keys, func(key []byte, w shard.Wait) {
		i := at[string(key)]
		accounts[i].Known, accounts[i].Waits = true, append(accounts[i].Waits, w)
	})
	if err != nil {
		return nil, err
	}
	err = eachCause(ctx, b.tx, b.claim.Shard.Migration, b.family(), keys, func(key []byte, c shard.Cause) {
		i := at[string(key)]
		accounts[i].Why = append(accounts[i].Why, c)
	})
	return accounts, err
}

// eachCause passes what rows of units were set aside for.
func eachCause(ctx context.Context, s session, name string, f family, keys [][]byte, yield func(key []byte, c shard.Cause)) error {
	const from, by = `, cause, count(*) FROM rehome.set_aside WHERE migration = $1`, ` GROUP BY 1, 2 ORDER BY 1, 2`
	sql, args := `SELECT user_key`+from+` AND user_key = ANY ($2)`+by, []any{name, keys}
	if !f.ofUsers() {
		sql, args = `SELECT unit_key`+from+` AND unit_key = ANY ($2) AND of_kind = $3 AND entry = $4`+by, append(args, f.of, f.entry)
	}
	var key []byte
	var c shard.Cause
	rows, err := s.Query(ctx, sql, args...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&key, &c.Cause, &c.Rows}, func() error {
			yield(key, c)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("ask what rows of %d units of migration %s were set aside for: %w", len(keys), name, err)
	}
	return nil
}

// eachWait passes the waiting rows of units.
func eachWait(ctx context.Context, s session, name string, f family, keys [][]byte, yield func(key []byte, w shard.Wait)) error {
	const columns = `entry, legacy_key, cause, needs_table, needs_key FROM rehome.waiting WHERE migration = $1`
	sql, args := `SELECT user_key, `+columns+` AND user_key = ANY ($2)`, []any{name, keys}
	if !f.ofUsers() {
		sql, args = `SELECT unit_key, `+columns+` AND unit_key = ANY ($2) AND of_kind = $3 AND entry = $4`, append(args, f.of, f.entry)
	}
	var key []byte
	var w shard.Wait
	rows, err := s.Query(ctx, sql, args...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&key, &w.Entry, &w.LegacyKey, &w.Cause, &w.Needs, &w.NeedsKey}, func() error {
			yield(key, w)
			w = shard.Wait{}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("ask what %d units of migration %s wait for: %w", len(keys), name, err)
	}
	return nil
}

// places returns where the units are named, as three lists, and the position of the unit that each place is of.
func (b *Book) places(ctx context.Context, units []keyspace.Key) (ordinals, generations []int, numbers []int32, of map[place]int32, err error) {
	keys := b.family().keys(units)
	if err := b.know(ctx, keys); err != nil {
		return nil, nil, nil, nil, err
	}
	of = map[place]int32{}
	for i, key := range keys {
		for _, p := range b.dossiers[string(key)].places {
			of[p] = int32(i)
			ordinals, generations, numbers = append(ordinals, p.ordinal), append(generations, p.generation), append(numbers, p.unit)
		}
	}
	return ordinals, generations, numbers, of, nil
}

// namedRows selects what is left of each block m of the manifests that has rows of the units at the places $2, $3 and $4.
const namedRows = `
	WITH wanted AS MATERIALIZED (SELECT * FROM unnest($2::int[], $3::int[], $4::int[]) AS w (ordinal, generation, unit))
	SELECT m.ordinal, m.generation, m.entry, m.digests, f.positions, f.units, f.targets, f.legacies
	  FROM rehome.manifest m
	 CROSS JOIN LATERAL (
		SELECT array_agg(t.position::int), array_agg(t.unit), array_agg(t.target_key), array_agg(t.legacy_key)
		  FROM unnest(m.units, m.target_keys, m.legacy_keys) WITH ORDINALITY AS t (unit, target_key, legacy_key, position)
		 WHERE ((m.ordinal, m.generation, t.unit) IN (SELECT ordinal, generation, unit FROM wanted)) IS TRUE
		   AND NOT EXISTS (SELECT FROM rehome.undone x
		                    WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
		                      AND x.ordinal = m.ordinal AND x.generation = m.generation)) AS f (positions, units, targets, legacies)
	 WHERE m.migration = $1 AND (m.ordinal, m.generation) IN (SELECT ordinal, generation FROM wanted) AND f.positions IS NOT NULL`

// Standing passes the standing rows of the units of the shard, of kind Redo, in pages of one entry each, with the position of their unit. What
// page is given is its own, and it may use the transaction.
func (b *Book) Standing(ctx context.Context, units []keyspace.Key, page func(entry int, rows []shard.Arrived) error) error {
	what := fmt.Sprintf("read the standing rows of %d units of shard %s", len(units), b.claim.Shard.ID)
	ordinals, generations, numbers, of, err := b.places(ctx, units)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	b.cursors++
	cursor := fmt.Sprintf("rehome_standing_%d", b.cursors)
	_, err = b.tx.Exec(ctx, `DECLARE `+cursor+` NO SCROLL CURSOR FOR `+namedRows, b.claim.Shard.Migration, ordinals, generations, numbers)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for {
		entry, rows, err := fetch(ctx, b.tx, cursor, of)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if rows == nil {
			break
		}
		if err := page(entry, rows); err != nil {
			return err
		}
	}
	if _, err := b.tx.Exec(ctx, `CLOSE `+cursor); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// fetch reads the next block; no rows are the end.
func fetch(ctx context.Context, tx pgx.Tx, cursor string, of map[place]int32) (entry int, out []shard.Arrived, err error) {
	rows, err := tx.Query(ctx, `FETCH `+cursor)
	if err != nil {
		return 0, nil, err
	}
	var p place
	var digests []byte
	var positions, numbers []int32
	var targets, legacies [][]byte
	_, err = pgx.ForEachRow(rows, []any{&p.ordinal, &p.generation, &entry, &digests, &positions, &numbers, &targets, &legacies}, func() error {
		out = make([]shard.Arrived, len(positions))
		for i, position := range positions {
			p.unit = numbers[i]
			out[i] = shard.Arrived{Unit: of[p], TargetKey: targets[i], LegacyKey: legacies[i]}
			var err error
			if out[i].Digest, err = digestAt(digests, position); err != nil {
				return err
			}
		}
		return nil
	})
	return entry, out, err
}

// Undo notes of all standing rows of the units of the shard, of kind Redo, that the manifests which list them do not count any more. What of them
// stands after the redo, the shard's own Blocks list.
func (b *Book) Undo(ctx context.Context, units []keyspace.Key) error {
	ordinals, generations, numbers, _, err := b.places(ctx, units)
	if err == nil {
		_, err = b.tx.Exec(ctx, `
			INSERT INTO rehome.undone (migration, ordinal, generation, entry, target_key, by_ordinal)
			SELECT $1, n.ordinal, n.generation, n.entry, t.target_key, $5
			  FROM (`+namedRows+`) AS n CROSS JOIN LATERAL unnest(n.targets) AS t (target_key)`,
			b.claim.Shard.Migration, ordinals, generations, numbers, b.claim.Shard.Ordinal)
	}
	if err != nil {
		return fmt.Errorf("note that the rows of %d units of shard %s are done again: %w", len(units), b.claim.Shard.ID, err)
	}
	return nil
}

// Known returns which of the target keys any manifest of the migration has as a standing row of one of the entries, by position.
func (b *Book) Known(ctx context.Context, entries []int, keys [][]byte) (map[int]bool, error) {
	at := make(map[string][]int, len(keys))
	for i, key := range keys {
		at[string(key)] = append(at[string(key)], i)
	}
	known := map[int]bool{}
	for len(keys) > 0 {
		part := keys[:min(len(keys), findAtOnce)]
		keys = keys[len(part):]
		rows, err := b.tx.Query(ctx, `
			SELECT t.target_key
			  FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.target_keys) AS t (target_key)
			 WHERE m.migration = $1 AND m.entry = ANY ($2) AND (t.target_key IN (SELECT unnest($3::bytea[]))) IS TRUE
			   AND NOT EXISTS (SELECT FROM rehome.undone x
			                    WHERE x.migration = m.migration AND x.entry = m.entry AND x.target_key = t.target_key
			                      AND x.ordinal = m.ordinal AND x.generation = m.generation)`, b.claim.Shard.Migration, entries, part)
		var key []byte
		if err == nil {
			_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
				for _, i := range at[string(key)] {
					known[i] = true
				}
				return nil
			})
		}
		if err != nil {
			return nil, fmt.Errorf("look for %d rows of shard %s in the manifests: %w", len(part), b.claim.Shard.ID, err)
		}
	}
	return known, nil
}

// Waiters returns the rows that wait for rows of the table (schema.table) with one of the keys, in no order.
func (b *Book) Waiters(ctx context.Context, table string, keys [][]byte) ([]shard.Waiter, error) {
	what := fmt.Sprintf("look for rows that wait for %d rows of %s", len(keys), table)
	rows, err := b.tx.Query(ctx, `
		SELECT user_key, of_kind, unit_key, entry, legacy_key, cause, needs_table, needs_key
		  FROM rehome.waiting
		 WHERE migration = $1 AND needs_table = $2 AND needs_key = ANY ($3)`, b.claim.Shard.Migration, table, keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	waiters, err := pgx.CollectRows(rows, scanWaiter)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return waiters, nil
}

func scanWaiter(row pgx.CollectableRow) (w shard.Waiter, err error) {
	var user, own []byte
	if err = row.Scan(&user, &w.Kind, &own, &w.Entry, &w.LegacyKey, &w.Cause, &w.Needs, &w.NeedsKey); err != nil {
		return w, err
	}
	if user != nil {
		w.User, err = userFamily.parse(user)
		w.Kind = ""
		return w, err
	}
	w.Own, err = keyspace.Unmarshal(own)
	return w, err
}

// Originals keeps, at once, what rules that lose something, or conflicts, have replaced. The units are those that Original.Unit numbers; one
// below zero is of a row that only the target had, and belongs to nobody.
func (b *Book) Originals(ctx context.Context, units []keyspace.Key, originals []shard.Original) error {
	f := b.family()
	keys := make(map[int32]unit)
	columns := append([]string{"entry", "legacy_key", "target_key", "column_name", "rule", "bytes"}, unitColumns...)
	return b.copy(ctx, "original", columns, len(originals), func(n int) []any {
		o := originals[n]
		u, known := keys[o.Unit]
		if !known {
			if u = (unit{family: f}); o.Unit >= 0 {
				u.key = f.key(units[o.Unit])
			}
			keys[o.Unit] = u
		}
		return append([]any{o.Entry, o.LegacyKey, o.TargetKey, o.Column, o.Rule, o.Bytes}, u.columns()...)
	})
}
