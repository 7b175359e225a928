package settings_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"pgregory.net/rapid"

	"rehome/pkg/settings"
)

func TestParseMySQL(t *testing.T) {
	t.Run("what we force is set, whatever the URL leaves out", func(t *testing.T) {
		m, err := settings.ParseMySQL("mysql://us%40er:p%2Fw%3A%25@db.example:3307/legacy?tls=true&readTimeout=30s")
		if err != nil {
			t.Fatal(err)
		}
		c := m.Config()
		got := []any{c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.TLSConfig, c.ParseTime, c.Loc, c.Collation,
			c.ConnectionAttributes, c.Timeout, c.ReadTimeout, c.AllowCleartextPasswords, c.AllowAllFiles, c.MultiStatements,
			c.InterpolateParams}
		want := []any{"us@er", "p/w:%", "tcp", "db.example:3307", "legacy", "true", false, time.UTC, "utf8mb4_bin",
			"program_name:rehome", 10 * time.Second, 30 * time.Second, false, false, false, false}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *time.Location) bool { return a == b })); diff != "" {
			t.Errorf("config (-want +got):\n%s", diff)
		}
		if want := "mysql://us%40er@db.example:3307/legacy"; m.Redacted() != want {
			t.Errorf("redacted is %s, want %s", m.Redacted(), want)
		}
	})

	t.Run("a copy is given out, not the original", func(t *testing.T) {
		m, err := settings.ParseMySQL("mysql://u@127.0.0.1/db")
		if err != nil {
			t.Fatal(err)
		}
		m.Config().DBName = "other"
		if m.Config().DBName != "db" || m.Config().Addr != "127.0.0.1:3306" {
			t.Errorf("config is %+v", m.Config())
		}
	})

	t.Run("a socket stands in place of a host", func(t *testing.T) {
		m, err := settings.ParseMySQL("mysql://u@/db?socket=/run/mysqld.sock")
		if err != nil {
			t.Fatal(err)
		}
		if c := m.Config(); c.Net != "unix" || c.Addr != "/run/mysqld.sock" {
			t.Errorf("address is %s(%s)", c.Net, c.Addr)
		}
		if want := "mysql://u@unix(/run/mysqld.sock)/db"; m.Redacted() != want {
			t.Errorf("redacted is %s", m.Redacted())
		}
	})

	t.Run("tls is one of the driver's four words or missing", func(t *testing.T) {
		for _, value := range []string{"true", "false", "skip-verify", "preferred", ""} {
			if m, err := settings.ParseMySQL("mysql://u@127.0.0.1/db?tls=" + value); err != nil || m.Config().TLSConfig != value {
				t.Errorf("tls=%s: %v", value, err)
			}
		}
	})

	for _, tt := range []struct{ name, dsn, want string }{
		{"another scheme", "postgres://u@h/db", "does not begin with mysql://; write it as mysql://user:password@host:3306/database"},
		{"the driver's own form", "u:" + canary + "@tcp(h:3306)/db", "does not begin with mysql://"},
		{"a slash in the password", "mysql://u:" + canary + "/x@h/db", "write % as %25"},
		{"a question mark in the password", "mysql://u:" + canary + "?x@h/db", "write % as %25"},
		{"a hash in the password", "mysql://u:" + canary + "#x@h/db", "write % as %25"},
		{"a percent sign in the password", "mysql://u:" + canary + "%zz@h/db", "write % as %25"},
		{"an at sign in the password", "mysql://u:" + canary + "@x@h/db", "write % as %25"},
		{"a broken query", "mysql://u@h/db?tls=%zz", "name=value"},
		{"no user", "mysql://h/db", "names no user"},
		{"no host", "mysql://u@/db", "names no host"},
		{"no database", "mysql://u@h", "one database's name"},
		{"two databases", "mysql://u@h/a/b", "one database's name"},
		{"a port out of range", "mysql://u@h:70000/db", "a number from 1 to 65535"},
		{"another tls", "mysql://u@h/db?tls=required", `tls="required"; it is one of true, false, skip-verify, preferred`},
		{"a host and a socket", "mysql://u@h/db?socket=/s", "both a host and a socket"},
		{"a relative socket", "mysql://u@/db?socket=s", "not an absolute path"},
		{"an option twice", "mysql://u@h/db?tls=true&tls=false", "twice"},
		{"a timeout without a unit", "mysql://u@h/db?timeout=10", "a duration such as 30s"},
		{"an unknown option", "mysql://u@h/db?sql_mode=ANSI", "none of tls, socket"},
		{"interpolateParams", "mysql://u@h/db?interpolateParams=true", "interpolateParams, which is refused"},
		{"multiStatements, switched off", "mysql://u@h/db?multiStatements=false", "multiStatements, which is refused"},
		{"allowAllFiles in another case", "mysql://u@h/db?allowallfiles=true", "allowAllFiles, which is refused"},
		{"allowCleartextPasswords", "mysql://u@h/db?allowCleartextPasswords=1", "allowCleartextPasswords, which is refused"},
		{"parseTime", "mysql://u@h/db?parseTime=true", "rehome sets itself"},
		{"several at once, the first", "mysql://h/db?multiStatements=1&tls=x", "names no user"},
		{"several at once, the last", "mysql://h/db?multiStatements=1&tls=x", `tls="x"`},
	} {
		t.Run("is refused: "+tt.name, func(t *testing.T) {
			_, err := settings.ParseMySQL(tt.dsn)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want one with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error shows the password or is not one line: %v", err)
			}
		})
	}
}

func TestParsePostgres(t *testing.T) {
	for _, tt := range []struct{ name, dsn, want string }{
		{"a URL", "postgres://u:" + canary + "@127.0.0.1:5433/target?sslmode=disable", "postgres://u@127.0.0.1:5433/target"},
		{"the long scheme", "postgresql://u:" + canary + "@h/target", "postgres://u@h:5432/target"},
		{"a socket", "postgres://u@/target?host=/run/postgresql", "postgres://u@unix(/run/postgresql):/target"},
		{"a password among the options", "postgres://u@h/target?password=" + canary, "postgres://u@h:5432/target"},
	} {
		t.Run(tt.name+" is shown without its secrets", func(t *testing.T) {
			p, err := settings.ParsePostgres(tt.dsn)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(tt.want, "):/", ")/", 1); p.Redacted() != want || p.Reveal() != tt.dsn {
				t.Errorf("redacted is %s, want %s", p.Redacted(), want)
			}
		})
	}

	t.Run("several hosts are all shown", func(t *testing.T) {
		p, err := settings.ParsePostgres("postgres://u:" + canary + "@/target?host=a,b&port=5432,5433")
		if err != nil {
			t.Fatal(err)
		}
		if want := "postgres://u@a:5432,b:5433/target"; p.Redacted() != want {
			t.Errorf("redacted is %s", p.Redacted())
		}
	})

	for _, tt := range []struct{ name, dsn, want string }{
		{"another scheme", "mysql://u:" + canary + "@h/db", "does not begin with postgres://; write it as postgres://user:password@host:5432/database"},
		{"libpq's other form", "host=h password=" + canary, "does not begin with postgres://"},
		{"a slash in the password", "postgres://u:" + canary + "/x@h/db", "write % as %25"},
		{"an at sign in the password", "postgres://u:x@" + canary + "@h/db", "has an @ that is not the one before its host"},
		{"digits and a slash in the password", "postgres://u:12/" + canary + "@h/db", "has an @ that is not the one before its host"},
		{"a wrong sslmode", "postgres://u:" + canary + "@h/db?sslmode=on", "sslmode is invalid"},
		{"a certificate that is not there", "postgres://u:" + canary + "@h/db?sslmode=verify-full&sslrootcert=/nowhere", "no such file"},
		{"a reason that repeats the password", "postgres://u:" + canary + "@h/db?sslmode=verify-full&sslrootcert=/" + canary, "a connection URL that PostgreSQL knows"},
		{"no database", "postgres://u:" + canary + "@h", "names no database"},
		{"the simple protocol", "postgres://u@h/db?default_query_exec_mode=simple_protocol", "which is refused"},
	} {
		t.Run("is refused: "+tt.name, func(t *testing.T) {
			_, err := settings.ParsePostgres(tt.dsn)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary) {
				t.Errorf("error = %v, want one with %q and no password", err, tt.want)
			}
		})
	}
}

func TestParseNATS(t *testing.T) {
	n, err := settings.ParseNATS("nats://u:" + canary + "@a:4222, tls://" + canary + "@b:4223,c:4224")
	if err != nil {
		t.Fatal(err)
	}
	if want := "nats://a:4222,tls://b:4223,nats://c:4224"; n.Redacted() != want {
		t.Errorf("redacted is %s", n.Redacted())
	}
	for _, text := range []string{"http://" + canary + "@h", "nats://", "nats://" + canary + "%zz@h", "nats://u:" + canary + "/@h"} {
		if _, err := settings.ParseNATS(text); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: error = %v", text, err)
		}
	}
}

func TestNothingShowsAPartOfAPassword(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// Capital letters between signs that break URLs: no message of ours has four capitals in a row.
		password := rapid.StringMatching(`([0-9]{1,3}[/?#@:])?[QXZ]{4}([/?#@:%\[\] &=+][QXZ]{4}){0,3}`).Draw(rt, "password")
		form := rapid.SampledFrom([]func(string) string{func(s string) string { return s }, url.QueryEscape, url.PathEscape}).Draw(rt, "form")
		scheme := rapid.SampledFrom([]string{"mysql", "postgres", "nats", "http", ""}).Draw(rt, "scheme")
		rest := rapid.SampledFrom([]string{"@h/db", "@h:x/db", "@h:99999/db", "@h", "@[::1/db", "@h/db?tls=%", "@h/db?sslmode=no", "@h/db?multiStatements=1"}).Draw(rt, "rest")
		user := "u:"
		if scheme == "nats" && rapid.Bool().Draw(rt, "token") {
			user = ""
		}
		text := scheme + "://" + user + form(password) + rest
		mysql, mysqlErr := settings.ParseMySQL(text)
		postgres, postgresErr := settings.ParsePostgres(text)
		nats, natsErr := settings.ParseNATS(text)
		shown := fmt.Sprint(mysqlErr, postgresErr, natsErr)
		if mysqlErr == nil {
			shown += fmt.Sprint(mysql, mysql.Warnings())
		}
		if postgresErr == nil {
			shown += fmt.Sprint(postgres, postgres.Warnings())
		}
		if natsErr == nil {
			shown += fmt.Sprint(nats, nats.Warnings())
		}
		for i := range len(password) - 3 {
			if part := password[i : i+4]; strings.Trim(part, "QXZ") == "" && strings.Contains(shown, part) {
				rt.Fatalf("%s: a part of the password is shown: %s", text, shown)
			}
		}
	})
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		variable, value string
		warns           bool
	}{
		{"LEGACY_DSN", "mysql://u@127.0.0.1/db", false},
		{"LEGACY_DSN", "mysql://u@[::1]:3306/db", false},
		{"LEGACY_DSN", "mysql://u@localhost/db", false},
		{"LEGACY_DSN", "mysql://u@/db?socket=/s", false},
		{"LEGACY_DSN", "mysql://u@h/db?tls=true", false},
		{"LEGACY_DSN", "mysql://u@h/db?tls=skip-verify", true},
		{"LEGACY_DSN", "mysql://u@h/db?tls=preferred", true},
		{"LEGACY_DSN", "mysql://u@h/db", true},
		{"TARGET_DSN", "postgres://u@127.0.0.1/db", false},
		{"TARGET_DSN", "postgres://u@/db?host=/run", false},
		{"TARGET_DSN", "postgres://u@h/db?sslmode=verify-full", false},
		{"TARGET_DSN", "postgres://u@h/db?sslmode=require", true},
		{"TARGET_DSN", "postgres://u@h/db", true},
		{"TARGET_DSN", "postgres://u@/db?host=localhost,h", true},
		{"NATS_URL", "nats://127.0.0.1:4222", false},
		{"NATS_URL", "tls://h", false},
		{"NATS_URL", "nats://127.0.0.1,nats://h", true},
	} {
		t.Run(tt.variable+"="+tt.value, func(t *testing.T) {
			s := settings.New(settings.LegacyDSN, settings.TargetDSN, settings.NATSURL)
			if err := load(t, s, map[string]string{tt.variable: tt.value}); err != nil {
				t.Fatal(err)
			}
			if got := len(s.Warnings) > 0; got != tt.warns {
				t.Errorf("warnings: %q, want some: %t", s.Warnings, tt.warns)
			}
		})
	}
}

func TestTheReplicaIsAnAddressOfItsOwn(t *testing.T) {
	s := settings.New(settings.LegacyDSN, settings.ReplicaDSN)
	env := map[string]string{"LEGACY_DSN": "mysql://u@h1/db?tls=true", "REPLICA_DSN": "mysql://r@h2/db"}
	if err := s.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	if s.Legacy.Config().Addr != "h1:3306" || s.Replica.Config().Addr != "h2:3306" {
		t.Errorf("legacy %v, replica %v", s.Legacy, s.Replica)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "h2") {
		t.Errorf("warnings %q", s.Warnings)
	}
	flags := pflag.NewFlagSet("t", pflag.ContinueOnError)
	s = settings.New(settings.ReplicaDSN)
	s.Bind(flags)
	if err := flags.Parse([]string{"--replica-dsn", "mysql://r:pa55word@h2/db"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(func(string) (string, bool) { return "", false }); err == nil || !strings.Contains(err.Error(), "REPLICA_DSN_FILE") || strings.Contains(err.Error(), "pa55word") {
		t.Errorf("a password in a flag: %v", err)
	}
}
