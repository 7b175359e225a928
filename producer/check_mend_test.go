package main_test

import (
	"strings"
	"testing"

	"rehome/pkg/preflight"
)

// A mending is one kind of trouble, and the line that check suggests for it.
type mending struct {
	name     string
	legacy   string // the column v, and users 1 to 3 of whom some are in trouble
	target   string // the type of the column v
	from, to string // what stands in the mapping, and what a person makes of the suggestion
	cause    string
	fix      string // is in the suggestion
	rows     int64
	values   string // what check says of the offending values
}

const mendUsers = `users: {from: users, key: id, shard_rows: 2}
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id: {uuid: user, of: id}
      v: VALUE
`

func TestTheLineThatCheckSuggestsHandlesIt(t *testing.T) {
	for _, m := range []mending{
		{name: "a value that the map does not list", legacy: `v INT); INSERT INTO users VALUES (1, 1), (2, 7), (3, 7)`, target: "text",
			from: "{sql: v, values: {1: one}}", to: "{sql: v, values: {1: one, 7: seven}}", cause: "values:app.users.v", fix: "add to values: {7: NEW}", rows: 2, values: "7 (2)"},
		{name: "an ENUM's error value", legacy: `v ENUM('a')); SET sql_mode = ''; INSERT INTO users VALUES (1, 'a'), (2, 'x'), (3, 'a')`, target: "text",
			from: "{sql: v, values: {a: A}}", to: `{sql: v, values: {a: A, "": none}}`, cause: "values:app.users.v", fix: `add to values: {"": NEW}`, rows: 1, values: `"" (1)`},
		{name: "a value behind a step", legacy: `v VARCHAR(9)); INSERT INTO users VALUES (1, 'YES'), (2, ' no '), (3, 'No')`, target: "boolean",
			from: "{sql: v, steps: [trim, lower], values: {yes: true}}", to: "{sql: v, steps: [trim, lower], values: {yes: true, no: false}}",
			cause: "values:app.users.v", fix: "add to values: {no: NEW}", rows: 2, values: "no (2)"},
		{name: "a zero date", legacy: `v DATE); SET sql_mode = ''; INSERT INTO users VALUES (1, '0000-00-00'), (2, '2020-01-02'), (3, NULL)`, target: "date",
			from: "v", to: "{sql: v, zero_date: to_null}", cause: "zero_date:app.users.v", fix: "write zero_date: to_null", rows: 1},
		{name: "a zero date where NULL has no place", legacy: `v DATE); SET sql_mode = ''; INSERT INTO users VALUES (1, '0000-00-00'), (2, '2020-01-02'), (3, '2020-01-03')`,
			target: "date NOT NULL", from: "v", to: `{sql: v, zero_date: "1970-01-01"}`, cause: "zero_date:app.users.v", fix: `zero_date: "1970-01-01`, rows: 1},
		{name: "a partial date", legacy: `v DATE); SET sql_mode = ''; INSERT INTO users VALUES (1, '2020-00-15'), (2, '2020-01-02'), (3, '2020-05-00')`, target: "date",
			from: "v", to: "{sql: v, partial_date: first}", cause: "partial_date:app.users.v", fix: "partial_date: first", rows: 2, values: "2020-00-15 (1), 2020-05-00 (1)"},
		{name: "a date in another format", legacy: `v VARCHAR(20)); INSERT INTO users VALUES (1, '2020-02-29'), (2, '29.02.2020'), (3, '31.12.1999')`, target: "date",
			from: `{sql: v, steps: [{date: ["%Y-%m-%d"]}]}`, to: `{sql: v, steps: [{date: ["%Y-%m-%d", "%d.%m.%Y"]}]}`, cause: "date:app.users.v",
			fix: `steps: [{date: ["%Y-%m-%d", "%d.%m.%Y"]}]`, rows: 2, values: "29.02.2020 (1), 31.12.1999 (1)"},
		{name: "a NUL byte", legacy: `v TEXT); INSERT INTO users VALUES (1, 'a\0b'), (2, 'b'), (3, 'c')`, target: "text",
			from: "v", to: "{sql: v, nul_byte: strip}", cause: "nul_byte:app.users.v", fix: "nul_byte: strip", rows: 1, values: `"a\x00b" (1)`},
		{name: "bytes that are no text", legacy: `v VARBINARY(9)); INSERT INTO users VALUES (1, X'67FC'), (2, 'b'), (3, 'c')`, target: "text",
			from: "{sql: v, bad_text: reject}", to: "{sql: v, bad_text: cp1252}", cause: "bad_text:app.users.v", fix: "bad_text: cp1252", rows: 1, values: `"g\xfc" (1)`},
		{name: "a number out of range", legacy: `v BIGINT UNSIGNED); INSERT INTO users VALUES (1, 18446744073709551615), (2, 2), (3, 3)`, target: "bigint",
			from: "v", to: "{sql: v, out_of_range: to_null}", cause: "out_of_range:app.users.v", fix: "out_of_range: to_null", rows: 1, values: "18446744073709551615 (1)"},
		{name: "a number out of range where NULL has no place", legacy: `v INT); INSERT INTO users VALUES (1, 40000), (2, 2), (3, 3)`, target: "smallint NOT NULL",
			from: "v", to: "{sql: v, out_of_range: clamp}", cause: "out_of_range:app.users.v", fix: "out_of_range: clamp", rows: 1},
		{name: "a tinyint(1) beyond 0 and 1", legacy: `v TINYINT(1)); INSERT INTO users VALUES (1, 2), (2, 1), (3, -1)`, target: "boolean",
			from: "v", to: "{sql: v, values: {0: false, 1: true, -1: false, 2: true}}", cause: "out_of_range:app.users.v",
			fix: `values: {0: false, 1: true, -1: NEW, 2: NEW}`, rows: 2},
		{name: "a text that is too long", legacy: `v VARCHAR(50)); INSERT INTO users VALUES (1, 'abcdef'), (2, 'b'), (3, 'c')`, target: "varchar(5)",
			from: "v", to: "{sql: v, too_long: truncate}", cause: "too_long:app.users.v", fix: "too_long: truncate", rows: 1},
		{name: "a NULL that has no place", legacy: `v VARCHAR(50)); INSERT INTO users VALUES (1, NULL), (2, 'b'), (3, 'c')`, target: "text NOT NULL",
			from: "v", to: `{sql: v, if_null: ""}`, cause: "not_null:app.users.v", fix: "if_null: VALUE", rows: 1},
		{name: "JSON with a NUL", legacy: `v TEXT); INSERT INTO users VALUES (1, '{"a": "\\u0000"}'), (2, '1'), (3, '2')`, target: "jsonb",
			from: "v", to: `{sql: v, json_nul: strip}`, cause: "json_nul:app.users.v", fix: "json_nul: strip", rows: 1},
		{name: "an empty text for JSON", legacy: `v TEXT); INSERT INTO users VALUES (1, ''), (2, '1'), (3, '2')`, target: "jsonb",
			from: "v", to: `{sql: v, steps: [empty_to_null]}`, cause: "json:app.users.v", fix: "steps: [empty_to_null]", rows: 1},
		{name: "a text that is no UUID", legacy: `v VARCHAR(40)); INSERT INTO users VALUES (1, 'none'), (2, NULL), (3, UUID())`, target: "uuid",
			from: "v", to: `{sql: "IF(v REGEXP '^[0-9A-Fa-f-]{36}$', v, NULL)"}`, cause: "uuid:app.users.v", fix: "IF(v REGEXP '^[0-9A-Fa-f-]{36}$', v, NULL)", rows: 1},
		{name: "mails that a step makes equal", legacy: `v VARCHAR(40)); INSERT INTO users VALUES (1, 'Bob@X.com '), (2, 'bob@x.com'), (3, 'c@x.com')`, target: "text UNIQUE",
			from: "{sql: v, steps: [trim, lower]}", to: `{sql: "IF(EXISTS(SELECT 1 FROM users AS o WHERE TRIM(o.v) = TRIM(users.v) AND o.id < users.id), NULL, v)", steps: [trim, lower]}`,
			cause: "unique:app.users.users_v_key", rows: 2,
			fix: `IF(EXISTS(SELECT 1 FROM users AS o WHERE TRIM(o.v) = TRIM(users.v) AND o.id < users.id), NULL, v)`},
		{name: "what a CHECK constraint refuses", legacy: `v INT); INSERT INTO users VALUES (1, 0), (2, 2), (3, 3)`, target: "int CHECK (v > 0)",
			from: "v", to: "NULLIF(v, 0)", cause: "check:app.users.users_v_check", fix: "make the entry's expressions meet it", rows: 1},
		{name: "a warning of the legacy server", legacy: `v VARCHAR(9)); INSERT INTO users VALUES (1, 'abc'), (2, '2'), (3, '3')`, target: "bigint",
			from: "CAST(v AS SIGNED)", to: "IF(v REGEXP '^[0-9]+$', CAST(v AS SIGNED), NULL)", cause: "warning:app.users", fix: "REGEXP '^[0-9]+$'", rows: 1},
	} {
		t.Run(m.name, func(t *testing.T) {
			l := newLab(t, "CREATE TABLE users (id INT PRIMARY KEY, "+m.legacy, "CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, v "+m.target+")",
				labHead+strings.Replace(mendUsers, "VALUE", quotedYAML(m.from), 1))
			r := l.checks(5, "--full")
			if r.Problems() != 1 {
				t.Fatalf("%d problems: %+v", r.Problems(), r.Findings)
			}
			f := r.Findings[0]
			if f.Cause != m.cause || f.Rows != m.rows || !strings.Contains(f.Fix, m.fix) || f.File != "migration.yaml" || f.Line == 0 || f.Table != "users" {
				t.Errorf("want %s, %d rows, %q; got %+v", m.cause, m.rows, m.fix, f)
			}
			if len(f.Samples) == 0 || !strings.Contains("1 2 3 1 = 2", f.Samples[0]) {
				t.Errorf("samples %q", f.Samples)
			}
			text := l.start("", "check", "--full")
			text.Wait(l.ctx)
			if !strings.Contains(text.Stdout(), m.values) || !strings.Contains(text.Stdout(), "migration.yaml:") {
				t.Errorf("the text does not say %q:\n%s", m.values, text.Stdout())
			}

			l.dir.Write(t, "migration.yaml", labHead+strings.Replace(mendUsers, "VALUE", quotedYAML(m.to), 1))
			if r := l.checks(0, "--full"); r.Problems() != 0 {
				t.Errorf("mended, check still says %+v", r.Findings)
			}
			if r := l.reports(0); r.Verdict != "clean" || r.Users.Migrated != 3 {
				t.Errorf("mended, the run is %s, %+v", r.Verdict, r.Users)
			}
		})
	}
}

// quotedYAML puts an expression into quotes that holds what YAML would take for something else.
func quotedYAML(text string) string {
	if strings.HasPrefix(text, "{") || !strings.ContainsAny(text, "',[]{}") {
		return text
	}
	return `"` + text + `"`
}

// sees returns the one finding of the cause, and fails the test unless there is one.
func (l *lab) sees(r preflight.Result, cause string) preflight.Finding {
	l.Helper()
	for _, f := range r.Findings {
		if f.Cause == cause {
			return f
		}
	}
	l.Fatalf("nothing is found of cause %s: %+v", cause, r.Findings)
	return preflight.Finding{}
}
