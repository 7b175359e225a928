package target

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestConnect(t *testing.T) {
	t.Run("forces the session over what database and role say", func(t *testing.T) {
		conn, config := open(t)
		run(t, conn, `ALTER DATABASE `+quote(config.Database)+` SET TimeZone = 'Asia/Tokyo'`,
			`ALTER DATABASE `+quote(config.Database)+` SET search_path = 'app'`,
			`ALTER DATABASE `+quote(config.Database)+` SET bytea_output = 'escape'`)
		strict := session(t, config)
		for _, s := range append(settings, setting{name: "application_name", value: "rehome/test"}) {
			var shown string
			must(t, strict.QueryRow(t.Context(), `SELECT current_setting($1)`, s.name).Scan(&shown))
			if shown != s.value && s.name != "tcp_keepalives_idle" {
				t.Errorf("%s is %q, want %q", s.name, shown, s.value)
			}
		}
	})
	t.Run("has no statement compiled, however dear it looks", func(t *testing.T) {
		conn, config := open(t)
		run(t, conn, `ALTER DATABASE `+quote(config.Database)+` SET jit = on`)
		strict := session(t, config)
		run(t, strict, `SET jit_above_cost = 0`)
		rows, err := strict.Query(t.Context(), `EXPLAIN SELECT count(*) FROM generate_series(1, 1000)`)
		must(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "JIT") || !strings.Contains(plan, "Aggregate") {
			t.Error(plan)
		}
	})
	t.Run("makes every session of a pool so", func(t *testing.T) {
		_, config := open(t)
		pooled, err := pgxpool.ParseConfig(config.ConnString())
		must(t, err)
		hooked := 0
		pooled.AfterConnect = func(context.Context, *pgx.Conn) error { hooked++; return nil }
		pool, err := Pool(t.Context(), pooled, "worker")
		must(t, err)
		defer pool.Close()
		var name, path string
		must(t, pool.QueryRow(t.Context(), `SELECT current_setting('application_name'), current_setting('search_path')`).Scan(&name, &path))
		if name != "rehome/worker" || path != "pg_catalog" || hooked == 0 {
			t.Errorf("application_name %q, search_path %q, the caller's hook ran %d times", name, path, hooked)
		}
	})
	t.Run("refuses a session whose foreign keys are switched off", func(t *testing.T) {
		conn, config := open(t)
		run(t, conn, `ALTER DATABASE `+quote(config.Database)+` SET session_replication_role = replica`)
		_, err := Connect(t.Context(), config, "test")
		expect(t, err, "session_replication_role is replica")
	})
	t.Run("says what was attempted, where, why it failed and what to do", func(t *testing.T) {
		_, good := open(t)
		refused := func(change func(*pgx.ConnConfig), want ...string) {
			t.Helper()
			config := good.Copy()
			change(config)
			conn, err := Connect(t.Context(), config, "test")
			if err == nil {
				conn.Close(t.Context())
			}
			expect(t, err, append(want, "connect to PostgreSQL "+address(config))...)
			if strings.Contains(err.Error(), good.Password) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error holds a password or several lines: %q", err)
			}
		}
		refused(func(c *pgx.ConnConfig) { c.Password = "s3cret" }, "password authentication failed", "check user and password in TARGET_DSN")
		refused(func(c *pgx.ConnConfig) { c.Database = "nowhere" }, `"nowhere" does not exist`, "create it")
		refused(func(c *pgx.ConnConfig) { c.Port = 1 }, "connection refused", "is PostgreSQL running there")
	})
	t.Run("warns of a server that forgets commits", func(t *testing.T) {
		conn, _ := open(t)
		warnings, err := Warnings(t.Context(), conn)
		must(t, err)
		if len(warnings) != 3 || !strings.HasPrefix(warnings[0], "fsync is off") {
			t.Errorf("got %q", warnings)
		}
	})
	t.Run("passes a proxy that gives each session a backend of its own", func(t *testing.T) {
		_, config := open(t)
		conn, err := Connect(t.Context(), through(t, config, false), "test")
		must(t, err)
		must(t, conn.Close(t.Context()))
	})
	t.Run("refuses a proxy that shares a backend between sessions", func(t *testing.T) {
		_, config := open(t)
		_, err := Connect(t.Context(), through(t, config, true), "test")
		expect(t, err, "a proxy between pools transactions", "connect to the server itself")
	})
}

func TestIdentify(t *testing.T) {
	conn, config := open(t)
	id, err := Identify(t.Context(), conn)
	must(t, err)
	if id.Database != config.Database || id.System == 0 || id.OID == 0 {
		t.Errorf("got %+v", id)
	}
}

func expect(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("there was no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}
