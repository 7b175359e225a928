package main_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/report"
)

const labUsersTable = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, lid int);`

// What an entry may say, on small populations that somebody thought up to break it.
func TestEntries(t *testing.T) {
	t.Run("a row that the join of an entry with its own key drops is set aside", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a'),(2,'b');
			CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20), cat INT); INSERT INTO tags VALUES (1,'x',1),(2,'y',1),(3,'z',77);
			CREATE TABLE cats (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO cats VALUES (1,'c');`,
			labUsersTable+`CREATE TABLE app.tags (id int PRIMARY KEY, name text, cat text);`,
			labHead+labUsers+`  - into: app.tags
    from: tags JOIN cats ON cats.id = tags.cat
    key: tags.id
    joins: {cats: lookup}
    columns: {id: tags.id, name: tags.name, cat: cats.name}
`)
		r := l.reports(4)
		tags := r.Tables[1]
		if got := []int64{tags.Source, tags.Written, tags.SetAside, tags.Unexplained}; cmp.Diff([]int64{3, 2, 1, 0}, got) != "" {
			t.Errorf("source, written, set aside, unexplained of app.tags: %d", got)
		}
		if cmp.Diff([]report.Cause{{Cause: "unowned:app.tags", Rows: 1, SampleKeys: r.Causes[0].SampleKeys}}, r.Causes) != "" {
			t.Errorf("causes %+v", r.Causes)
		}
	})

	t.Run("of a source row that a join with many multiplies one is counted, and all are there", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a'),(2,'b');
			CREATE TABLE perms (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO perms VALUES (1,'r'),(2,'w'),(3,'x');`,
			labUsersTable+`CREATE TABLE app.perms (lid int, perm text, PRIMARY KEY (lid, perm));`,
			labHead+labUsers+`  - into: app.perms
    from: users JOIN perms ON perms.id > 0
    user: users.id
    many: true
    joins: {perms: lookup}
    columns: {lid: users.id, perm: perms.name}
    ignore: {name: it is in app.users}
`)
		perms := l.reports(0).Tables[1]
		if got := []int64{perms.Source, perms.Read, perms.Written, perms.Extra, perms.Unexplained}; cmp.Diff([]int64{2, 2, 2, 4, 0}, got) != "" {
			t.Errorf("source, read, written, extra, unexplained of app.perms: %d", got)
		}
		l.holds("6", `SELECT count(*) FROM app.perms`)
	})

	t.Run("without many a second row of a source row is unexplained", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a');
			CREATE TABLE perms (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO perms VALUES (1,'r'),(2,'w');`,
			labUsersTable+`CREATE TABLE app.perms (lid int, perm text, PRIMARY KEY (lid, perm));`,
			labHead+labUsers+`  - into: app.perms
    from: users JOIN perms ON perms.id > 0
    user: users.id
    joins: {perms: lookup}
    columns: {lid: users.id, perm: perms.name}
    ignore: {name: it is in app.users}
`)
		if perms := l.reports(3).Tables[1]; perms.Unexplained == 0 {
			t.Errorf("app.perms: %+v", perms)
		}
	})

	t.Run("what a deferred constraint refuses quarantines its user alone", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), code INT);
			INSERT INTO users SELECT seq, 'n', IF(seq = 7, 999, seq) FROM seq_1_to_50;`,
			`CREATE SCHEMA app; CREATE TABLE app.codes (c int PRIMARY KEY); INSERT INTO app.codes SELECT generate_series(1, 50);
			CREATE TABLE app.users (id uuid PRIMARY KEY, name text, lid int, code int REFERENCES app.codes DEFERRABLE INITIALLY DEFERRED);`,
			labHead+`users: {from: users, key: id}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id, code: code}}
`)
		r := l.reports(4)
		if r.Users.Migrated != 49 || r.Users.Quarantined != 1 || r.Causes[0].Cause != "foreign_key:app.users.users_code_fkey" {
			t.Errorf("users %+v, causes %+v", r.Users, r.Causes)
		}
		l.holds("0", `SELECT count(*) FROM app.users WHERE lid = 7`)
	})

	t.Run("rows whose own key is the same under the collation are not cut apart", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a');
			CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20), n INT, KEY (name));
			INSERT INTO tags VALUES (1,'A',1),(2,'a',-1),(3,'a ',3),(4,'b',4);`,
			labUsersTable+`CREATE TABLE app.tags (id int PRIMARY KEY, name text, n int CHECK (n > 0));`,
			labHead+labUsers+`  - {into: app.tags, from: tags, key: name, columns: {id: id, name: name, n: n}}
`)
		tags := l.reports(4).Tables[1]
		if got := []int64{tags.Source, tags.Written, tags.SetAside, tags.Unexplained}; cmp.Diff([]int64{4, 3, 1, 0}, got) != "" {
			t.Errorf("source, written, set aside, unexplained of app.tags: %d", got)
		}
	})

	t.Run("each row of a joined table without a key cannot be asked for", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1,'a');
			CREATE TABLE extras (user_id INT, extra VARCHAR(20), KEY (user_id));`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, extra text);`,
			labHead+`users: {from: users, key: id}
tables:
  - into: app.users
    from: users LEFT JOIN extras ON extras.user_id = users.id
    user: users.id
    joins: {extras: each}
    columns: {id: {uuid: user, of: users.id}, name: name, extra: extra}
`)
		l.does("check", 2, "tables[0].joins.extras: extras has no primary key")
	})
}
