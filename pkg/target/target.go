// Package target is the PostgreSQL edge for the migrated data: a strict session, the catalog that a mapping is compiled against,
// binary COPY and its read-back inside one transaction, taking constraints off for a load and putting them back, and settling
// what they then would refuse. It leaves out the ledger in schema rehome and every decision: it does not know what a user is.
//
// Its functions expect sessions made by Connect or Pool, and tables as schema.table. Their errors name objects and SQLSTATEs,
// never a value, and carry a shard.Failure where the kind is not an outage.
package target

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/shard"
)

// A DB runs statements: a *pgx.Conn, a pgx.Tx or a *pgxpool.Pool whose sessions Connect or Pool have made.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// An Identity tells one target database from another, also from a copy of it on another server.
type Identity struct {
	System   int64  // the cluster's system identifier
	OID      uint32 // of the database
	Database string
}

// Identify returns the identity of the database that db is connected to.
func Identify(ctx context.Context, db DB) (Identity, error) {
	const query = `
		SELECT s.system_identifier, d.oid, d.datname::text
		FROM pg_control_system() AS s, pg_database AS d
		WHERE d.datname = current_database()`
	var id Identity
	err := db.QueryRow(ctx, query).Scan(&id.System, &id.OID, &id.Database)
	return id, classify(err, "read the target's identity", "")
}

// CountKeys returns the number of rows of the table.
func CountKeys(ctx context.Context, db DB, table string) (rows int64, err error) {
	relations, err := resolve(ctx, db, []string{table})
	if err != nil {
		return 0, err
	}
	err = db.QueryRow(ctx, `SELECT count(*) FROM `+relations[0].quoted()).Scan(&rows)
	return rows, classify(err, "count the rows of "+table, table)
}

// Analyze refreshes the planner's statistics of the tables.
func Analyze(ctx context.Context, db DB, tables []string) error {
	relations, err := resolve(ctx, db, tables)
	if err != nil {
		return err
	}
	for _, r := range relations {
		if _, err := db.Exec(ctx, `ANALYZE `+r.quoted()); err != nil {
			return classify(err, "analyze "+r.full(), r.full())
		}
	}
	return nil
}

// Estimate gathers statistics of few rows of the tables, which tell how many there are and about how they are spread, in the caller's transaction.
func Estimate(ctx context.Context, tx pgx.Tx, tables []string) error {
	if _, err := tx.Exec(ctx, `SET LOCAL default_statistics_target = 10`); err != nil {
		return classify(err, "estimate the fed tables", "")
	}
	return Analyze(ctx, tx, tables)
}

// A relation is a table as the catalog knows it.
type relation struct {
	OID          uint32
	Schema, Name string
	Kind         string
}

func (r relation) full() string   { return r.Schema + "." + r.Name }
func (r relation) quoted() string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

// resolve finds the tables, in the order given. A name that the catalog does not hold is a Schema failure.
func resolve(ctx context.Context, db DB, tables []string) ([]relation, error) {
	const query = `
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN unnest($1::text[]) WITH ORDINALITY AS t(name, ord) ON n.nspname || '.' || c.relname = t.name
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
		ORDER BY t.ord`
	found, err := collect[relation](ctx, db, query, tables)
	if err != nil {
		return nil, classify(err, "look up the fed tables", "")
	}
	if len(found) != len(tables) {
		return nil, shard.Failf(shard.Schema, "look up %s: the target database has not got all of them; run check again",
			strings.Join(tables, ", "))
	}
	return found, nil
}

func oids(relations []relation) []uint32 {
	out := make([]uint32, len(relations))
	for i, r := range relations {
		out[i] = r.OID
	}
	return out
}

// collect reads all rows of a query into structs, by position.
func collect[T any](ctx context.Context, db DB, query string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
