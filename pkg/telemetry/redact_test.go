package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
)

const canary = "bob.CANARY@example.com"

// planted is a PostgreSQL error with the canary wherever a server puts values.
func planted() *pgconn.PgError {
	return &pgconn.PgError{Severity: "ERROR", Code: "23505", Message: "duplicate key " + canary, Detail: "Key (email)=(" + canary + ")",
		Hint: "try " + canary, Where: "COPY users, line 1: " + canary, InternalQuery: "SELECT '" + canary + "'",
		SchemaName: "app", TableName: "users", ColumnName: "email", ConstraintName: "users_email_key"}
}

const plantedText = "PostgreSQL ERROR 23505 unique_violation, table app.users, column email, constraint users_email_key"

func TestRedact(t *testing.T) {
	pg := planted()
	my := &mysql.MySQLError{Number: 1366, SQLState: [5]byte{'2', '2', '0', '0', '7'}, Message: "Incorrect value '" + canary + "'"}
	const myText = "MySQL error 1366 (22007) incorrect value for the column"
	_, numErr := strconv.Atoi(canary)
	_, timeErr := time.Parse(time.DateOnly, canary)
	_, urlErr := url.Parse("mysql://u:" + canary + "%zz")
	_, pgURLErr := pgconn.ParseConfig("postgres://u:p@h/db?sslmode=no&application_name=" + canary)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nil is nothing", nil, ""},
		{"an error of ours stays as it is", fmt.Errorf("read shard 7: %w", context.Canceled), "read shard 7: context canceled"},
		{"PostgreSQL's text is replaced", pg, plantedText},
		{"MySQL's text is replaced", my, myText},
		{"the words around it stay, at every depth", fmt.Errorf("move shard 7: %w", fmt.Errorf("copy app.users (20 rows): %w; plan again", pg)),
			"move shard 7: copy app.users (20 rows): " + plantedText + "; plan again"},
		{"two that are wrapped at once are both replaced", fmt.Errorf("commit: %w, then roll back: %w", pg, my), "commit: " + plantedText + ", then roll back: " + myText},
		{"joined errors are replaced one by one", errors.Join(errors.New("first"), fmt.Errorf("second: %w", my)), "first\nsecond: " + myText},
		{"one whose text stands within another's too", errors.Join(pg, fmt.Errorf("again: %w", pg)), plantedText + "\nagain: " + plantedText},
		{"words that quote the server's text go", fmt.Errorf("copy (%s): %w", pg.Detail, pg), plantedText},
		{"words that changed the server's text go", shouting{pg}, plantedText},
		{"a number that is none loses its text", fmt.Errorf("parse: %w", numErr), "parse: Atoi: invalid syntax"},
		{"a time that is none loses its text", timeErr, `a text that is not a time of the form "2006-01-02"`},
		{"a URL that is none loses its text", urlErr, "parse a URL: it is malformed or cannot be reached"},
		{"a URL that cannot be reached keeps its host", &url.Error{Op: "Post", URL: "http://u:" + canary + "@h:4318/v1?" + canary, Err: errors.New("refused")}, "Post http://h:4318: refused"},
		{"a DSN that pgx cannot read loses its text", fmt.Errorf("open: %w", pgURLErr), "open: a connection URL that PostgreSQL does not know"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Redact(tt.err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// shouting changes the text of what it wraps.
type shouting struct{ error }

func (s shouting) Error() string { return "OH " + strings.ToUpper(s.error.Error()) }
func (s shouting) Unwrap() error { return s.error }

func TestRedactNeverShowsWhatAServerSaid(t *testing.T) {
	words := rapid.StringMatching(`[a-z%: ]{0,12}`)
	wrap := func(rt *rapid.T, err error) error {
		before, after := words.Draw(rt, "before"), words.Draw(rt, "after")
		switch rapid.IntRange(0, 5).Draw(rt, "way") {
		case 0:
			return errors.Join(errors.New(before), err)
		case 1:
			return fmt.Errorf("%s%w%s%w", before, err, after, err)
		case 2:
			return shouting{err}
		case 3:
			return fmt.Errorf("%s%w%s%s", before, err, after, err)
		default:
			return fmt.Errorf("%s%w%s", before, err, after)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.StringMatching(`[A-Z]{5}@[0-9]{5}`).Draw(rt, "value")
		text := words.Draw(rt, "text") + value + words.Draw(rt, "text")
		var err error = &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: text, Detail: text}
		if rapid.Bool().Draw(rt, "mysql") {
			err = &mysql.MySQLError{Number: 1366, Message: text}
		}
		for range rapid.IntRange(0, 4).Draw(rt, "depth") {
			err = wrap(rt, err)
		}
		if got := Redact(err); strings.Contains(strings.ToUpper(got), value) {
			rt.Fatalf("%q shows %q", got, value)
		}
	})
}

func TestRealServersErrors(t *testing.T) {
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, sandbox.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `CREATE TABLE users (email text CONSTRAINT one_email UNIQUE, born date, age int CHECK (age > 0))`); err != nil {
		t.Fatal(err)
	}
	copyText := func(lines string) error {
		_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(lines), `COPY users FROM STDIN`)
		return err
	}
	legacy := openLegacy(t)
	_, castErr := legacy.ExecContext(ctx, `INSERT INTO users VALUES (?, ?)`, "a", canary)
	_, twiceErr := legacy.ExecContext(ctx, `INSERT INTO users VALUES (?, 1), (?, 2)`, canary, canary)
	for _, tt := range []struct {
		name, want string
		err        error
	}{
		{"COPY of a text that is no date", "PostgreSQL ERROR 22007 invalid_datetime_format", copyText("a\t" + canary + "\t1\n")},
		{"COPY of a row twice", "PostgreSQL ERROR 23505 unique_violation, table public.users, constraint one_email", copyText(canary + "\t\\N\t1\n" + canary + "\t\\N\t1\n")},
		{"COPY against a check", "PostgreSQL ERROR 23514 check_violation, table public.users, constraint users_age_check", copyText(canary + "\t\\N\t-1\n")},
		{"COPY of a line that is too short", "PostgreSQL ERROR 22P04 bad_copy_file_format", copyText(canary + "\n")},
		{"MySQL's insert of a text that is no number", "MySQL error 1366 (22007) incorrect value for the column", castErr},
		{"MySQL's insert of a row twice", "MySQL error 1062 (23000) duplicate key", twiceErr},
	} {
		t.Run(tt.name+" is told without its value", func(t *testing.T) {
			if tt.err == nil || !shows(tt.err) {
				t.Fatalf("the server's error %v holds no value: nothing is proved", tt.err)
			}
			got := Redact(fmt.Errorf("load shard 7: %w", tt.err))
			if !strings.HasPrefix(got, "load shard 7: "+tt.want) || strings.Contains(got, "CANARY") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// shows reports whether the canary is anywhere in a server's error.
func shows(err error) bool {
	return containsAny(strings.Join(serverTexts(err), " "), []string{"CANARY"})
}

func openLegacy(t *testing.T) *sql.DB {
	t.Helper()
	dsn, err := settings.ParseMySQL(sandbox.MariaDB(t))
	if err != nil {
		t.Fatal(err)
	}
	config := dsn.Config()
	config.Params = map[string]string{"sql_mode": "'STRICT_ALL_TABLES'"}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE users (email varchar(99) PRIMARY KEY, age int)`); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestConnectErrors(t *testing.T) {
	t.Run("a refused connection keeps what was attempted", func(t *testing.T) {
		_, err := pgx.Connect(t.Context(), "postgres://u:CANARY@127.0.0.1:1/db?sslmode=disable")
		got := Redact(fmt.Errorf("open the ledger: %w", err))
		if !strings.HasPrefix(got, "open the ledger: connect to PostgreSQL database db as u: ") || !strings.Contains(got, "refused") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a database that is not there is named", func(t *testing.T) {
		dsn, err := url.Parse(sandbox.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		dsn.Path = "/nowhere"
		_, err = pgx.Connect(t.Context(), dsn.String())
		got := Redact(err)
		if !strings.HasPrefix(got, "connect to PostgreSQL database nowhere as ") || !strings.Contains(got, "3D000") || strings.Contains(got, "does not exist") {
			t.Errorf("got %q from %v", got, err)
		}
	})
}
