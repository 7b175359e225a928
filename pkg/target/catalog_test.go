package target

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

func TestCatalog(t *testing.T) {
	conn, _ := open(t, `CREATE SCHEMA app`, `CREATE SCHEMA rehome`, `CREATE TABLE rehome.shard (id int)`,
		`CREATE TYPE app.mood AS ENUM ('sad', 'ok')`, `ALTER TYPE app.mood ADD VALUE 'meh' BEFORE 'ok'`,
		`CREATE DOMAIN app.short AS varchar(10) NOT NULL`, `CREATE DOMAIN app.shorter AS app.short CHECK (length(VALUE) < 5)`,
		`CREATE FUNCTION app.fixed() RETURNS int IMMUTABLE LANGUAGE sql RETURN 1`,
		`CREATE FUNCTION app.stable() RETURNS int STABLE LANGUAGE sql RETURN 1`,
		`CREATE TABLE app.users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, old serial, code app.shorter, mood app.mood DEFAULT 'ok',
			price numeric(8,2) DEFAULT 1 + 1, at timestamptz(3) DEFAULT now(), at2 date DEFAULT CURRENT_DATE, token uuid DEFAULT gen_random_uuid(),
			one int DEFAULT app.fixed(), two int DEFAULT 1 + app.stable(), tags text[] NOT NULL DEFAULT '{}', gone int,
			twice int GENERATED ALWAYS AS (one * 2) STORED, CONSTRAINT users_code UNIQUE (code, mood) INCLUDE (one))`,
		`ALTER TABLE app.users DROP COLUMN gone`, `ALTER TABLE app.users ENABLE ROW LEVEL SECURITY`,
		`CREATE UNIQUE INDEX a_lower ON app.users (lower(code))`, `CREATE UNIQUE INDEX b_part ON app.users (one) WHERE two > 0`,
		`CREATE TABLE app.posts (a int, b int REFERENCES app.users (id), "When" date, PRIMARY KEY (b, a), FOREIGN KEY (b, a) REFERENCES app.posts)`,
		`CREATE FUNCTION app.noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`,
		`CREATE TRIGGER on_insert BEFORE INSERT OR UPDATE ON app.posts FOR EACH ROW EXECUTE FUNCTION app.noop()`,
		`CREATE TRIGGER on_update BEFORE UPDATE ON app.posts FOR EACH ROW EXECUTE FUNCTION app.noop()`,
		`CREATE TRIGGER sleeping BEFORE INSERT ON app.posts FOR EACH ROW EXECUTE FUNCTION app.noop()`,
		`ALTER TABLE app.posts DISABLE TRIGGER sleeping`,
		`CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON app.posts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.noop()`,
		`CREATE RULE quiet AS ON DELETE TO app.posts DO INSTEAD NOTHING`,
		`CREATE VIEW app.names AS SELECT id FROM app.users`,
	)
	got, err := Catalog(t.Context(), conn)
	must(t, err)
	base := func(oid uint32, name string, typmod int32) value.TargetType {
		return value.TargetType{OID: oid, Name: name, Kind: 'b', Typmod: typmod, Labels: []string{}}
	}
	list := func(oid uint32, name string, typmod int32, of value.TargetType) value.TargetType {
		t := base(oid, name, typmod)
		t.Element = &of
		return t
	}
	integer := base(23, "integer", -1)
	var mood uint32
	must(t, conn.QueryRow(t.Context(), `SELECT 'app.mood'::regtype::oid`).Scan(&mood))
	want := []mapping.TargetTable{
		{Schema: "app", Name: "names", Kind: 'v', Columns: []mapping.TargetColumn{{Name: "id", Type: integer}}},
		{Schema: "app", Name: "posts", Kind: 'r',
			Columns: []mapping.TargetColumn{{Name: "a", Type: integer, NotNull: true}, {Name: "b", Type: integer, NotNull: true},
				{Name: "When", Type: base(1082, "date", -1)}},
			Uniques: []mapping.Unique{{Name: "posts_pkey", Columns: []string{"b", "a"}, Primary: true}},
			ForeignKeys: []mapping.ForeignKey{
				{Name: "posts_b_a_fkey", Columns: []string{"b", "a"}, References: "app.posts", Targets: []string{"b", "a"}},
				{Name: "posts_b_fkey", Columns: []string{"b"}, References: "app.users", Targets: []string{"id"}}},
			Triggers: []mapping.Trigger{{Name: "deferred", Event: "AFTER INSERT FOR EACH ROW DEFERRED"}, {Name: "on_insert", Event: "BEFORE INSERT FOR EACH ROW"}},
			Rules:    []string{"quiet"}},
		{Schema: "app", Name: "users", Kind: 'r', RowSecurity: true,
			Columns: []mapping.TargetColumn{
				{Name: "id", Type: integer, NotNull: true, Identity: 'a'},
				{Name: "old", Type: integer, NotNull: true, Default: "nextval('app.users_old_seq'::regclass)", Volatile: true},
				{Name: "code", Type: base(1043, "character varying", 14), NotNull: true},
				{Name: "mood", Type: value.TargetType{OID: mood, Name: "app.mood", Kind: 'e', Typmod: -1, Labels: []string{"sad", "meh", "ok"}}, Default: "'ok'::app.mood"},
				{Name: "price", Type: base(1700, "numeric", 8<<16|2+4), Default: "(1 + 1)"},
				{Name: "at", Type: base(1184, "timestamp with time zone", 3), Default: "now()", Volatile: true},
				{Name: "at2", Type: base(1082, "date", -1), Default: "CURRENT_DATE", Volatile: true},
				{Name: "token", Type: base(2950, "uuid", -1), Default: "gen_random_uuid()", Volatile: true},
				{Name: "one", Type: integer, Default: "app.fixed()"},
				{Name: "two", Type: integer, Default: "(1 + app.stable())", Volatile: true},
				{Name: "tags", Type: list(1009, "text[]", -1, base(25, "text", -1)), NotNull: true, Default: "'{}'::text[]"},
				{Name: "twice", Type: integer, Generated: true},
			},
			Uniques: []mapping.Unique{{Name: "users_pkey", Columns: []string{"id"}, Primary: true}, {Name: "users_code", Columns: []string{"code", "mood"}},
				{Name: "a_lower", Columns: []string{}}, {Name: "b_part", Columns: []string{"one"}, Partial: true}}},
	}
	if diff := cmp.Diff(want, got.Tables); diff != "" {
		t.Error(diff)
	}
}

func TestCatalogOfArrays(t *testing.T) {
	conn, _ := open(t, `CREATE SCHEMA app`, `CREATE TYPE app.mood AS ENUM ('sad', 'ok')`, `CREATE DOMAIN app.short AS varchar(10)`,
		`CREATE DOMAIN app.codes AS varchar(7)[]`, `CREATE TABLE app.t (moods app.mood[], codes app.codes, names varchar(5)[], shorts app.short[], old int2vector)`)
	got, err := Catalog(t.Context(), conn)
	must(t, err)
	type element struct {
		name   string
		typmod int32
		labels int
	}
	want := map[string]element{"moods": {"app.mood", -1, 2}, "codes": {"character varying", 11, 0}, "names": {"character varying", 9, 0}, "shorts": {"character varying", 14, 0}}
	for _, c := range got.Tables[0].Columns {
		e, known := want[c.Name]
		switch of := c.Type.Element; {
		case !known && of != nil:
			t.Errorf("%s is an array of %+v", c.Name, of)
		case known && of == nil:
			t.Errorf("%s is no array", c.Name)
		case known && (element{of.Name, of.Typmod, len(of.Labels)} != e || len(c.Type.Labels) > 0):
			t.Errorf("%s holds %+v, want %+v", c.Name, of, e)
		}
	}
	var short uint32
	must(t, conn.QueryRow(t.Context(), `SELECT 'app.short'::regtype::oid`).Scan(&short))
	if of := got.Tables[0].Columns[3].Type.Element; of.OID != short {
		t.Errorf("the member's type is %d, want the domain, %d", of.OID, short)
	}
}

func TestAnalyze(t *testing.T) {
	conn, _ := open(t, people, `INSERT INTO app.users VALUES (1, 'ann'), (2, 'bob')`)
	must(t, Analyze(t.Context(), conn, []string{"app.users"}))
	var rows float32
	must(t, conn.QueryRow(t.Context(), `SELECT reltuples FROM pg_class WHERE oid = 'app.users'::regclass`).Scan(&rows))
	if rows != 2 {
		t.Errorf("the planner thinks of %v rows, want 2", rows)
	}
}
