package main_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// A migration that goes from database to database by TLS alone: the legacy user may not come without, and each row says how it was written.
func TestMigrationByTLS(t *testing.T) {
	t.Parallel()
	legacy, authority := sandbox.EncryptedLegacy(t)
	d := newDeskOn(t, legacy, sandbox.EncryptedPostgres(t))
	d.inLegacy(`CREATE USER migrates@'127.0.0.1' IDENTIFIED BY '` + somePass + `' REQUIRE SSL;
		GRANT SELECT, SHOW VIEW ON encrypted.* TO migrates@'127.0.0.1'; GRANT REPLICATION CLIENT ON *.* TO migrates@'127.0.0.1'`)
	d.inTarget(`CREATE FUNCTION app.by_tls() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
		ALTER TABLE app.users ADD by_tls boolean NOT NULL DEFAULT app.by_tls(); ALTER TABLE app.posts ADD by_tls boolean NOT NULL DEFAULT app.by_tls()`)
	d.changed("migration.yaml", "user: id\n", "user: id\n    written_by_target: [by_tls]\n", "user: owner\n", "user: owner\n    written_by_target: [by_tls]\n")
	u, err := url.Parse(legacy)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("migrates", somePass)
	d.env["LEGACY_DSN"], d.env["SSL_CERT_FILE"] = u.String(), authority

	t.Run("is refused without, and where an authority is not known", func(t *testing.T) {
		d := d.again(t)
		known, _, _ := strings.Cut(d.target, "&sslrootcert=")
		d.slips(t, []slip{
			{"of the legacy server's", map[string]string{"SSL_CERT_FILE": ""}, "run", 1,
				[]string{"connect to the legacy database at ", "certificate signed by unknown authority", "SSL_CERT_FILE"}},
			{"of the legacy server's, which insists", map[string]string{"LEGACY_DSN": strings.Replace(u.String(), "tls=true", "tls=false", 1)}, "run", 1,
				[]string{"connect to the legacy database at ", "Access denied", "tls=true"}},
			{"of the target's", map[string]string{"TARGET_DSN": known}, "run", 1,
				[]string{"connect to PostgreSQL ", "certificate signed by unknown authority", "sslrootcert"}},
		})
	})
	t.Run("comes to a clean end, and an audit finds both sides the same", func(t *testing.T) {
		d := d.again(t)
		d.produces("run", 0, "CLEAN")
		d.does(programs.Aggregator, []string{"audit"}, 0)
		conn, err := pgx.Connect(d.ctx, d.target)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(d.ctx)
		var users, posts int
		if err := conn.QueryRow(d.ctx, `SELECT (SELECT count(*) FROM app.users WHERE by_tls), (SELECT count(*) FROM app.posts WHERE by_tls)`).Scan(&users, &posts); err != nil {
			t.Fatal(err)
		}
		if users != 100 || posts != 300 {
			t.Errorf("%d of 100 users and %d of 300 posts were written by TLS", users, posts)
		}
	})
}
