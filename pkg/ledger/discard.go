package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Discard is a shard that a person has let go.
type Discard struct {
	shard.Shard
	Mapping string // hash, of the last attempt
	Tables  []shard.Table
	Read    int64 // users who are left out
	Reason  string
	At      time.Time
}

// Rows returns how many rows are left out.
func (d *Discard) Rows() (rows int64) {
	for _, t := range d.Tables {
		rows += t.LeftOut
	}
	return rows
}

// Discards returns all discarded shards by ordinal.
func (l *Ledger) Discards(ctx context.Context, name string) ([]Discard, error) {
	what := "list the discarded shards of migration " + name
	rows, err := l.pool.Query(ctx, `
		SELECT `+shardColumns+`, s.done_at
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.state = 'discarded'
		 ORDER BY s.ordinal`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	discards, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Discard, err error) {
		r, err := scanRecord(withLast{row, []any{&d.At}})
		if err == nil {
			d.Shard, d.Mapping, d.Tables, d.Read, d.Reason = r.Shard, r.mapping, r.receipt.Tables, r.receipt.Users.Read, r.discarded
		}
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return discards, nil
}

// A LeftOut is what is in a shard that is discarded: what the legacy database holds of it at one moment.
type LeftOut struct {
	Users    []keyspace.Key // none where its units are rows
	Tables   []shard.Table  // Source, Read and LeftOut alone, which are equal
	Position string         // of the legacy binlog
}

// A Discarding is a dead shard on its way to be discarded, in one transaction.
type Discarding struct {
	Shard shard.Shard
	book  Book
}

// Held is as Book.Held.
func (d *Discarding) Held(ctx context.Context, s *shard.Shard, users []keyspace.Key) (map[int]bool, error) {
	return d.book.Held(ctx, s, users)
}

// Unread returns the users whom the shard, of kind Redo, was to be the first to read. All other units of it stay what they are.
func (d *Discarding) Unread(ctx context.Context) ([]keyspace.Key, error) {
	f := d.book.family()
	if !f.ofUsers() {
		return nil, nil
	}
	list, err := d.book.List(ctx)
	if err != nil {
		return nil, err
	}
	found, err := askAbout(d.Shard.Migration, f, f.keys(list.Units)).dossiers(ctx, d.book.tx)
	if err != nil {
		return nil, err
	}
	var unread []keyspace.Key
	for i := range found {
		if !found[i].known {
			unread = append(unread, list.Units[i])
		}
	}
	return unread, nil
}

// Discard lets a dead shard go: count tells what is in it, its users are left out from then on, and the shard ends with a receipt that says so, in
// the next generation. The receipt is nil where the shard, in that generation, is not dead. By says who wants it.
func (l *Ledger) Discard(ctx context.Context, id shard.ID, reason, by string, count func(context.Context, *Discarding) (LeftOut, error)) (*shard.Receipt, error) {
	var receipt *shard.Receipt
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		r, err := lockDead(ctx, tx, id)
		if errors.Is(absent(err), ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		d := &Discarding{Shard: r.Shard, book: Book{tx: tx, claim: Claim{Shard: r.Shard}}}
		left, err := count(ctx, d)
		if err != nil {
			return err
		}
		receipt, err = d.close(ctx, &r, left, reason)
		if err != nil {
			return err
		}
		if err := unfinish(ctx, tx, id.Migration); err != nil {
			return err
		}
		return event(ctx, tx, id.Migration, id.Ordinal, receipt.Generation, r.attempt, "discarded", map[string]string{"by": by, "reason": reason})
	})
	if err != nil {
		return nil, fmt.Errorf("discard shard %s: %w", id, err)
	}
	return receipt, nil
}

// Examine runs look on a shard as it is, dead or not, and changes nothing; the error wraps ErrNotFound if there is none of that ordinal.
func (l *Ledger) Examine(ctx context.Context, name string, ordinal int, look func(context.Context, *Discarding) error) error {
	s, _, err := l.Shard(ctx, name, ordinal)
	if err != nil {
		return err
	}
	return pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
			return fmt.Errorf("examine shard %s: %w", s.ID, err)
		}
		return look(ctx, &Discarding{Shard: *s, book: Book{tx: tx, claim: Claim{Shard: *s}}})
	})
}

func lockDead(ctx context.Context, tx pgx.Tx, id shard.ID) (record, error) {
	if _, err := lockMigration(ctx, tx, id); err != nil {
		return record{}, err
	}
	// Counting in the legacy database takes its time, in which nothing is asked here.
	if _, err := tx.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`); err != nil {
		return record{}, err
	}
	rows, err := tx.Query(ctx, `
		SELECT `+shardColumns+`
		  FROM rehome.shard s JOIN rehome.migration m ON m.name = s.migration
		 WHERE s.migration = $1 AND s.ordinal = $2 AND s.generation = $3 AND s.state = 'dead'
		   FOR UPDATE OF s`, id.Migration, id.Ordinal, id.Generation)
	if err != nil {
		return record{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanRecord)
}

// close writes who is left out, and the receipt.
func (d *Discarding) close(ctx context.Context, r *record, left LeftOut, reason string) (*shard.Receipt, error) {
	now := time.Now().UTC()
	receipt := &shard.Receipt{
		ID: r.ID, State: shard.Discarded, Wave: r.Wave, Attempt: r.attempt, Mapping: r.mapping, Tables: left.Tables, Position: left.Position, Started: now, Finished: now,
	}
	receipt.Generation++
	receipt.Users.Read = int64(len(left.Users))
	if err := d.book.tx.QueryRow(ctx, `SELECT pg_current_xact_id()::text::numeric`).Scan(&receipt.Xid); err != nil {
		return nil, err
	}
	_, err := d.book.tx.Exec(ctx, `
		UPDATE rehome.shard
		   SET generation = generation + 1, state = 'discarded', discarded = $4, receipt = $5, xid = pg_current_xact_id(), done_at = clock_timestamp()
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3`, r.Migration, r.Ordinal, r.Generation, reason, receipt)
	if err != nil {
		return nil, err
	}
	columns := []string{"user_hash", "user_key", "state", "cause"}
	return receipt, copyRows(ctx, d.book.tx, receipt.ID, "user_state", columns, len(left.Users), func(n int) []any {
		key := userFamily.key(left.Users[n])
		return []any{checksum.Key(key), key, "left_out", ""}
	})
}

// takeBack has the ledger hold the users of a discarded shard no more.
func takeBack(ctx context.Context, tx pgx.Tx, id shard.ID) error {
	tag, err := tx.Exec(ctx, `
		DELETE FROM rehome.user_state
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND counted AND state = 'left_out' AND by_ordinal IS NULL`, id.Migration, id.Ordinal, id.Generation)
	if err != nil {
		return err
	}
	var read int64
	err = tx.QueryRow(ctx, `
		SELECT (receipt->'users'->>'read')::bigint FROM rehome.shard WHERE migration = $1 AND ordinal = $2 AND generation = $3`,
		id.Migration, id.Ordinal, id.Generation).Scan(&read)
	if err == nil && read != tag.RowsAffected() {
		err = ErrDoneAgain
	}
	return err
}

// Discarded returns the users whom a discarded shard has left out.
func (l *Ledger) Discarded(ctx context.Context, id shard.ID) ([]keyspace.Key, error) {
	what := fmt.Sprintf("list whom shard %s leaves out", id)
	rows, err := l.pool.Query(ctx, `
		SELECT user_key FROM rehome.user_state WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND counted AND state = 'left_out' ORDER BY user_key`,
		id.Migration, id.Ordinal, id.Generation)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	users, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (keyspace.Key, error) {
		var key []byte
		if err := row.Scan(&key); err != nil {
			return nil, err
		}
		return userFamily.parse(key)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return users, nil
}

// Recount replaces what the receipt of a discarded shard says of rows: the legacy database may have changed since it was written. It changes
// nothing where the shard is not discarded any more.
func (l *Ledger) Recount(ctx context.Context, id shard.ID, left LeftOut) error {
	_, err := l.pool.Exec(ctx, `
		UPDATE rehome.shard
		   SET receipt = receipt || jsonb_build_object('tables', $4::jsonb, 'position', $5::text, 'xid', pg_current_xact_id()::text::numeric), xid = pg_current_xact_id()
		 WHERE migration = $1 AND ordinal = $2 AND generation = $3 AND state = 'discarded'`, id.Migration, id.Ordinal, id.Generation, left.Tables, left.Position)
	if err != nil {
		return fmt.Errorf("count shard %s, which is discarded, once more: %w", id, err)
	}
	return nil
}
