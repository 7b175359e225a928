package sandbox

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// keeper is what the three kinds of server offer to a test that ends them.
type keeper interface {
	PID() int
	Kill()
	Stop(ctx context.Context, immediate bool) error
	Restart(ctx context.Context) error
}

// endings are the ways a server goes down; after each it must come back with its data.
func endings(t *testing.T, s keeper, check func(t *testing.T)) {
	for name, end := range map[string]func() error{
		"killed":              func() error { s.Kill(); return nil },
		"stopped at once":     func() error { return s.Stop(t.Context(), true) },
		"stopped in order":    func() error { return s.Stop(t.Context(), false) },
		"restarted as it ran": func() error { return nil },
	} {
		t.Run("keeps port and data when "+name, func(t *testing.T) {
			before := s.PID()
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.PID() == before {
				t.Errorf("process %d was not replaced", before)
			}
			check(t)
		})
	}
}

func TestMariaDBServer(t *testing.T) {
	s, err := StartMariaDB(t.Context(), Options{Fast: true, BufferPool: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.Close) })
	if err := s.exec(t.Context(), "CREATE DATABASE kept; CREATE TABLE kept.t AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	t.Run("is set up for dirty data and a binlog", func(t *testing.T) {
		got := text(t, s.DSN(""), `SELECT CONCAT_WS(' ', @@GLOBAL.log_bin, @@GLOBAL.binlog_format, @@GLOBAL.server_id,
			CONCAT('[', @@GLOBAL.sql_mode, ']'), @@GLOBAL.character_set_server, @@GLOBAL.max_allowed_packet,
			@@GLOBAL.skip_name_resolve, @@GLOBAL.time_zone)`)
		if want := "ON ROW 1 [] utf8mb4 1073741824 ON +00:00"; got != want {
			t.Errorf("settings = %s, want %s", got, want)
		}
	})
	t.Run("lets in nobody without the password", func(t *testing.T) {
		db, err := Open(serverURL("mysql", "root", "", s.Port(), "").String())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.PingContext(t.Context()); err == nil {
			t.Error("root came in without a password")
		}
	})
	endings(t, s, func(t *testing.T) {
		if got := text(t, s.DSN("kept"), "SELECT word FROM t"); got != "here" {
			t.Errorf("word = %q", got)
		}
	})
}

func TestPostgresServer(t *testing.T) {
	s, err := StartPostgres(t.Context(), Options{BufferPool: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s.Close) })
	if err := s.exec(t.Context(), "CREATE TABLE kept AS SELECT 'here' AS word"); err != nil {
		t.Fatal(err)
	}
	t.Run("is durable, and open to loopback alone", func(t *testing.T) {
		got := pgText(t, s.DSN("postgres"), `SELECT concat_ws(' ', current_setting('fsync'),
			current_setting('listen_addresses'), current_setting('max_connections'), current_setting('TimeZone'))`)
		if want := "on 127.0.0.1 200 UTC"; got != want {
			t.Errorf("settings = %s, want %s", got, want)
		}
	})
	t.Run("lets in nobody without the password", func(t *testing.T) {
		open := serverURL("postgres", postgresSuperuser, "wrong", s.Port(), "postgres")
		if conn, err := pgx.Connect(t.Context(), open.String()); err == nil {
			_ = conn.Close(t.Context())
			t.Error("the superuser came in with a wrong password")
		}
	})
	t.Run("leaves no backend behind when killed", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), s.DSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		backend := int(conn.PgConn().PID())
		s.Kill()
		if alive(backend) {
			t.Errorf("backend %d outlives its server", backend)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	endings(t, s, func(t *testing.T) {
		if got := pgText(t, s.DSN("postgres"), "SELECT word FROM kept"); got != "here" {
			t.Errorf("word = %q", got)
		}
	})
}

func TestNATSServer(t *testing.T) {
	s := NATS(t)
	js := jetStream(t, s.URL())
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "KEPT", Subjects: []string{"kept"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "kept", []byte("here")); err != nil {
		t.Fatal(err)
	}
	t.Run("lets in nobody without the token", func(t *testing.T) {
		if conn, err := nats.Connect("nats://" + loopback(s.Port())); err == nil {
			conn.Close()
			t.Error("a client came in without the token")
		}
	})
	endings(t, s, func(t *testing.T) {
		stream, err := jetStream(t, s.URL()).Stream(t.Context(), "KEPT")
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().State.Msgs; got != 1 {
			t.Errorf("the stream holds %d messages, want 1", got)
		}
	})
}

func jetStream(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func pgText(t *testing.T, dsn, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var value string
	if err := conn.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func closeServer(t *testing.T, close func() error) {
	if err := close(); err != nil {
		t.Error(err)
	}
}
