package legacy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// A resolver asks the server what a query is, next to the catalog that it was made with.
type resolver struct {
	db      *DB
	catalog *mapping.LegacyCatalog
}

// Resolve returns the types of the query's result columns and the columns of base tables that the query mentions. The query
// must be able to stand before LIMIT. A refusal is a *mapping.QueryFault.
func (r *resolver) Resolve(ctx context.Context, query string) (mapping.Resolved, error) {
	resolved, err := r.resolve(ctx, query)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && !slices.Contains(outageErrors, refused.Number) {
		reason := redact(err)
		if said, ok := errors.AsType[*serverError](reason); ok && said.text != "" {
			return resolved, &mapping.QueryFault{Reason: said.text}
		}
		return resolved, &mapping.QueryFault{Reason: reason.Error()}
	}
	if err != nil {
		return resolved, failed(err, "ask the legacy server about a query")
	}
	return resolved, nil
}

// resolve never reads a row: under LIMIT 0 the servers' optimizers stop before they read tables of one row and put their values in
// place of names.
func (r *resolver) resolve(ctx context.Context, query string) (mapping.Resolved, error) {
	conn, err := r.db.pool.Conn(ctx)
	if err != nil {
		return mapping.Resolved{}, err
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	types, err := resultTypes(ctx, conn, query+" LIMIT 0")
	if err != nil {
		return mapping.Resolved{}, err
	}
	rewritten, err := r.rewritten(ctx, conn, query+" LIMIT 0")
	if err != nil {
		return mapping.Resolved{}, err
	}
	reading := read(rewritten, r.db.name, r.catalog)
	for i := range min(len(types), len(reading.fields)) {
		if column := reading.fields[i]; column != nil {
			types[i] = column.declared(types[i])
		}
	}
	reading.add(mapping.Identifiers(query))
	return mapping.Resolved{Types: types, Mentioned: reading.mentioned}, nil
}

func resultTypes(ctx context.Context, conn *sql.Conn, query string) ([]value.LegacyType, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	types := make([]value.LegacyType, len(columns))
	for i, c := range columns {
		types[i] = resultType(c)
	}
	return types, rows.Err()
}

// resultType has no length but that of decimals: the driver does not tell it.
func resultType(c *sql.ColumnType) value.LegacyType {
	name, unsigned := strings.CutPrefix(c.DatabaseTypeName(), "UNSIGNED ")
	t := value.LegacyType{Name: name, Unsigned: unsigned, Binary: binaryTypes[name]}
	t.Nullable, _ = c.Nullable()
	if precision, scale, ok := c.DecimalSize(); ok && scale != unfixed && scale < 1<<16 {
		t.Decimals = int(scale)
		if name == "DECIMAL" {
			t.Length = precision
		}
	}
	return t
}

// rewritten returns the query as the server understands it, every name in full. It is a note of EXPLAIN.
func (r *resolver) rewritten(ctx context.Context, conn *sql.Conn, query string) (text string, err error) {
	if _, err := conn.ExecContext(ctx, `SET SESSION sql_notes = 1`); err != nil {
		return "", err
	}
	defer func() {
		if _, back := conn.ExecContext(ctx, `SET SESSION sql_notes = 0`); back != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // nobody else is to have a session with notes
			err = errors.Join(err, back)
		}
	}()
	explain := "EXPLAIN FORMAT=TRADITIONAL "
	if r.db.version.maria {
		explain = "EXPLAIN EXTENDED "
	}
	rows, err := conn.QueryContext(ctx, explain+query)
	if err != nil {
		return "", err
	}
	if err := errors.Join(rows.Close(), rows.Err()); err != nil { //nolint:sqlclosecheck // the connection has to be free for the next query
		return "", err
	}
	return explained(ctx, conn)
}

func explained(ctx context.Context, conn *sql.Conn) (string, error) {
	notes, err := conn.QueryContext(ctx, `SHOW WARNINGS`)
	if err != nil {
		return "", err
	}
	defer notes.Close()
	for notes.Next() {
		var level, code, text string
		if err := notes.Scan(&level, &code, &text); err != nil {
			return "", err
		}
		if code == "1003" {
			return text, notes.Err()
		}
	}
	return "", errors.Join(errors.New("the server does not show how it understands the query"), notes.Err())
}
