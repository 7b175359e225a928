// Package legacy is the MySQL and MariaDB edge: strict, read-only sessions, the catalog, the server's own reading of the mapping's
// SQL, cuts and counts for the plan, and the streaming of a shard's rows from one consistent snapshot. The server alone
// compares keys. It converts no value beyond spelling it as text, and it never writes.
package legacy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// idleSessions is how many sessions wait for the next snapshot: all of them, as a slot needs two at once and to make one costs more than to keep it.
const idleSessions = 256

// A DB is a pool of strict, read-only connections to one legacy database. It is safe for concurrent use; its opener closes it.
type DB struct {
	pool     *sql.DB
	name     string // of the database
	address  string // host:port/db as user, for errors
	at       string // host:port, or the path of a socket
	version  version
	gathered sizes
}

// Open connects to the database that the configuration names, and refuses servers older than MySQL 5.7 and MariaDB 10.5. The
// configuration must leave values as they are: without parseTime, interpolateParams and multiStatements.
func Open(ctx context.Context, config *mysql.Config) (*DB, error) {
	return open(ctx, config, "the legacy database")
}

// open is Open of what is called so.
func open(ctx context.Context, config *mysql.Config, what string) (*DB, error) {
	if config.ParseTime || config.InterpolateParams || config.MultiStatements {
		return nil, fmt.Errorf("open %s: parseTime, interpolateParams and multiStatements must be off", what)
	}
	config = config.Clone()
	config.Logger = &mysql.NopLogger{} // what it logs comes back as an error too
	config.DialFunc = dial
	db := &DB{name: config.DBName, address: fmt.Sprintf("%s/%s as %s", config.Addr, config.DBName, config.User), at: config.Addr}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", what, db.address, err)
	}
	if db.version, err = serverVersion(ctx, connector); err == nil {
		db.pool = sql.OpenDB(strictConnector{connector, config})
		db.pool.SetMaxIdleConns(idleSessions)
		if err = db.pool.PingContext(ctx); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, failure(fmt.Errorf("connect to %s at %s: %w%s", what, db.address, redact(err), advice(err)), err)
	}
	return db, nil
}

// serverVersion asks for the version, and refuses one that is too old, over a connection whose session is not set: a server that is
// too old refuses the settings, too.
func serverVersion(ctx context.Context, connector driver.Connector) (version, error) {
	plain := sql.OpenDB(connector)
	defer plain.Close()
	var text string
	if err := plain.QueryRowContext(ctx, `SELECT VERSION()`).Scan(&text); err != nil {
		return version{}, err
	}
	v, err := parseVersion(text)
	if err == nil {
		err = v.supported()
	}
	return v, err
}

// Close closes all connections. Snapshots must be closed before.
func (db *DB) Close() error { return db.pool.Close() }

// Server returns the server's name and version, "MariaDB 10.11.19".
func (db *DB) Server() string { return db.version.String() }
