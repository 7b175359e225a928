package impostor_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/legacy"
	"rehome/pkg/queue"
	"rehome/pkg/sandbox/impostor"
	"rehome/pkg/target"
)

func TestVersions(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	openLegacy := func(version string) error {
		config := mysql.NewConfig()
		config.Net, config.Addr, config.User, config.Passwd, config.DBName = "tcp", impostor.MySQL(t, version), "u", "p", "db"
		db, err := legacy.Open(ctx, config)
		if err == nil {
			err = db.Close()
		}
		return err
	}
	openTarget := func(major int) error {
		config, err := pgx.ParseConfig("postgres://u:p@" + impostor.Postgres(t, major) + "/db?sslmode=disable")
		if err != nil {
			return err
		}
		conn, err := target.Connect(ctx, config, "test")
		if err == nil {
			err = conn.Close(ctx)
		}
		return err
	}
	openQueue := func(version string) error {
		conn, err := queue.Connect(ctx, queue.Options{URL: "nats://" + impostor.NATS(t, version)})
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string // empty: the version is none to refuse
	}{
		{"a MySQL that is too old is refused by its version", openLegacy("5.6.51"), "it is MySQL 5.6.51, and rehome needs MySQL 5.7 or newer"},
		{"a MariaDB that is too old is refused by its version", openLegacy("10.4.34-MariaDB"), "it is MariaDB 10.4.34, and rehome needs MariaDB 10.5 or newer"},
		{"a MySQL that is new enough is not", openLegacy("8.0.36"), ""},
		{"a PostgreSQL that is too old is refused by its version", openTarget(12), "it is version 12; rehome works with 13 to 18"},
		{"a PostgreSQL that is too new is refused by its version", openTarget(19), "it is version 19; rehome works with 13 to 18"},
		{"a NATS that is too old is refused by its version", openQueue("2.9.10"), "nats-server 2.9.10 is too old"},
		{"a NATS that is new enough is not", openQueue("2.12.5"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" && tt.err != nil || tt.want != "" && (tt.err == nil || !strings.Contains(tt.err.Error(), tt.want)) {
				t.Errorf("error = %v, want one with %q", tt.err, tt.want)
			}
		})
	}
}

func TestNobody(t *testing.T) {
	t.Run("there is nobody", func(t *testing.T) {
		if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", impostor.Nobody(t)); err == nil {
			conn.Close()
			t.Error("somebody answers")
		}
	})
}
