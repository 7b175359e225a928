package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/link"
)

// A setting is forced on every session; value is spelled as the server shows it, so that it can be compared.
type setting struct {
	name, value string
	unproved    bool // the server shows another value on a Unix socket
}

var settings = []setting{
	{name: "client_encoding", value: "UTF8"},
	{name: "TimeZone", value: "UTC"},
	{name: "DateStyle", value: "ISO, YMD"},
	{name: "IntervalStyle", value: "postgres"},
	{name: "extra_float_digits", value: "3"},
	{name: "bytea_output", value: "hex"},
	{name: "standard_conforming_strings", value: "on"},
	{name: "search_path", value: "pg_catalog"},
	{name: "default_transaction_isolation", value: "read committed"},
	// Off makes a query fail that a policy would filter, instead of showing fewer rows.
	{name: "row_security", value: "off"},
	// A statement of a shard looks dear to the planner, and compiling one takes seconds in which it would have ended a thousand times.
	{name: "jit", value: "off"},
	{name: "statement_timeout", value: "0"},
	{name: "lock_timeout", value: "5s"},
	{name: "idle_in_transaction_session_timeout", value: "1min"},
	{name: "tcp_keepalives_idle", value: "60", unproved: true},
	{name: "tcp_keepalives_interval", value: "10", unproved: true},
	{name: "tcp_keepalives_count", value: "6", unproved: true},
	// A shard's lock stays with a session that sends to a worker out of reach, whose heart may go on beating over another one.
	{name: "tcp_user_timeout", value: "60000", unproved: true},
}

// Connect opens a strict session named rehome/program: its settings are forced and asserted, and a server that is not a writable
// PostgreSQL 13 to 18, or is behind a transaction-pooling proxy, is refused. The error says what to do; it never holds the
// password. The caller closes the connection.
func Connect(ctx context.Context, config *pgx.ConnConfig, program string) (*pgx.Conn, error) {
	config = config.Copy()
	config.DialFunc = link.Dial
	keepSieve := sieved(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, explain(config, err)
	}
	keepSieve(conn)
	if err := prepare(ctx, conn, program); err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return conn, nil
}

// Pool opens a pool whose sessions are all as Connect makes them, after the hook that config may hold already, and proves it with
// the first one. The caller closes the pool.
func Pool(ctx context.Context, config *pgxpool.Config, program string) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.ConnConfig.DialFunc = link.Dial
	before := config.AfterConnect
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if before != nil {
			if err := before(ctx, conn); err != nil {
				return err
			}
		}
		return prepare(ctx, conn, program)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, explain(config.ConnConfig, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, explain(config.ConnConfig, err)
	}
	return pool, nil
}

func prepare(ctx context.Context, conn *pgx.Conn, program string) error {
	where := address(conn.Config())
	// First, by the simple protocol: what is prepared breaks behind a proxy that pools transactions.
	if err := refusePooling(ctx, conn); err != nil {
		return fmt.Errorf("use PostgreSQL %s: %w", where, err)
	}
	if err := acceptServer(ctx, conn); err != nil {
		return fmt.Errorf("use PostgreSQL %s: %w", where, err)
	}
	if err := force(ctx, conn, program); err != nil {
		return fmt.Errorf("set up a session of PostgreSQL %s: %w", where, err)
	}
	return nil
}

func force(ctx context.Context, conn *pgx.Conn, program string) error {
	wanted := append([]setting{{name: "application_name", value: "rehome/" + program}}, settings...)
	names, values := make([]string, len(wanted)), make([]string, len(wanted))
	for i, s := range wanted {
		names[i], values[i] = s.name, s.value
	}
	const set = `
		SELECT pg_catalog.set_config(s.name, s.value, false)
		FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS s(name, value)`
	if _, err := conn.Exec(ctx, set, names, values); err != nil {
		return err
	}
	// A statement of its own: what a proxy or a hook of the server takes back between statements shows here.
	const show = `SELECT current_setting(s.name) FROM unnest($1::text[]) WITH ORDINALITY AS s(name, ord) ORDER BY s.ord`
	rows, err := conn.Query(ctx, show, names)
	if err != nil {
		return err
	}
	shown, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for i, s := range wanted {
		if !s.unproved && shown[i] != s.value {
			return fmt.Errorf("%s is %q after it was set to %q; connect to the server itself, without a proxy that changes settings",
				s.name, shown[i], s.value)
		}
	}
	return nil
}
