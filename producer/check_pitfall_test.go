package main_test

import (
	"slices"
	"strings"
	"testing"

	"rehome/pkg/preflight"
)

// What breaks in every other tool, as far as check finds it before the night; each by its number in the list of pitfalls.
func TestPitfallsThatCheckFinds(t *testing.T) {
	users := func(columns string) string {
		return labHead + "users: {from: users, key: id, shard_rows: 2}\ntables:\n  - into: app.users\n    from: users\n    user: id\n    columns:\n      id: {uuid: user, of: id}\n" + columns
	}
	const target = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, v `

	t.Run("pitfall 5: an escaped NUL in JSON", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v TEXT); INSERT INTO users VALUES (1, '{"bio": "a\\u0000b"}'), (2, '{"bio": "a\\\\u0000b"}'), (3, '{}')`,
			target+"jsonb)", users("      v: v\n"))
		f := l.sees(l.checks(5, "--full"), "json_nul:app.users.v")
		if f.Rows != 1 || f.Users != 1 || !slices.Equal(f.Samples, []string{"1"}) || f.Line != 13 || f.Fix != "write json_nul: strip" {
			t.Errorf("%+v", f)
		}
	})

	t.Run("pitfall 7: mails that MySQL takes for different and PostgreSQL for equal", func(t *testing.T) {
		for _, c := range []struct{ name, column, index, cause string }{
			{"under a plain constraint after lower", "text", "CREATE UNIQUE INDEX mails ON app.users (v)", "unique:app.users.mails"},
			{"under an index over an expression", "text", "CREATE UNIQUE INDEX mails ON app.users (lower(v))", "unique:app.users.mails"},
			{"under a partial index", "text", "CREATE UNIQUE INDEX mails ON app.users (lower(v)) WHERE v <> ''", "unique:app.users.mails"},
			{"under citext", "public.citext", "CREATE UNIQUE INDEX mails ON app.users (v)", "unique:app.users.mails"},
		} {
			t.Run(c.name, func(t *testing.T) {
				steps := "      v: {sql: v, steps: [trim]}\n"
				if c.name == "under a plain constraint after lower" {
					steps = "      v: {sql: v, steps: [trim, lower]}\n"
				}
				l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v VARBINARY(30)); INSERT INTO users VALUES (1, 'Bob@X.com '), (2, 'bob@x.com'), (3, 'ann@x.com'),
					(4, NULL), (5, NULL), (6, 'ANN@x.com'), (7, 'ann@X.com'), (8, 'eve@x.com')`, "CREATE EXTENSION citext; "+target+c.column+"); "+c.index,
					strings.ReplaceAll(users(steps), "sql: v", "sql: CONVERT(v USING utf8mb4)"))
				f := l.sees(l.checks(5, "--full"), c.cause)
				if f.Rows != 5 || f.Users != 5 || f.Line != 13 || len(f.Samples) != 2 {
					t.Errorf("%+v", f)
				}
				if got := l.refuses()[c.cause]; got != (met{5, 5}) {
					t.Errorf("the run quarantines %+v", got)
				}
			})
		}
	})

	t.Run("pitfall 9: a bigint unsigned that overflows, also where the sample does not hold it", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id BIGINT UNSIGNED PRIMARY KEY, v BIGINT UNSIGNED); INSERT INTO users SELECT seq, seq FROM seq_1_to_300;
			INSERT INTO users VALUES (9223372036854775808, 9223372036854775807)`, target+"bigint, lid bigint)", users("      v: v\n      lid: id\n"))
		r := l.checks(5, "--sample", "100")
		f := l.sees(r, "out_of_range:app.users.lid")
		if !f.AtLeast || f.Rows != 1 || !slices.Equal(f.Values, []preflight.Counted{{Value: "9223372036854775808", Rows: 1}}) {
			t.Errorf("%+v", f)
		}
		if r.Problems() != 1 {
			t.Errorf("the largest v fits, and there are %d problems", r.Problems())
		}
		if f := l.sees(l.checks(5, "--full"), "out_of_range:app.users.lid"); f.AtLeast || f.Rows != 1 || !slices.Equal(f.Samples, []string{"9223372036854775808"}) {
			t.Errorf("%+v", f)
		}
	})

	t.Run("pitfall 14: orphans", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v INT); INSERT INTO users VALUES (1, 2), (2, 99), (3, NULL)`,
			target+"uuid REFERENCES app.users)", users("      v: {uuid: user, of: v}\n"))
		f := l.sees(l.checks(5, "--full"), "waits:app.users.v")
		if f.Rows != 1 || f.Users != 0 || !slices.Equal(f.Samples, []string{"2"}) || f.Line != 13 || !strings.Contains(f.Fix, "missing: to_null") {
			t.Errorf("%+v", f)
		}
	})

	t.Run("pitfall 17: a table that cannot be split says why", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id FLOAT PRIMARY KEY, v INT)`, target+"int)", users("      v: v\n"))
		r := l.checks(2, "--full")
		if r.Compiles || !slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool {
			return f.Severity == preflight.Problem && strings.Contains(f.Message, "rehome cannot split") && strings.Contains(f.Message, "FLOAT") && f.Line > 0
		}) {
			t.Errorf("%+v", r)
		}
	})

	t.Run("pitfall 27: a row that is wider than is allowed", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v LONGTEXT); INSERT INTO users VALUES (1, 'a'), (2, REPEAT('x', 100000)), (3, 'c')`,
			target+"text)", users("      v: v\n")+"max_row_bytes: 65536\n")
		f := l.sees(l.checks(5, "--full"), "row_too_wide:app.users")
		if f.Rows != 1 || f.Users != 1 || !slices.Equal(f.Samples, []string{"2"}) || !strings.Contains(f.Fix, "max_row_bytes") {
			t.Errorf("%+v", f)
		}
		if got := l.refuses()["row_too_wide:app.users"]; got != (met{1, 1}) {
			t.Errorf("the run quarantines %+v", got)
		}
	})

	t.Run("pitfall 30: triggers, rules and row security of a fed table", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v INT); INSERT INTO users VALUES (1, 2)`, target+`int);
			CREATE FUNCTION app.mail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER welcome AFTER INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.mail();
			CREATE RULE copy AS ON UPDATE TO app.users DO ALSO NOTHING; ALTER TABLE app.users ENABLE ROW LEVEL SECURITY`, users("      v: v\n"))
		r := l.checks(2)
		for _, want := range []string{"trigger welcome of app.users would fire", "rule copy of app.users", "row level security of app.users"} {
			if !slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool {
				return strings.Contains(f.Message, want) && f.Severity == preflight.Problem && f.Line == 8 && f.Fix != ""
			}) {
				t.Errorf("nothing says %q: %+v", want, r.Findings)
			}
		}
		l.inTarget(`DROP RULE copy ON app.users; ALTER TABLE app.users DISABLE ROW LEVEL SECURITY`)
		l.dir.Write(t, "migration.yaml", strings.Replace(users("      v: v\n"), "    user: id\n", "    user: id\n    triggers: {welcome: fire}\n", 1))
		if r := l.checks(0); !slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool {
			return f.Severity == preflight.Information && strings.Contains(f.Message, "trigger welcome")
		}) {
			t.Errorf("%+v", r.Findings)
		}
	})

	t.Run("pitfall 31: engines that know no snapshot", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v INT) ENGINE = MyISAM; CREATE TABLE a (id INT PRIMARY KEY) ENGINE = Aria;
			CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MEMORY`, target+`int); CREATE TABLE app.a (id int PRIMARY KEY); CREATE TABLE app.m (id int PRIMARY KEY)`,
			users("      v: v\n")+"  - {into: app.a, from: a, key: id, columns: {id: id}}\n  - {into: app.m, from: m, key: id, columns: {id: id}}\n")
		r := l.checks(0, "--full")
		for _, want := range []string{"users is a table of engine MyISAM", "a is a table of engine Aria", "m is a table of engine MEMORY"} {
			if !slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool {
				return f.Severity == preflight.Warning && strings.HasPrefix(f.Message, want) && f.Line > 0
			}) {
				t.Errorf("nothing says %q: %+v", want, r.Findings)
			}
		}
	})

	t.Run("pitfall 34: null as a YAML word", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, v VARCHAR(9)); INSERT INTO users VALUES (1, 'null'), (2, 'x')`, target+"text)",
			users("      v: {sql: v, values: {x: X}}\n"))
		if f := l.sees(l.checks(5, "--full"), "values:app.users.v"); !strings.Contains(f.Fix, `add to values: {"null": NEW}`) {
			t.Errorf("the suggestion would be read as NULL: %q", f.Fix)
		}
		l.dir.Write(t, "migration.yaml", users("      v: {sql: v, values: {x: X, null: none}}\n"))
		l.does("check", 2, "migration.yaml:13:")
	})
}
