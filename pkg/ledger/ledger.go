// Package ledger keeps rehome's own tables, schema rehome of the target database: the plan, who holds which shard, what arrived and
// what did not, and what was taken off for the load. It is the truth that messages only point at. It moves no data and knows
// neither the legacy database nor the queue; what the data's transaction writes into the ledger, it writes through a Book.
package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Ledger is the ledger of all migrations into one database. Its methods may be called concurrently; those that have no
// transaction or connection among their arguments use the pool.
type Ledger struct {
	pool *pgxpool.Pool
}

// Open returns the ledger that the pool's database holds. It asks nothing: call Install or CheckVersion before anything else. The
// pool stays the caller's to close.
func Open(pool *pgxpool.Pool) *Ledger { return &Ledger{pool: pool} }

// ErrNotFound is what an error wraps when the ledger has no such migration, mapping or part.
var ErrNotFound = errors.New("not in the ledger")

// The SQLSTATEs that mean something to the ledger.
const (
	lockNotAvailable = "55P03"
	uniqueViolation  = "23505"
	duplicateColumn  = "42701"
	duplicateObject  = "42710"
	duplicateTable   = "42P07"
)

func sqlState(err error) string {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// session is what a connection, a transaction and the pool have in common.
type session interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// inTx runs do in a transaction of the pool.
func (l *Ledger) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, l.pool, readCommitted, do)
}

// readCommitted is asked for by name: each statement must see what others have committed by then, whatever the role's default is.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

const insertEvent = `
	INSERT INTO rehome.event (migration, ordinal, generation, attempt, what, detail)
	VALUES ($1, $2, $3, $4, $5, $6)`

// event appends to the log of a migration; ordinal is -1 where it concerns the migration as a whole.
func event(ctx context.Context, s session, name string, ordinal, generation, attempt int, what string, detail any) error {
	_, err := s.Exec(ctx, insertEvent, name, ordinal, generation, attempt, what, detail)
	if err != nil {
		return fmt.Errorf("log %q of %s/%d.%d in the ledger: %w", what, name, ordinal, generation, err)
	}
	return nil
}

// collect reads all rows, each into the places that fields gives.
func collect[T any](rows pgx.Rows, what string, fields func(*T) []any) ([]T, error) {
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v T, err error) {
		err = row.Scan(fields(&v)...)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}
