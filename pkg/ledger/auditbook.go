package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// An AuditBook is a Book of a shard of kind Audit. What it knows of the audited shard lies in temporary tables of the transaction, so
// that no number of rows fills the memory. It is for one goroutine, and ends with its Book.
type AuditBook struct {
	*Book
	of         shard.Shard // the audited shard
	generation int
	left       int // the entry whose rows Left reads from its cursor; -1 for none
}

// Audit returns the book as that of an audit.
func (b *Book) Audit() *AuditBook { return &AuditBook{Book: b, left: -1} }

func (a *AuditBook) failed(err error, what string) error {
	return fmt.Errorf("%s for the audit of shard %s: %w", what, a.claim.Shard.ID, err)
}

// Units fills the tables, and returns the users whose rows are to be read again, nil where units are rows, and whether users who
// have appeared in the range are this shard's to report: of the shards that cover a key, one does.
func (a *AuditBook) Units(ctx context.Context) (users []keyspace.Key, newcomers bool, err error) {
	if err := a.fill(ctx); err != nil {
		return nil, false, a.failed(err, "list the rows that stand")
	}
	if !a.of.Kind.ByUser() {
		return nil, false, nil
	}
	rows, err := a.tx.Query(ctx, `
		SELECT DISTINCT u.key FROM pg_temp.rehome_unit u
		 WHERE u.own AND NOT EXISTS (SELECT FROM rehome.user_state x
		                              WHERE x.migration = $1 AND x.user_hash = u.hash AND x.user_key = u.key
		                                AND x.state IN ('quarantined', 'left_out', 'merged'))
		 ORDER BY u.key`, a.claim.Shard.Migration)
	users = []keyspace.Key{}
	if err == nil {
		var key []byte
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
			users = append(users, keyspace.Key{string(key)})
			return nil
		})
	}
	if err == nil {
		err = a.tx.QueryRow(ctx, `
			SELECT CASE WHEN kind = 'users' THEN wave = (SELECT max(wave) FROM rehome.shard WHERE migration = $1 AND kind = 'users')
			            ELSE ordinal = (SELECT min(ordinal) FROM rehome.shard WHERE migration = $1 AND kind = 'late') END
			  FROM rehome.shard WHERE migration = $1 AND ordinal = $2 AND generation = $3`,
			a.claim.Shard.Migration, a.of.Ordinal, a.generation).Scan(&newcomers)
	}
	if err != nil {
		return nil, false, a.failed(err, "list the users")
	}
	return users, newcomers, nil
}

// Unheld returns which of the users no shard has read.
func (a *AuditBook) Unheld(ctx context.Context, users []keyspace.Key) (unheld []keyspace.Key, err error) {
	held, err := a.Held(ctx, &a.claim.Shard, users)
	if err != nil {
		return nil, err
	}
	for i, user := range users {
		if !held[i] {
			unheld = append(unheld, user)
		}
	}
	return unheld, nil
}

// Take takes the standing rows of the entry under the pairs, in their order; one that is not known has a zero Base.
func (a *AuditBook) Take(ctx context.Context, entry int, pairs []shard.Pair) ([]shard.Base, error) {
	bases := make([]shard.Base, len(pairs))
	targets, legacies := make([][]byte, len(pairs)), make([][]byte, len(pairs))
	for i, p := range pairs {
		targets[i], legacies[i] = notNil(p.TargetKey), notNil(p.LegacyKey)
	}
	rows, err := a.tx.Query(ctx, `
		DELETE FROM pg_temp.rehome_standing s
		 USING unnest($2::bytea[], $3::bytea[]) WITH ORDINALITY AS k (target_key, legacy_key, position)
		 WHERE s.entry = $1 AND s.target_key = k.target_key AND s.legacy_key = k.legacy_key
		RETURNING k.position::int, s.user_key, s.digest`, entry, targets, legacies)
	if err == nil {
		var position int
		var user, digest []byte
		_, err = pgx.ForEachRow(rows, []any{&position, &user, &digest}, func() error {
			bases[position-1] = shard.Base{
				Known: true, Pair: pairs[position-1], User: user, Digest: checksum.FromBytes([checksum.Size]byte(digest)),
			}
			user = nil
			return nil
		})
	}
	if err != nil {
		return nil, a.failed(err, "look up the rows that stand")
	}
	return bases, nil
}

// Stash keeps rows of the entry for which Take knew nothing.
func (a *AuditBook) Stash(ctx context.Context, entry int, rows []shard.Unmatched) error {
	columns := []string{"entry", "legacy_key", "user_key", "counts"}
	_, err := a.tx.CopyFrom(ctx, pgx.Identifier{"pg_temp", "rehome_stash"}, columns, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
		return []any{entry, notNil(rows[i].LegacyKey), rows[i].User, rows[i].Counts}, nil
	}))
	if err != nil {
		return a.failed(err, "keep rows that nobody knows")
	}
	return nil
}

// Left returns up to limit of the entry's standing rows that nobody has taken, each once, and tells of each whether a stashed row has
// its legacy key; none is the end.
func (a *AuditBook) Left(ctx context.Context, entry, limit int) ([]shard.Base, error) {
	if a.left != entry {
		_, err := a.tx.Exec(ctx, `
			DECLARE rehome_left NO SCROLL CURSOR FOR
			 SELECT s.target_key, s.legacy_key, s.user_key, s.digest,
			        EXISTS (SELECT FROM pg_temp.rehome_stash x WHERE x.entry = s.entry AND x.legacy_key = s.legacy_key)
			   FROM pg_temp.rehome_standing s WHERE s.entry = $1 AND s.own`, entry)
		if err != nil {
			return nil, a.failed(err, "list the rows that are left")
		}
		a.left = entry
	}
	rows, err := a.tx.Query(ctx, fmt.Sprintf(`FETCH %d FROM rehome_left`, limit))
	if err != nil {
		return nil, a.failed(err, "list the rows that are left")
	}
	left, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b shard.Base, err error) {
		var digest []byte
		if err = row.Scan(&b.TargetKey, &b.LegacyKey, &b.User, &digest, &b.Moved); err == nil {
			b.Known, b.Digest = true, checksum.FromBytes([checksum.Size]byte(digest))
		}
		return b, err
	})
	if err != nil {
		return nil, a.failed(err, "list the rows that are left")
	}
	return left, nil
}

// New passes the stashed rows of the entry that count, that have not the legacy key of a row that was left, and that neither wait nor
// are set aside. It ends the entry.
func (a *AuditBook) New(ctx context.Context, entry int, yield func(shard.Unmatched) error) error {
	_, err := a.tx.Exec(ctx, `CLOSE rehome_left`)
	if err != nil {
		return a.failed(err, "end an entry")
	}
	a.left = -1
	rows, err := a.tx.Query(ctx, `
		SELECT DISTINCT n.legacy_key, n.user_key FROM pg_temp.rehome_stash n
		 WHERE n.entry = $2 AND n.counts
		   AND NOT EXISTS (SELECT FROM pg_temp.rehome_standing s WHERE s.entry = n.entry AND s.own AND s.legacy_key = n.legacy_key)
		   AND NOT EXISTS (SELECT FROM rehome.waiting x WHERE x.migration = $1 AND x.entry = n.entry AND x.legacy_key = n.legacy_key)
		   AND NOT EXISTS (SELECT FROM rehome.set_aside x WHERE x.migration = $1 AND x.entry = n.entry AND x.legacy_key = n.legacy_key)
		 ORDER BY n.legacy_key`, a.claim.Shard.Migration, entry)
	if err == nil {
		var n shard.Unmatched
		_, err = pgx.ForEachRow(rows, []any{&n.LegacyKey, &n.User}, func() error {
			row := n
			n = shard.Unmatched{}
			return yield(row)
		})
	}
	if err != nil {
		return a.failed(err, "list the rows that are new")
	}
	return nil
}

// Owners returns the users to whom the entry's rows with the target keys belong, by position, nil where no manifest knows it.
func (a *AuditBook) Owners(ctx context.Context, entry int, keys [][]byte) ([][]byte, error) {
	found, err := (&Ledger{}).Find(ctx, a.tx, a.claim.Shard.Migration, entry, keys)
	if err != nil {
		return nil, err
	}
	users := make(map[string][]byte, len(found))
	for _, row := range found {
		users[string(row.TargetKey)] = row.User
	}
	out := make([][]byte, len(keys))
	for i, key := range keys {
		out[i] = users[string(key)]
	}
	return out, nil
}

// Conclude writes what the audit came to and turns its shard to done. Nothing may come between it and Commit.
func (a *AuditBook) Conclude(ctx context.Context, r *shard.AuditResult) error {
	err := a.copy(ctx, "audited", []string{"entry", "class", "column_name", "rule", "rows"}, len(r.Counts), func(n int) []any {
		c := r.Counts[n]
		return []any{c.Entry, c.Class, c.Column, c.Rule, c.Rows}
	})
	if err != nil {
		return err
	}
	columns := []string{"entry", "class", "user_key", "legacy_key", "target_key", "columns"}
	err = a.copy(ctx, "finding", columns, len(r.Findings), func(n int) []any {
		f := r.Findings[n]
		return []any{f.Entry, f.Class, f.User, f.LegacyKey, f.TargetKey, append([]string{}, f.Columns...)}
	})
	if err != nil {
		return err
	}
	err = a.copy(ctx, "suspect", []string{"of_kind", "entry", "unit_key"}, len(r.Suspects), func(n int) []any {
		s := r.Suspects[n]
		return []any{s.Of, s.Entry, notNil(s.Unit.Marshal())}
	})
	if err != nil {
		return err
	}
	return a.Close(ctx, shard.Outcome{Receipt: r.Receipt})
}
