package legacy

import (
	"context"
	"database/sql/driver"
	"errors"

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
	kept  map[string]keptStmt
	order []string // of kept, the oldest first
}

// A keptStmt stays open when its user has done with it.
type keptStmt struct{ strictStmt }

// Close does nothing: the statement is closed by the connection.
func (keptStmt) Close() error { return nil }

// PrepareContext returns the statement of that text, as it was prepared before if it was.
func (k *keeper) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt, there := k.kept[query]; there {
		return stmt, nil
	}
	prepared, err := k.strictConn.PrepareContext(ctx, query)
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) && refused.Number == tooManyStatements && len(k.order) > 0 {
		if err := k.forget(len(k.order)); err != nil {
			return nil, err
		}
		prepared, err = k.strictConn.PrepareContext(ctx, query)
	}
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(strictStmt)
	if !ok || len(query) > keptText {
		return prepared, nil
	}
	if len(k.order) >= keptStatements {
		if err := k.forget(1); err != nil {
			return nil, errors.Join(err, prepared.Close())
		}
	}
	k.kept[query], k.order = keptStmt{stmt}, append(k.order, query)
	return k.kept[query], nil
}

// forget closes the n oldest statements. It asks the server nothing.
func (k *keeper) forget(n int) error {
	var errs []error
	for _, query := range k.order[:n] {
		errs = append(errs, k.kept[query].strictStmt.Close())
		delete(k.kept, query)
	}
	k.order = append([]string(nil), k.order[n:]...)
	return errors.Join(errs...)
}
