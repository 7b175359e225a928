package legacy

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestOpen(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		change func(*mysql.Config)
		want   []string
	}{
		"a wrong password says whom it refused": {
			func(c *mysql.Config) { c.Passwd = "wrong-secret" }, []string{"as root", "1045", "check user and password"}},
		"an unknown database is named": {
			func(c *mysql.Config) { c.DBName = "nowhere" }, []string{"/nowhere", "1049", "at the end of the DSN"}},
		"a server that is not there is named": {
			func(c *mysql.Config) { c.Addr = "127.0.0.1:1" }, []string{"127.0.0.1:1/", "refused", "check host and port"}},
		"a driver that would invent dates is refused": {
			func(c *mysql.Config) { c.ParseTime = true }, []string{"parseTime"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := f.config.Clone()
			c.change(config)
			db, err := Open(t.Context(), config)
			if err == nil {
				t.Fatal("it opened", db.Close())
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), config.Passwd) {
				t.Errorf("error %q holds the password", err)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{
		"10.11.19-MariaDB-0+deb12u1-log": "",
		"10.5.0-MariaDB":                 "",
		"5.7.44":                         "",
		"9.7.4":                          "",
		"8.0.36-0ubuntu0.22.04.1":        "",
		"10.4.9-MariaDB":                 "MariaDB 10.5 or newer",
		"5.6.51-log":                     "MySQL 5.7 or newer",
		"TiDB":                           "neither",
	} {
		t.Run(text, func(t *testing.T) {
			v, err := parseVersion(text)
			if err == nil {
				err = v.supported()
			}
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestSession(t *testing.T) {
	f := newFixture(t, `SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'`)
	t.Cleanup(func() { _, _ = f.admin.Exec(`SET GLOBAL sql_mode = ''`) })
	for variable, want := range both(dialect.session, map[string]string{
		"sql_mode":             "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO",
		"time_zone":            "+00:00",
		"character_set_client": "utf8mb4",
		"collation_connection": "utf8mb4_bin",
		"net_write_timeout":    "600",
	}) {
		t.Run(variable+" is forced", func(t *testing.T) {
			var got string
			if err := f.pool.QueryRowContext(t.Context(), "SELECT @@SESSION."+variable).Scan(&got); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	t.Run("a write is refused, and the refusal says so", func(t *testing.T) {
		f.exec(t, `CREATE TABLE t (a INT)`)
		_, err := f.pool.ExecContext(t.Context(), `INSERT INTO t VALUES (1)`)
		if err == nil || !strings.Contains(failed(err, "try").Error(), "rehome reads only") {
			t.Errorf("got %v", err)
		}
	})
}

func TestIdentityAndPosition(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (a INT PRIMARY KEY)`)
	reader := f.as(t, "plain", append([]string{"SELECT ON " + quote(f.name) + ".*"}, dialect.position...)...)
	t.Run("the identity is the same for every user and connection", func(t *testing.T) {
		one, err1 := f.Identity(t.Context())
		two, err2 := reader.Identity(t.Context())
		if err1 != nil || err2 != nil || one != two || !strings.HasPrefix(one, dialect.name+":") || !strings.HasSuffix(one, "/"+f.name) {
			t.Errorf("got %q, %v and %q, %v", one, err1, two, err2)
		}
	})
	t.Run("a user who may read sees the position move by a write, and by nothing else", func(t *testing.T) {
		before, err := reader.Position(t.Context())
		if err != nil || before.Text == "" || before.Missing != "" {
			t.Fatalf("got %+v, %v", before, err)
		}
		snapshot := f.snapshot(t, Reading{})
		if snapshot.Position() != before.Text {
			t.Errorf("the snapshot is at %q, want %q", snapshot.Position(), before.Text)
		}
		f.exec(t, `INSERT INTO t VALUES (1)`)
		after, err := reader.Position(t.Context())
		if err != nil || after == before {
			t.Errorf("after a write: %+v, %v", after, err)
		}
		if snapshot.Position() != before.Text {
			t.Error("the snapshot has moved")
		}
	})
}
