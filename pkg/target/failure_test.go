package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/shard"
)

const canary = "canary-7f3a"

func TestCopyFailures(t *testing.T) {
	statements := []string{`CREATE SCHEMA app`, `CREATE EXTENSION btree_gist SCHEMA public`,
		`CREATE TYPE app.kind AS ENUM ('a')`,
		`CREATE TABLE app.owners (id bigint PRIMARY KEY)`,
		`CREATE TABLE app.users (id bigint PRIMARY KEY, name varchar(20) CONSTRAINT users_name UNIQUE, n int NOT NULL CONSTRAINT users_n CHECK (n < 10),
			owner bigint CONSTRAINT users_owner REFERENCES app.owners, room text, kind app.kind, doc jsonb, CONSTRAINT users_room EXCLUDE USING gist (room WITH =))`,
		`INSERT INTO app.users VALUES (1, '` + canary + `', 1, NULL, '` + canary + `')`,
		`CREATE FUNCTION app.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.name = '` + canary + `!' THEN RAISE 'no %', NEW.name; END IF;
			IF NEW.name = '` + canary + `?' THEN RAISE 'no %', NEW.name USING ERRCODE = 'ZZ999'; END IF; RETURN NEW; END $$`,
		`CREATE TRIGGER no BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.no()`,
	}
	conn, _ := open(t, statements...)
	e := plan(t, conn, "app.users", 1, "id", "name", "n", "owner", "room", "kind", "doc")
	row := func(name string, change func(values [][]byte)) [][]byte {
		values := [][]byte{int8of(2), []byte(name), int4of(1), nil, nil, nil, nil}
		change(values)
		return values
	}
	for _, c := range []struct {
		name  string
		row   [][]byte
		cause string
	}{
		{"a duplicate", row(canary, func([][]byte) {}), "unique:app.users.users_name"},
		{"a check", row("x", func(v [][]byte) { v[2] = int4of(424242) }), "check:app.users.users_n"},
		{"a missing value", row("x", func(v [][]byte) { v[2] = nil }), "not_null:app.users.n"},
		{"a missing owner", row("x", func(v [][]byte) { v[3] = int8of(424242) }), "foreign_key:app.users.users_owner"},
		{"an exclusion", row("x", func(v [][]byte) { v[4] = []byte(canary) }), "exclusion:app.users.users_room"},
		{"a text too long", row(strings.Repeat(canary, 9), func([][]byte) {}), "too_long:app.users"},
		{"a text not in UTF-8", row(canary+"\xff", func([][]byte) {}), "bad_text:app.users"},
		{"no label of the enum", row("x", func(v [][]byte) { v[5] = []byte(canary) }), "bad_value:app.users"},
		{"no JSON", row("x", func(v [][]byte) { v[6] = []byte("\x01" + canary) }), "bad_value:app.users"},
		{"JSON nested too deep", row("x", func(v [][]byte) { v[6] = []byte("\x01" + strings.Repeat("[", 1<<20)) }), "bad_value:app.users"},
		{"a trigger's exception", row(canary+"!", func([][]byte) {}), "trigger:app.users"},
		{"a trigger's exception of its own code", row(canary+"?", func([][]byte) {}), "trigger:app.users"},
	} {
		t.Run(c.name+" is the data's fault, named without its value", func(t *testing.T) {
			raw, tx := begin(t, conn)
			defer raw.Rollback(t.Context())
			err := tx.Copy(t.Context(), window(e, c.row))
			if err == nil {
				err = tx.Finish(t.Context())
			}
			if kind, cause := shard.KindOf(err); kind != shard.Data || cause != c.cause {
				t.Errorf("%v %s, want data %s (%v)", kind, cause, c.cause, err)
			}
			for _, shape := range []string{"%v", "%+v", "%#v"} {
				if text := fmt.Sprintf(shape, err); strings.Contains(text, "canary") || strings.Contains(text, "424242") {
					t.Errorf("the error holds a value: %s", text)
				}
			}
			if leaked := (*pgconn.PgError)(nil); errors.As(err, &leaked) {
				t.Error("the server's own error, with its detail, is in the chain")
			}
		})
	}
	t.Run("a trigger that swallows rows is a defect", func(t *testing.T) {
		conn, _ := open(t, people, `CREATE FUNCTION app.swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
			`CREATE TRIGGER swallow BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.swallow()`)
		_, tx := begin(t, conn)
		err := tx.Copy(t.Context(), window(plan(t, conn, "app.users", 1, "id", "name"), users(0, 1)...))
		if kind, _ := shard.KindOf(err); kind != shard.Defect {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a table that has gone is the schema's fault", func(t *testing.T) {
		conn, _ := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		run(t, conn, `ALTER TABLE app.users RENAME TO people`)
		_, tx := begin(t, conn)
		if kind, _ := shard.KindOf(tx.Copy(t.Context(), window(e, users(0, 1)...))); kind != shard.Schema {
			t.Errorf("got %v", kind)
		}
	})
	t.Run("a lock that does not come is an outage", func(t *testing.T) {
		conn, config := open(t, people)
		e := plan(t, conn, "app.users", 1, "id", "name")
		_, tx := begin(t, conn)
		run(t, conn, `SET LOCAL lock_timeout = '10ms'`)
		other := session(t, config)
		run(t, other, `BEGIN`, `LOCK TABLE app.users`)
		err := tx.Copy(t.Context(), window(e, users(0, 1)...))
		if kind, _ := shard.KindOf(err); kind != shard.Outage || !strings.Contains(err.Error(), "55P03") {
			t.Errorf("got %v", err)
		}
	})
}

func TestClassify(t *testing.T) {
	for code, want := range map[string]shard.Failure{
		"08006": shard.Outage, "40001": shard.Outage, "40P01": shard.Outage, "53100": shard.Outage, "55P03": shard.Outage, "57P01": shard.Outage,
		"58030": shard.Outage, "25P03": shard.Outage, "XX001": shard.Outage, "42P01": shard.Schema, "42501": shard.Schema, "0A000": shard.Schema,
		"25P02": shard.Defect, "22003": shard.Data, "23505": shard.Data, "54000": shard.Data, "P0001": shard.Data, "": shard.Data,
	} {
		t.Run(fmt.Sprintf("SQLSTATE %q is of kind %s", code, want), func(t *testing.T) {
			err := classify(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: canary, Detail: canary, Where: canary}), "try", "app.t")
			if kind, _ := shard.KindOf(err); kind != want {
				t.Errorf("got %v", kind)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error holds the server's words: %v", err)
			}
		})
	}
	t.Run("a failure of the schema names the table, the condition and what to do", func(t *testing.T) {
		for want, err := range map[string]error{
			"try, on table app.t: PostgreSQL refuses with SQLSTATE 0A000 (the server does not support it); look at that table": classify(&pgconn.PgError{Code: "0A000"}, "try", "app.t"),
			"copy to app.t: PostgreSQL refuses with SQLSTATE 0A000 (the server does not support it); look at that table":       classify(&pgconn.PgError{Code: "0A000"}, "copy to app.t", "app.t"),
			"try, on table app.u: PostgreSQL refuses with SQLSTATE 42P01 (no such table); the schema has changed":              classify(&pgconn.PgError{Code: "42P01", SchemaName: "app", TableName: "u"}, "try", "app.t"),
		} {
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
	t.Run("a cancelled context stays one", func(t *testing.T) {
		if err := classify(context.Canceled, "try", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what is classified stays so", func(t *testing.T) {
		err := classify(shard.Fail(shard.Stale, "x", errors.New("gone")), "try", "")
		if kind, cause := shard.KindOf(err); kind != shard.Stale || cause != "x" {
			t.Errorf("got %v", err)
		}
	})
}
