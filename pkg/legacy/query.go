package legacy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A stopped is an error of the one who reads, as opposed to the server's.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

// stream runs the clause as a server-side prepared statement and hands each row to yield; the binary protocol alone gives FLOAT
// as it is stored. The cells are valid until yield returns. When yield fails, the rest is read past, so that the connection and
// its snapshot can go on.
func stream(ctx context.Context, conn *sql.Conn, c clause, yield func([]value.Cell) error) error {
	return conn.Raw(func(raw any) error {
		k, ok := raw.(*keeper)
		if !ok {
			return fmt.Errorf("a %T cannot stream", raw)
		}
		if k.wire.carries(c) {
			return k.stream(ctx, c, yield)
		}
		return k.streamByDriver(ctx, c, yield)
	})
}

// streamByDriver is stream where the driver alone can read what comes, or write what is asked.
func (k *keeper) streamByDriver(ctx context.Context, c clause, yield func([]value.Cell) error) (err error) {
	stmt, err := k.PrepareContext(ctx, c.sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, parameters(c.args))
	if err != nil {
		return err
	}
	err = each(rows, yield)
	if closed := rows.Close(); err == nil {
		err = closed
	}
	return err
}

func parameters(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return out
}

func each(rows driver.Rows, yield func([]value.Cell) error) error {
	speller, err := newSpeller(rows)
	if err != nil {
		return shard.Fail(shard.Schema, "", err)
	}
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(values); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		cells, err := speller.row(values)
		if err != nil {
			return shard.Fail(shard.Schema, "", err)
		}
		clear(values) // the cells alone keep a wide row in memory, and who reads them may let go of it
		err = yield(cells)
		clear(cells)
		if err != nil {
			return stopped{err}
		}
	}
}

// number runs the clause, whose result is one number.
func number(ctx context.Context, conn *sql.Conn, c clause) (n int64, err error) {
	err = scan(ctx, conn, c, &n)
	return n, err
}

// scan runs the clause, whose result is one row, as a prepared statement.
func scan(ctx context.Context, conn *sql.Conn, c clause, places ...any) (err error) {
	stmt, err := conn.PrepareContext(ctx, c.sql)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	return stmt.QueryRowContext(ctx, c.args...).Scan(places...)
}
