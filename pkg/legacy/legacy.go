// Package legacy is the MySQL and MariaDB edge: strict, read-only sessions, the catalog, the server's own reading of the mapping's
// SQL, cuts and counts for the plan, and the streaming of a shard's rows from one consistent snapshot. The server alone
// compares keys. It converts no value beyond spelling it as text, and it never writes.
package legacy

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// A DB is a pool of strict, read-only connections to one legacy database. It is safe for concurrent use; its opener closes it.
type DB struct {
	pool    *sql.DB
	name    string // of the database
	address string // host:port/db as user, for errors
	version version
}

// Open connects to the database that the configuration names, and refuses servers older than MySQL 5.7 and MariaDB 10.5. The
// configuration must leave values as they are: without parseTime, interpolateParams and multiStatements.
func Open(ctx context.Context, config *mysql.Config) (*DB, error) {
	if config.ParseTime || config.InterpolateParams || config.MultiStatements {
		return nil, errors.New("open the legacy database: parseTime, interpolateParams and multiStatements must be off")
	}
	config = config.Clone()
	config.Logger = &mysql.NopLogger{} // what it logs comes back as an error too
	db := &DB{name: config.DBName, address: fmt.Sprintf("%s/%s as %s", config.Addr, config.DBName, config.User)}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the legacy database at %s: %w", db.address, err)
	}
	db.pool = sql.OpenDB(strictConnector{connector})
	if err := db.connect(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) connect(ctx context.Context) error {
	var text string
	if err := db.pool.QueryRowContext(ctx, `SELECT VERSION()`).Scan(&text); err != nil {
		return failure(fmt.Errorf("connect to the legacy database at %s: %w%s", db.address, redact(err), advice(err)), err)
	}
	v, err := parseVersion(text)
	if err == nil {
		err = v.supported()
	}
	if err != nil {
		return fmt.Errorf("connect to the legacy database at %s: %w", db.address, err)
	}
	db.version = v
	return nil
}

// Close closes all connections. Snapshots must be closed before.
func (db *DB) Close() error { return db.pool.Close() }

// Server returns the server's name and version, "MariaDB 10.11.19".
func (db *DB) Server() string { return db.version.String() }
