package target

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// heard is what a jury says of each row: the cause, and which of the rows before it has the same key.
func heard(t *testing.T, j *Jury, rows ...[][]byte) (out []string) {
	t.Helper()
	var tuples []byte
	var ends []int
	for _, values := range rows {
		tuples = appendTuple(tuples, values)
		ends = append(ends, len(tuples))
	}
	seen := map[string]int{}
	err := j.Hear(t.Context(), tuples, ends, func(i int, cause string, keys [][]byte) error {
		text := cause
		for k, key := range keys {
			first, known := seen[fmt.Sprintf("%d %x", k, key)]
			switch {
			case key == nil:
				text += " -"
			case known:
				text += fmt.Sprintf(" =%d", first)
			default:
				seen[fmt.Sprintf("%d %x", k, key)] = i
				text += " new"
			}
		}
		if i != len(out) {
			t.Errorf("row %d comes after %d others", i, len(out))
		}
		out = append(out, strings.TrimSpace(text))
		return nil
	})
	must(t, err)
	return out
}

func mail(text string) [][]byte { return [][]byte{int4of(1), []byte(text)} }

func TestJury(t *testing.T) {
	const users = `CREATE SCHEMA app; CREATE TABLE app.users (id int PRIMARY KEY, mail text, hidden int DEFAULT 1`
	make := func(t *testing.T, table string, uniques ...string) (*Jury, *mapping.RowPlan) {
		conn, _ := open(t, table)
		e := plan(t, conn, "app.users", 1, "id", "mail")
		j, err := NewJury(t.Context(), conn, e, uniques, []string{"app.users"})
		must(t, err)
		return j, e
	}

	t.Run("a CHECK constraint refuses what is false under it, not what is NULL", func(t *testing.T) {
		j, _ := make(t, users+`, CONSTRAINT b CHECK (mail <> 'b'), CONSTRAINT a CHECK (length(mail) < 4))`)
		got := heard(t, j, mail("x"), mail("b"), mail("long"), [][]byte{int4of(1), nil})
		if diff := cmp.Diff([]string{"", "check:app.users.b", "check:app.users.a", ""}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("of several constraints the first by name refuses, as in the server", func(t *testing.T) {
		j, _ := make(t, users+`, CONSTRAINT z CHECK (mail <> 'long'), CONSTRAINT a CHECK (length(mail) < 4))`)
		if got := heard(t, j, mail("long")); got[0] != "check:app.users.a" {
			t.Errorf("%q", got)
		}
	})
	t.Run("a row for which a constraint cannot be evaluated is refused alone", func(t *testing.T) {
		j, _ := make(t, users+`, CONSTRAINT n CHECK (mail::int > 0))`)
		got := heard(t, j, mail("1"), mail("x"), mail("3"), mail("0"), mail("5"))
		if got[0] != "" || got[1] == "" || got[2] != "" || got[3] != "check:app.users.n" || got[4] != "" {
			t.Errorf("%q", got)
		}
	})
	t.Run("keys are equal as the index takes them, within its predicate", func(t *testing.T) {
		j, _ := make(t, users+`); CREATE UNIQUE INDEX m ON app.users (lower(mail)) WHERE mail <> ''`, "m")
		got := heard(t, j, mail("Bob"), mail("bob"), mail(""), mail(""), [][]byte{int4of(1), nil}, mail("ann"), mail("BOB"))
		if diff := cmp.Diff([]string{"new", "=0", "-", "-", "-", "new", "=0"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("two NULLs collide where the index says so", func(t *testing.T) {
		j, _ := make(t, users+`); CREATE UNIQUE INDEX m ON app.users (lower(mail)) NULLS NOT DISTINCT`, "m")
		if diff := cmp.Diff([]string{"new", "=0"}, heard(t, j, [][]byte{int4of(1), nil}, [][]byte{int4of(2), nil})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"m"}, j.NullsEqual); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a collation that ignores case makes keys equal", func(t *testing.T) {
		j, _ := make(t, `CREATE COLLATION public.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`+
			strings.Replace(users, "mail text", "mail text COLLATE public.ci", 1)+`); CREATE UNIQUE INDEX m ON app.users (mail)`, "m")
		if diff := cmp.Diff([]string{"new", "=0"}, heard(t, j, mail("Bob"), mail("bob"))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a reference to a table that nobody feeds is looked up", func(t *testing.T) {
		j, _ := make(t, `CREATE SCHEMA app; CREATE TABLE app.codes (c text PRIMARY KEY); INSERT INTO app.codes VALUES ('a');
			CREATE TABLE app.users (id int PRIMARY KEY, mail text, FOREIGN KEY (mail) REFERENCES app.codes)`)
		got := heard(t, j, mail("a"), mail("b"), [][]byte{int4of(1), nil})
		if diff := cmp.Diff([]string{"", "foreign_key:app.users.users_mail_fkey", ""}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what looks at a column that is not fed cannot be judged, and is named", func(t *testing.T) {
		j, _ := make(t, users+`, CONSTRAINT h CHECK (hidden > 0), EXCLUDE USING btree (mail WITH =))`)
		want := []string{"constraint h (it looks at hidden, which the mapping does not feed)", "constraint users_mail_excl (an exclusion constraint)"}
		if diff := cmp.Diff(want, j.Unjudged); diff != "" || j.Any() {
			t.Error(diff)
		}
	})
	t.Run("a domain's own constraint refuses as the run would name it", func(t *testing.T) {
		j, _ := make(t, `CREATE SCHEMA app; CREATE DOMAIN app.mail AS text CONSTRAINT at CHECK (VALUE LIKE '%@%');
			CREATE TABLE app.users (id int PRIMARY KEY, mail app.mail)`)
		got := heard(t, j, mail("a@b"), mail("b"), [][]byte{int4of(1), nil}, mail("c@d"))
		_, err := j.conn.Exec(t.Context(), `INSERT INTO app.users VALUES (1, 'b')`)
		_, cause := shard.KindOf(classify(err, "insert", "app.users"))
		if diff := cmp.Diff([]string{"", cause, "", ""}, got); diff != "" || cause == "" {
			t.Error(diff)
		}
	})
	t.Run("it stores nothing", func(t *testing.T) {
		j, _ := make(t, users+`, CHECK (mail <> ''))`)
		run(t, j.conn, `BEGIN READ ONLY`)
		heard(t, j, mail("a"))
	})
}
