package target

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/shard"
)

// community has every kind of constraint and index that can come off, with all that can hang on one.
var community = []string{`CREATE SCHEMA app`, `CREATE SCHEMA "My App"`,
	`CREATE TABLE app.users (id bigint PRIMARY KEY, handle text, email text, tenant int, code int, friend bigint, best bigint,
		CONSTRAINT users_email UNIQUE (email) WITH (fillfactor = 70),
		CONSTRAINT users_code UNIQUE (tenant, code) INCLUDE (handle) DEFERRABLE INITIALLY DEFERRED,
		CONSTRAINT users_later UNIQUE (id, code) DEFERRABLE,
		CONSTRAINT users_referred UNIQUE (code, tenant),
		CONSTRAINT users_positive CHECK (id >= 0))`,
	`CREATE UNIQUE INDEX users_handle ON app.users (lower(handle) COLLATE "C" text_pattern_ops) WHERE handle <> '' AND tenant > 0`,
	`CREATE UNIQUE INDEX users_friend ON app.users (friend DESC NULLS LAST) NULLS NOT DISTINCT`,
	`CREATE INDEX users_tenant ON app.users USING brin (tenant) WITH (pages_per_range = 8)`,
	`CREATE INDEX users_length ON app.users ((length(handle)))`,
	`ALTER INDEX app.users_length ALTER COLUMN 1 SET STATISTICS 500`,
	`ALTER TABLE app.users CLUSTER ON users_email`,
	`COMMENT ON CONSTRAINT users_email ON app.users IS 'it''s unique'`,
	`COMMENT ON INDEX app.users_email IS 'index of it'`, `COMMENT ON INDEX app.users_handle IS 'handles'`,
	`CREATE TABLE "My App"."Posts" ("Id" bigint PRIMARY KEY, "Author" bigint NOT NULL, parent bigint, old bigint, replica int NOT NULL)`,
	`CREATE UNIQUE INDEX posts_replica ON "My App"."Posts" (replica)`,
	`ALTER TABLE "My App"."Posts" REPLICA IDENTITY USING INDEX posts_replica`,
	`ALTER TABLE "My App"."Posts" ADD CONSTRAINT "Author" FOREIGN KEY ("Author") REFERENCES app.users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED`,
	`ALTER TABLE "My App"."Posts" ADD CONSTRAINT old FOREIGN KEY (old) REFERENCES app.users (id) ON UPDATE SET NULL NOT VALID`,
	`ALTER TABLE "My App"."Posts" ADD CONSTRAINT parent FOREIGN KEY (parent) REFERENCES "My App"."Posts" MATCH FULL`,
	`COMMENT ON CONSTRAINT "Author" ON "My App"."Posts" IS 'who wrote it'`,
	`ALTER TABLE app.users ADD CONSTRAINT users_best FOREIGN KEY (best) REFERENCES "My App"."Posts"`,
	`CREATE TABLE app.unfed (code int, tenant int, FOREIGN KEY (code, tenant) REFERENCES app.users (code, tenant))`,
}

var fed = []string{"app.users", "My App.Posts"}

func none(string, string) bool { return false }

func detachable(t testing.TB, db DB, tables ...string) []Part {
	t.Helper()
	parts, err := Detachable(t.Context(), db, tables, none)
	must(t, err)
	return parts
}

func detach(t testing.TB, conn *pgx.Conn, parts []Part) {
	t.Helper()
	must(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { return Detach(t.Context(), tx, parts) }))
}

// attach puts the parts back from their JSON, indexes first, as another run does after a crash.
func attach(t testing.TB, conn *pgx.Conn, parts []Part) {
	t.Helper()
	for _, foreign := range []bool{false, true} {
		for _, p := range parts {
			if (p.Kind == ForeignKey) != foreign {
				continue
			}
			raw, err := json.Marshal(p)
			must(t, err)
			var back Part
			must(t, json.Unmarshal(raw, &back))
			must(t, putBack(t, conn, back))
		}
	}
}

// putBack does a part's three steps.
func putBack(t testing.TB, conn *pgx.Conn, p Part) error {
	t.Helper()
	_, room, err := Rooms(t.Context(), conn, 1)
	must(t, err)
	if p.Kind != ForeignKey {
		if err := Build(t.Context(), conn, p, room); err != nil || p.Bare() {
			return err
		}
	}
	proved, err := Complete(t.Context(), conn, p)
	if err != nil || proved {
		return err
	}
	return Prove(t.Context(), conn, p, room)
}

// dump returns pg_dump's schema without the random key that its restrict lines hold.
func dump(t testing.TB, config *pgx.ConnConfig) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if err != nil || len(found) == 0 {
		t.Fatalf("pg_dump is not installed: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), slices.Max(found), "--schema-only", config.ConnString()).Output()
	must(t, err)
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
		return strings.HasPrefix(line, `\restrict`) || strings.HasPrefix(line, `\unrestrict`)
	})
	return strings.Join(lines, "\n")
}

func TestDetachAndAttach(t *testing.T) {
	t.Run("leave a schema that pg_dump cannot tell from the first", func(t *testing.T) {
		conn, config := open(t, community...)
		before := dump(t, config)
		parts := detachable(t, conn, fed...)
		var names []string
		for _, p := range parts {
			names = append(names, string(p.Kind)+" "+p.Name)
		}
		want := []string{"foreign_key Author", "foreign_key old", "foreign_key parent", "foreign_key users_best", "unique users_code",
			"unique users_email", "unique users_friend", "unique users_handle", "unique users_later", "index users_length", "index users_tenant"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Fatal(diff)
		}
		detach(t, conn, parts)
		if dump(t, config) == before {
			t.Fatal("nothing came off")
		}
		attach(t, conn, parts)
		if diff := cmp.Diff(before, dump(t, config)); diff != "" {
			t.Error(diff)
		}
		attach(t, conn, parts)
		if diff := cmp.Diff(before, dump(t, config)); diff != "" {
			t.Errorf("a second time: %s", diff)
		}
	})
	t.Run("keep what the caller keeps", func(t *testing.T) {
		conn, _ := open(t, community...)
		parts, err := Detachable(t.Context(), conn, fed, func(table, name string) bool { return table == "app.users" && name == "users_email" })
		must(t, err)
		if slices.ContainsFunc(parts, func(p Part) bool { return p.Name == "users_email" }) {
			t.Error("users_email would come off")
		}
	})
	t.Run("keep a unique key that a kept foreign key refers to", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.a (id int PRIMARY KEY, n int CONSTRAINT a_n UNIQUE)`,
			`CREATE TABLE app.b (id int PRIMARY KEY, n int CONSTRAINT b_n REFERENCES app.a (n))`)
		parts, err := Detachable(t.Context(), conn, []string{"app.a", "app.b"}, func(_, name string) bool { return name == "b_n" })
		must(t, err)
		if len(parts) != 0 {
			t.Errorf("%v would come off", parts)
		}
	})
	t.Run("handle a foreign key of a partitioned table", func(t *testing.T) {
		conn, config := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.a (id int PRIMARY KEY)`,
			`CREATE TABLE app.b (id int PRIMARY KEY, a int CONSTRAINT b_a REFERENCES app.a) PARTITION BY HASH (id)`,
			`CREATE TABLE app.b0 PARTITION OF app.b FOR VALUES WITH (MODULUS 1, REMAINDER 0)`)
		before := dump(t, config)
		parts := detachable(t, conn, "app.a", "app.b")
		if len(parts) != 1 {
			t.Fatalf("got %v", parts)
		}
		detach(t, conn, parts)
		attach(t, conn, parts)
		if diff := cmp.Diff(before, dump(t, config)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("are undone with the caller's transaction", func(t *testing.T) {
		conn, config := open(t, community...)
		before := dump(t, config)
		tx, err := conn.Begin(t.Context())
		must(t, err)
		must(t, Detach(t.Context(), tx, detachable(t, tx, fed...)))
		must(t, tx.Rollback(t.Context()))
		if diff := cmp.Diff(before, dump(t, config)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("refuse another object of the same name", func(t *testing.T) {
		conn, _ := open(t, community...)
		parts := detachable(t, conn, fed...)
		detach(t, conn, parts)
		run(t, conn, `CREATE INDEX users_email ON app.users (email)`)
		at := slices.IndexFunc(parts, func(p Part) bool { return p.Name == "users_email" })
		if kind, _ := shard.KindOf(putBack(t, conn, parts[at])); kind != shard.Schema {
			t.Errorf("got %v", kind)
		}
	})
}

func TestAttachOverViolators(t *testing.T) {
	conn, _ := open(t, community...)
	parts := detachable(t, conn, fed...)
	detach(t, conn, parts)
	run(t, conn, `INSERT INTO app.users (id, email, friend) VALUES (1, 'canary@example.org', 1), (2, 'canary@example.org', 2)`,
		`INSERT INTO "My App"."Posts" VALUES (1, 77, NULL, NULL, 1), (2, 78, NULL, NULL, 2), (3, 1, NULL, NULL, 3)`)
	cause := map[string]string{}
	for _, p := range parts {
		if err := putBack(t, conn, p); err != nil {
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "77") {
				t.Errorf("the error holds a value: %v", err)
			}
			kind, c := shard.KindOf(err)
			cause[p.Name] = kind.String() + " " + c
		}
	}
	want := map[string]string{"users_email": "data unique:app.users.users_email", "Author": "data foreign_key:My App.Posts.Author"}
	if diff := cmp.Diff(want, cause); diff != "" {
		t.Error(diff)
	}
	states, err := State(t.Context(), conn, fed, parts)
	must(t, err)
	got := map[string]ConstraintState{}
	for _, s := range states {
		got[s.Name] = s
	}
	for _, s := range []ConstraintState{
		{"Author", "My App.Posts", ConstraintViolated, 2}, {"users_email", "app.users", ConstraintOff, 0},
		{"old", "My App.Posts", ConstraintOff, 0}, {"parent", "My App.Posts", ConstraintValid, 0},
		{"users_positive", "app.users", ConstraintValid, 0}, {"users_handle", "app.users", ConstraintValid, 0},
		{"users_pkey", "app.users", ConstraintValid, 0},
	} {
		if diff := cmp.Diff(s, got[s.Name]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestVacant(t *testing.T) {
	conn, config := open(t, community...)
	run(t, conn, `INSERT INTO app.users (id) VALUES (1)`)
	v, err := Vacant(t.Context(), conn, fed)
	must(t, err)
	if diff := cmp.Diff(Vacancy{Rows: map[string]bool{"app.users": true, "My App.Posts": false}}, v); diff != "" {
		t.Error(diff)
	}
	other, err := pgx.ConnectConfig(t.Context(), config)
	must(t, err)
	defer other.Close(t.Context())
	run(t, other, `BEGIN`, `SELECT FROM app.users`)
	v, err = Vacant(t.Context(), conn, fed)
	must(t, err)
	want := []string{"app.users is locked by 1 session(s) of unnamed (user rehome)"}
	if diff := cmp.Diff(want, v.InUse); diff != "" {
		t.Error(diff)
	}
}
