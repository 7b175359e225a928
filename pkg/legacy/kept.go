package legacy

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"
)

// So many statements stay prepared on each connection, the oldest giving way, of no more text than that: each shard asks the same again
// with other bounds, and to prepare costs a round trip. Servers allow 16,382 of all their connections together.
const (
	keptStatements = 24
	keptText       = 16 << 10
)

// tooManyStatements is the servers' error when they have as many prepared statements as they allow.
const tooManyStatements = 1461

// strictConn is all that database/sql may ask of the driver's connection.
type strictConn interface {
	driver.Conn
	driver.Pinger
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Validator
}

// strictStmt is all that database/sql may ask of the driver's statement.
type strictStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

// A keeper is a connection that keeps its statements prepared. As with any connection, only one at a time is asked.
type keeper struct {
	strictConn
	wire  *wire // for streams; nil where the driver alone can read what comes
	kept  map[asked]io.Closer
	order []asked // of kept, the oldest first
}

// An asked is the text of a statement, and who has had it prepared.
type asked struct {
	query string
	wired bool
}

// A keptStmt stays open when its user has done with it.
type keptStmt struct{ strictStmt }

// Close does nothing: the statement is closed by the connection.
func (keptStmt) Close() error { return nil }

// PrepareContext returns the statement of that text, as it was prepared before if it was.
func (k *keeper) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, kept, err := k.keep(asked{query: query}, func() (io.Closer, error) { return k.strictConn.PrepareContext(ctx, query) })
	if err != nil {
		return nil, err
	}
	strict, ok := stmt.(strictStmt)
	switch {
	case !ok:
		return nil, fmt.Errorf("a %T is no statement to keep", stmt)
	case !kept:
		return strict, nil
	}
	return keptStmt{strict}, nil
}

// keep returns the statement, as it was prepared before if it was. One that is not kept is its user's to close.
func (k *keeper) keep(a asked, prepare func() (io.Closer, error)) (stmt io.Closer, kept bool, err error) {
	if stmt, there := k.kept[a]; there {
		return stmt, true, nil
	}
	stmt, err = prepare()
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) && refused.Number == tooManyStatements && len(k.order) > 0 {
		if err := k.forget(len(k.order)); err != nil {
			return nil, false, err
		}
		stmt, err = prepare()
	}
	if err != nil || len(a.query) > keptText {
		return stmt, false, err
	}
	if len(k.order) >= keptStatements {
		if err := k.forget(1); err != nil {
			return nil, false, errors.Join(err, stmt.Close())
		}
	}
	k.kept[a], k.order = stmt, append(k.order, a)
	return stmt, true, nil
}

// forget closes the n oldest statements. It asks the server nothing.
func (k *keeper) forget(n int) error {
	var errs []error
	for _, a := range k.order[:n] {
		errs = append(errs, k.kept[a].Close())
		delete(k.kept, a)
	}
	k.order = append([]asked(nil), k.order[n:]...)
	return errors.Join(errs...)
}

// IsValid reports whether the connection may be used again.
func (k *keeper) IsValid() bool { return (k.wire == nil || !k.wire.broken) && k.strictConn.IsValid() }
