package ledger

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// beginWith begins a transaction, runs the statements in it that have no result, and a query of one row: all in one round trip. The error is
// pgx.ErrNoRows where there is no row. Whatever it is, the transaction is the caller's to end.
func beginWith[T any](ctx context.Context, conn *pgx.Conn, first []string, scan pgx.RowToFunc[T], sql string, args ...any) (tx pgx.Tx, v T, err error) {
	var batch pgx.Batch
	batch.BeginTx(readCommitted)
	for _, statement := range first {
		batch.Queue(statement)
	}
	var found error
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		v, found = pgx.CollectExactlyOneRow(rows, scan)
		return rows.Err() // and not what is only ours: the session would forget its prepared statements
	})
	results := conn.SendBatch(ctx, &batch)
	if err = results.Close(); err == nil {
		err = found
	}
	return results.Tx(), v, err
}

// commitWith runs a query of one row and commits, in one round trip. After an error nobody knows what has become of the transaction, and the
// session is of no use any more.
func commitWith(ctx context.Context, tx pgx.Tx, scan func(pgx.Row) error, sql string, args ...any) error {
	var batch pgx.Batch
	batch.Queue(sql, args...).QueryRow(scan)
	batch.Queue(`COMMIT`).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, &batch).Close()
}
