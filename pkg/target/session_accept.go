package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The versions of PostgreSQL that rehome works with.
const (
	oldest = 13
	newest = 18
)

// acceptServer refuses a server that cannot be migrated into.
func acceptServer(ctx context.Context, conn *pgx.Conn) error {
	const query = `
		SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 / 10000,
			pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('session_replication_role')`
	var major int
	var standby bool
	var role string
	if err := conn.QueryRow(ctx, query).Scan(&major, &standby, &role); err != nil {
		return fmt.Errorf("ask for its version: %w", err)
	}
	switch {
	case major < oldest || major > newest:
		return fmt.Errorf("it is version %d; rehome works with %d to %d", major, oldest, newest)
	case standby:
		return errors.New("it is a standby, which takes no writes; connect to the primary")
	case role != "origin":
		return fmt.Errorf("session_replication_role is %s, which switches foreign keys off unseen; ALTER ROLE … RESET session_replication_role", role)
	}
	return nil
}

// refusePooling refuses a proxy that gives each transaction another backend. Behind a proxy the process that the protocol announces
// is not the one that SQL sees; only then a second session is opened: if it can stand in the first one's backend, or push
// the first one out of it, backends are shared.
func refusePooling(ctx context.Context, conn *pgx.Conn) error {
	first, err := backend(ctx, conn)
	if err != nil || first == conn.PgConn().PID() {
		return err
	}
	other, err := pgx.ConnectConfig(ctx, conn.Config())
	if err != nil {
		return fmt.Errorf("open a second session to see whether backends are pooled: %w", err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }() // it was only asked
	tx, err := other.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin in a second session: %w", err)
	}
	second, err := backend(ctx, tx)
	if err != nil {
		return err
	}
	again, err := backend(ctx, conn)
	if err != nil {
		return err
	}
	if second == first || again != first {
		return errors.New("a proxy between pools transactions, which loses locks and settings; connect to the server itself, " +
			"or to a pool in session mode")
	}
	return nil
}

func backend(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (pid uint32, err error) {
	err = db.QueryRow(ctx, `SELECT pg_catalog.pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	if err != nil {
		err = fmt.Errorf("ask for the backend: %w", err)
	}
	return pid, err
}

// Warnings says what about the server makes a committed shard less than safe.
func Warnings(ctx context.Context, db DB) ([]string, error) {
	const query = `
		SELECT name FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
		WHERE current_setting(name) = 'off' ORDER BY name`
	rows, err := db.Query(ctx, query)
	if err != nil {
		return nil, classify(err, "read the server's durability settings", "")
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, classify(err, "read the server's durability settings", "")
	}
	var warnings []string
	for _, name := range names {
		warnings = append(warnings, name+" is off in the target: a crash of its machine can lose rows that were committed and verified; "+
			"set it to on for the migration")
	}
	return warnings, nil
}
