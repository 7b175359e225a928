package main_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettling(t *testing.T) {
	t.Run("more users who collide than the limit allows end the run before one is taken out", func(t *testing.T) {
		l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(10)); INSERT INTO users SELECT seq, IF(seq <= 101, 1, seq) FROM seq_1_to_1200;`,
			`CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE);`, `name: lab
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: id, shard_rows: 1000}
waves: [{name: all}]
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}}
`)
		l.does("run", 7, "101 users collide with others", "101 of 1200 users tried", "unique:app.users.users_name_key (101 rows)", "nothing was taken out")
		l.holds("1200", `SELECT count(*) FROM app.users`)
		l.holds("0", `SELECT count(*) FROM rehome.undone`)
	})

	const legacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20));
		CREATE TABLE mails (id INT PRIMARY KEY, user_id INT, mail VARCHAR(50), KEY (user_id));
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, KEY (user_id));
		INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'e');
		INSERT INTO mails VALUES (1, 1, 'x'), (2, 2, 'x'), (3, 3, 'y'), (4, 1, 'z'), (5, 4, 'z'), (6, 5, 'v');
		INSERT INTO posts VALUES (1, 1, 999), (2, 1, 998), (3, 2, 997), (4, 3, 1), (5, 4, 4), (6, 5, 996);`
	const target = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int);
		CREATE TABLE app.mails (mail text PRIMARY KEY, user_id uuid REFERENCES app.users, lid int);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, user_id uuid REFERENCES app.users, parent uuid REFERENCES app.posts);`
	const mapping = labHead + labUsers + `  - {into: app.mails, from: mails, user: user_id, columns: {mail: mail, user_id: {uuid: user, of: user_id}, lid: id}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: {uuid: post, of: id}, user_id: {uuid: user, of: user_id}, parent: {uuid: post, of: parent}}}
`
	settled := func(l *lab) {
		l.Helper()
		r := l.reports(4)
		if u := r.Users; u.Migrated != 1 || u.Quarantined != 5 || r.Waves[0].Users.Migrated != 1 {
			l.Errorf("%d users migrated (%d in the wave), %d are quarantined", u.Migrated, r.Waves[0].Users.Migrated, u.Quarantined)
		}
		l.holds("3", `SELECT string_agg(lid::text, ',') FROM app.users`)
		posts := r.Tables[2]
		if posts.SetAside != 5 || posts.Waiting != 1 || posts.Unexplained != 0 {
			l.Errorf("of the posts %d are set aside, %d wait, %d are unexplained", posts.SetAside, posts.Waiting, posts.Unexplained)
		}
		for _, c := range r.Causes {
			if c.Users == 0 && c.Rows != 1 {
				l.Errorf("%d rows of cause %s", c.Rows, c.Cause)
			}
		}
		l.holds("1", `SELECT count(*) FROM rehome.waiting`)
	}
	t.Run("all rows of users who collide are set aside, those that waited too", func(t *testing.T) {
		settled(newLab(t, legacy, target, mapping))
	})
	for _, point := range []string{"settling:1", "settling:2", "settling:3", "settled"} {
		t.Run("it comes to the same when the run dies at "+point, func(t *testing.T) {
			l := newLab(t, legacy, target, mapping)
			l.dies(point)
			settled(l)
		})
	}
	t.Run("who collides on a key that was on takes nobody out by one that was off, whoever was first", func(t *testing.T) {
		var got []string
		for _, heavy := range []string{"1", "2"} { // whose shard goes first
			l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1, 'n'), (2, 'm'), (3, 'n'), (4, 'd');
				CREATE TABLE mails (id INT PRIMARY KEY, user_id INT, mail VARCHAR(50), KEY (user_id)); INSERT INTO mails VALUES (1, 1, 'x'), (2, 2, 'x');
				INSERT INTO mails SELECT seq, `+heavy+`, CONCAT('y', seq) FROM seq_10_to_13;`, `CREATE SCHEMA app;
				CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int); CREATE TABLE app.mails (mail text PRIMARY KEY, lid int);`,
				labHead+labUsers+`  - {into: app.mails, from: mails, user: user_id, columns: {mail: mail, lid: id}}
`)
			l.does("run", 4)
			got = append(got, l.ask(`SELECT string_agg(lid::text, ',' ORDER BY lid) FROM app.users`))
		}
		if diff := cmp.Diff([]string{"3,4", "3,4"}, got); diff != "" {
			t.Errorf("the users who arrived (-want +got):\n%s", diff)
		}
	})
}
