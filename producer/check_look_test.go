package main_test

import (
	"slices"
	"strings"
	"testing"

	"rehome/pkg/preflight"
	"rehome/pkg/sandbox/community"
)

func TestCheckLooksAtMoreThanValues(t *testing.T) {
	const legacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');`

	t.Run("rows that the where of no entry takes", func(t *testing.T) {
		l := newLab(t, legacy, labUsersTable, labHead+strings.Replace(labUsers, "user: id,", "user: id, where: id <> 2,", 1))
		f := l.sees(l.checks(5, "--full"), "unexplained:users")
		if f.Rows != 1 || f.Line != 8 || !strings.Contains(f.Fix, "rest: leave") {
			t.Errorf("%+v", f)
		}
		l.dir.Write(t, "migration.yaml", labHead+strings.Replace(labUsers, "user: id,", "user: id, where: id <> 2, rest: leave,", 1))
		if f := l.sees(l.checks(0, "--full"), "rest:users"); f.Severity != preflight.Information || f.Rows != 1 {
			t.Errorf("%+v", f)
		}
	})

	t.Run("rows of a user who is out do not wait", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), boss INT); INSERT INTO users VALUES (1, 'a', 99), (2, 'too long', 98);
			CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, boss INT, KEY (user_id)); INSERT INTO posts VALUES (1, 1, 99), (2, 2, 99), (3, 2, 98)`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name varchar(5)); CREATE TABLE app.posts (id uuid PRIMARY KEY, boss uuid)`,
			labHead+`users: {from: users, key: id}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}, ignore: {boss: it is of no use}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: {uuid: post, of: id}, boss: {uuid: user, of: boss}}}
`)
		r := l.checks(5, "--full")
		if f := l.sees(r, "waits:app.posts.boss"); f.Rows != 1 || f.Behind != 2 {
			t.Errorf("%+v", f)
		}
		if f := l.sees(r, "too_long:app.users.name"); f.Rows != 1 || f.Users != 1 {
			t.Errorf("%+v", f)
		}
		for _, c := range l.reports(4).Causes {
			if c.Cause == "waits:app.posts.boss" && c.Rows != 1 {
				t.Errorf("the run lets %d rows wait", c.Rows)
			}
		}
	})

	t.Run("rows of a joined table that are not used once", func(t *testing.T) {
		l := newLab(t, legacy+`CREATE TABLE extras (user_id INT PRIMARY KEY, extra INT); INSERT INTO extras VALUES (1, 1), (9, 9)`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, extra int)`, labHead+`users: {from: users, key: id}
tables:
  - into: app.users
    from: users LEFT JOIN extras ON extras.user_id = users.id
    user: users.id
    joins: {extras: each}
    columns: {id: {uuid: user, of: users.id}, name: name, extra: extra}
`)
		if f := l.sees(l.checks(5, "--full"), "unexplained:extras"); f.Rows != 1 || f.Line != 8 || !strings.Contains(f.Fix, "joins: {extras: lookup}") {
			t.Errorf("%+v", f)
		}
	})

	t.Run("an attribute that gather does not say anything about", func(t *testing.T) {
		l := newLab(t, legacy+`CREATE TABLE meta (mid INT PRIMARY KEY, uid INT, k VARCHAR(20), v TEXT, KEY (uid));
			INSERT INTO meta VALUES (1, 1, 'first', 'x'), (2, 2, 'strange', 'y'), (3, 3, 'first', 'z')`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, first varchar(5))`, labHead+`users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns: {id: {uuid: user, of: id}, name: name}
    gather: {from: meta, user: uid, name: k, value: v, columns: {first: first}}
    ignore: {mid: of no use}
`)
		r := l.checks(5, "--full")
		i := slices.IndexFunc(r.Findings, func(f preflight.Finding) bool { return strings.HasPrefix(f.Cause, "gather:app.users") })
		if i < 0 || r.Problems() != 1 {
			t.Fatalf("%+v", r.Findings)
		}
		if f := r.Findings[i]; f.Rows != 1 || f.Users != 1 || f.Line != 12 || !slices.Equal(f.Samples, []string{"2"}) || f.Table != "meta" ||
			!slices.Equal(f.Values, []preflight.Counted{{Value: "strange", Rows: 1}}) || !strings.Contains(f.Fix, "leave: {strange: WHY}") {
			t.Errorf("%+v", f)
		}
		l.inLegacy(`UPDATE meta SET k = 'first' WHERE mid = 2; INSERT INTO meta VALUES (4, 2, 'first', 'w')`)
		if f := l.sees(l.checks(5, "--full"), "gather:app.users.first"); f.Table != "meta" || !strings.Contains(f.Fix, "many: first") {
			t.Errorf("%+v", f)
		}
		l.inLegacy(`DELETE FROM meta WHERE mid = 4`)
		l.inLegacy(`UPDATE meta SET k = 'first', v = 'too long' WHERE mid = 2`)
		if f := l.sees(l.checks(5, "--full"), "too_long:app.users.first"); f.Rows != 1 || f.Line != 12 || f.Path != "tables[0].gather.columns.first" {
			t.Errorf("%+v", f)
		}
	})

	t.Run("rows for which the legacy server raises an error or a warning are told apart from the others", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users SELECT seq, IF(seq IN (17, 40, 41), 'x', seq) FROM seq_1_to_200`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name int)`,
			labHead+strings.Replace(strings.Replace(labUsers, "name: name", `name: "CAST(name AS SIGNED)"`, 1), ", lid: id", "", 1))
		f := l.sees(l.checks(5, "--full"), "warning:app.users")
		if f.Rows != 3 || f.Users != 3 || !slices.Equal(f.Samples, []string{"17", "40", "41"}) {
			t.Errorf("%+v", f)
		}
		if got := l.refuses()["warning:app.users"]; got != (met{3, 3}) {
			t.Errorf("the run quarantines %+v", got)
		}
	})

	t.Run("more users out than the run allows, a target in the way, and a migration that has begun", func(t *testing.T) {
		mapping := strings.Replace(labHead, "stop: {quarantined: 100%}", "stop: {quarantined: 10%}", 1) + strings.Replace(labUsers, "name: name", "name: {sql: name, too_long: reject}", 1)
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users SELECT seq, IF(seq % 5 = 0, 'too long', 'a') FROM seq_1_to_1000`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name varchar(5), lid int); INSERT INTO app.users VALUES (gen_random_uuid(), 'x', 0)`, mapping)
		says := func(r preflight.Result, s preflight.Severity, text string) {
			t.Helper()
			if !slices.ContainsFunc(r.Findings, func(f preflight.Finding) bool { return f.Severity == s && strings.Contains(f.Message, text) }) {
				t.Errorf("nothing says %q: %+v", text, r.Findings)
			}
		}
		r := l.checks(5, "--full")
		says(r, preflight.Warning, "20.0% of the users would be quarantined, and the run stops above 10%")
		says(r, preflight.Warning, "a run would refuse: table app.users of the target holds rows")
		l.inTarget(`DELETE FROM app.users`)
		l.does("run", 7)
		says(l.checks(5, "--full"), preflight.Information, "is planned already")
	})
}

func TestCheckOfASample(t *testing.T) {
	l := newLab(t, `SELECT 1`, community.Schema(), string(community.Mapping()))
	if _, err := community.Generate(t.Context(), l.legacy, community.Options{Users: 700, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	r := l.checks(0, "--sample", "250")
	if s := r.LookedAt; s.Full || s.Users != 250 || s.AllUsers != 700 || s.Rows < 250 {
		t.Errorf("looked at %+v", s)
	}
	l.does("check --sample 250", 0, "looked at 250 of 700 users", "nothing was found in the sample", "--full looks at all")
	l.does("check", 0, "looked at all 700 users", "nothing is unhandled") // fewer than a sample is
	l.does("check --full --sample 3", 2, "--sample: goes not with --full")
	l.does("check --sample 0", 2, "is not a number of users")

	t.Run("users of all ranges are in it", func(t *testing.T) {
		l.inLegacy(`UPDATE users SET nick = CONCAT('x', CHAR(0), id)`)
		l.dir.Write(t, "migration.yaml", edited(t, "\nnul_byte: strip\n", "\n"))
		f := l.sees(l.checks(5, "--sample", "700"), "nul_byte:app.users.name")
		some := l.sees(l.checks(5, "--sample", "70"), "nul_byte:app.users.name")
		if f.Rows != 700 || some.Rows != 70 {
			t.Errorf("%d and %d rows", f.Rows, some.Rows)
		}
	})
}

func TestCheckChangesNothingAndCanBeStopped(t *testing.T) {
	d := newDesk(t)
	before := d.world()
	if p := d.produces("check --full", 0, "fits both databases"); p.Stderr() != "" {
		t.Errorf("standard error has %q", p.Stderr())
	}
	d.untouched(before)

	t.Run("a signal ends it with 130", func(t *testing.T) {
		// A locked table keeps the check waiting.
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)) ENGINE = MyISAM; INSERT INTO users VALUES (1, 'a')`, labUsersTable, labHead+labUsers)
		db := l.openLegacy()
		defer db.Close()
		conn, err := db.Conn(l.ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(l.ctx, `LOCK TABLES users WRITE`); err != nil {
			t.Fatal(err)
		}
		p := l.start("", "check", "--full")
		for l.askLegacy(`SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'`) == 0 {
			if l.ctx.Err() != nil {
				t.Fatal("the check does not wait")
			}
		}
		p.Interrupt()
		if got := p.Wait(l.ctx); got != 130 {
			t.Errorf("exit status %d:\n%s%s", got, p.Stdout(), p.Stderr())
		}
	})
}
