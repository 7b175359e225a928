package main_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/sandbox/programs"
)

const (
	mendLegacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), kind INT); INSERT INTO users VALUES (1,'a',1),(2,'b',1),(3,'c',9),(4,'d',1),(5,'e',1);
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, KEY (user_id));
		INSERT INTO posts VALUES (1,1,NULL),(2,3,NULL),(3,2,2),(4,NULL,1),(5,77,2),(6,4,3),(7,5,NULL);
		CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO tags VALUES (1,'x'),(2,'y'),(3,'z');`
	mendTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int, kind text);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, author uuid REFERENCES app.users, parent uuid REFERENCES app.posts, lid int);
		CREATE TABLE app.tags (id int PRIMARY KEY, name text);`
	mendMapping = labHead + `users: {from: users, key: id, shard_rows: 2}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id, kind: {sql: kind, values: {1: one}}}}
  - into: app.posts
    from: posts
    user: user_id
    unowned: reject
    columns: {id: {uuid: post, of: id}, author: {uuid: user, of: user_id, missing: to_null}, parent: {uuid: post, of: parent}, lid: id}
  - {into: app.tags, from: tags, key: id, columns: {id: id, name: name}}
`
)

// mended is the mapping by which everything arrives.
var mended = strings.NewReplacer("{1: one}", "{1: one, 9: nine}", "unowned: reject", "unowned: migrate").Replace(mendMapping)

// fresh returns the rows that a run makes which nobody has disturbed, with that mapping from the start.
func fresh(l *lab, legacy, mapping string) string {
	l.Helper()
	other := newLab(l.T, legacy, mendTarget, mapping)
	other.does("run", 0)
	return programs.Dump(l.T, other.target)
}

// is fails the test unless the target holds these rows.
func (l *lab) is(rows string) {
	l.Helper()
	if diff := cmp.Diff(rows, programs.Dump(l.T, l.target)); diff != "" {
		l.Errorf("the rows of the target (-want +got):\n%s", diff)
	}
}

func TestMending(t *testing.T) {
	t.Run("users, rows of nobody, and rows that waited for them come in", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mendMapping)
		parts := l.parts()
		r := l.reports(4)
		if posts := r.Tables[1]; posts.SetAside != 3 || posts.Waiting != 2 || posts.Unexplained != 0 {
			t.Errorf("of the posts %d are set aside, %d wait, %d are unexplained", posts.SetAside, posts.Waiting, posts.Unexplained)
		}
		l.dir.Write(t, "migration.yaml", mended)
		l.does("run", 0, "CLEAN", "1 users and 2 rows without a user are done again")
		l.is(fresh(l, mendLegacy, mended))
		l.keeps(parts)
		l.holds("0", `SELECT count(*) FROM rehome.waiting`)
	})
	for _, point := range []string{"mapping_accepted", "redo_planned", "redone", "settling_begins"} {
		t.Run("it comes to the same when the run dies at "+point, func(t *testing.T) {
			l := newLab(t, mendLegacy, mendTarget, mendMapping)
			l.does("run", 4)
			l.dir.Write(t, "migration.yaml", mended)
			l.dies(point)
			l.does("run", 0, "CLEAN")
			l.is(fresh(l, mendLegacy, mended))
		})
	}
	t.Run("a mapping that is changed in the middle of the load holds for the rest, and for whom the old one kept out", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mendMapping)
		l.dies("settling_begins")
		l.dir.Write(t, "migration.yaml", mended)
		l.does("run", 0, "CLEAN")
		l.is(fresh(l, mendLegacy, mended))
	})
	t.Run("a run that the limit has stopped goes on when its cause is mended", func(t *testing.T) {
		const legacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), kind INT); INSERT INTO users SELECT seq, seq, IF(seq MOD 10 = 0 AND seq < 2000, 9, 1) FROM seq_1_to_3000;
			CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, KEY (user_id)); INSERT INTO posts SELECT seq, seq, NULL FROM seq_1_to_3000;
			CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20));`
		edit := strings.NewReplacer("stop: {quarantined: 100%}\n", "", "shard_rows: 2}", "shard_rows: 500}")
		l := newLab(t, legacy, mendTarget, edit.Replace(mendMapping))
		l.does("run", 7, "more than the 5% that stop.quarantined allows")
		l.does("run", 7, "more than the 5% that stop.quarantined allows")
		l.dir.Write(t, "migration.yaml", edit.Replace(mended))
		l.does("run", 0, "CLEAN")
		l.is(fresh(l, legacy, edit.Replace(mended)))
	})
	t.Run("what the target has got of its own meanwhile is listed, and stays", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mendMapping)
		l.does("run", 4)
		l.inTarget(`INSERT INTO app.users VALUES (gen_random_uuid(), 'theirs', 100, 'own'); DELETE FROM app.posts WHERE lid = 7; UPDATE app.users SET kind = 'changed' WHERE lid = 1`)
		l.inTarget(`BEGIN; LOCK TABLE app.posts IN ROW EXCLUSIVE MODE`)
		l.dir.Write(t, "migration.yaml", mended)
		l.dies("redo_planned")
		l.does("run", 0, "CLEAN", "IN USE SINCE THE LOAD", "app.users")
		l.inTarget(`COMMIT`)
		l.holds("own,changed,nine", `SELECT string_agg(kind, ',' ORDER BY lid = 3, lid < 100) FROM app.users WHERE lid IN (1, 3, 100)`)
		l.holds("0", `SELECT count(*) FROM app.posts WHERE lid = 7`)
	})
	t.Run("who collides with somebody who is there already takes that one out too", func(t *testing.T) {
		legacy := strings.Replace(mendLegacy, "(3,'c',9)", "(3,'e',9)", 1)
		l := newLab(t, legacy, mendTarget, mendMapping)
		l.does("run", 4)
		l.dir.Write(t, "migration.yaml", mended)
		r := l.reports(4)
		if r.Users.Quarantined != 2 || len(r.Causes) == 0 || r.Causes[0].Cause != "unique:app.users.users_name_key" || r.Causes[0].Users != 2 {
			t.Errorf("%+v, %+v", r.Users, r.Causes)
		}
		other := newLab(t, legacy, mendTarget, mended)
		other.does("run", 4)
		l.is(programs.Dump(t, other.target))
		l.does("run", 4)
		l.is(programs.Dump(t, other.target))
	})
	t.Run("somebody to whom the target's own rows refer stays, and who collides with them stays out", func(t *testing.T) {
		l := newLab(t, strings.Replace(mendLegacy, "(3,'c',9)", "(3,'e',9)", 1), mendTarget, mendMapping)
		l.does("run", 4)
		l.inTarget(`INSERT INTO app.posts SELECT gen_random_uuid(), id, NULL, 100 FROM app.users WHERE lid = 5`)
		l.dir.Write(t, "migration.yaml", mended)
		r := l.reports(4)
		if r.Users.Quarantined != 1 || len(r.Conflicts) == 0 {
			t.Errorf("%+v, %+v", r.Users, r.Conflicts)
		}
		l.holds("5", `SELECT string_agg(lid::text, ',') FROM app.users WHERE name = 'e'`)
	})
	t.Run("who would collide with a row that the target has got of its own stays out", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mendMapping)
		l.does("run", 4)
		l.inTarget(`INSERT INTO app.users VALUES (gen_random_uuid(), 'c', 100, 'own')`)
		l.dir.Write(t, "migration.yaml", mended)
		l.does("run", 4, "unique:app.users.users_name_key", "1 user is quarantined")
		l.inTarget(`DELETE FROM app.users WHERE lid = 100`)
		l.does("run --again", 0, "CLEAN")
		l.is(fresh(l, mendLegacy, mended))
	})
}

func TestAgain(t *testing.T) {
	changed := `UPDATE users SET name = 'A', kind = 9 WHERE id = 1; DELETE FROM users WHERE id = 4; DELETE FROM posts WHERE user_id = 4;
		INSERT INTO users VALUES (6, 'f', 1); INSERT INTO posts VALUES (8, 6, 1), (9, 1, 8), (10, NULL, 9); UPDATE posts SET parent = 1 WHERE id = 5;
		INSERT INTO tags VALUES (4, 'w'); DELETE FROM tags WHERE id = 1; UPDATE tags SET name = 'zz' WHERE id = 3;`
	t.Run("all that has changed in the legacy database is brought, by another mapping too", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mended)
		parts := l.parts()
		l.does("run", 0, "CLEAN")
		l.inLegacy(changed)
		l.does("run", 0, "CLEAN") // it is over, and nobody has said that it is not
		l.dir.Write(t, "migration.yaml", strings.Replace(mended, "9: nine", "9: neun", 1))
		l.does("run", 6, `tables[app.users].columns[kind].sql.values[9].to: was "nine", is "neun"`, "--again")
		l.does("run --again", 0, "CLEAN", "5 planned + 1 appeared = 5 migrated + 1 vanished", "source  frozen")
		l.is(fresh(l, mendLegacy+changed, strings.Replace(mended, "9: nine", "9: neun", 1)))
		l.keeps(parts)
		l.does("run --again", 0, "CLEAN")
		l.is(fresh(l, mendLegacy+changed, strings.Replace(mended, "9: nine", "9: neun", 1)))
	})
	t.Run("users who have changed their names for each other's have them", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mended)
		l.does("run", 0, "CLEAN")
		swapped := `UPDATE users SET name = CASE id WHEN 1 THEN 'b' WHEN 2 THEN 'a' WHEN 4 THEN 'c' WHEN 3 THEN 'e' ELSE 'd' END;`
		l.inLegacy(swapped)
		l.does("run --again", 0, "CLEAN")
		l.is(fresh(l, mendLegacy+swapped, mended))
	})
	for name, more := range map[string]string{"users come first": "", "rows of nobody come first": `INSERT INTO posts SELECT seq, NULL, NULL FROM seq_100_to_119;`} {
		t.Run("rows that have found an owner, or lost theirs, go along when "+name, func(t *testing.T) {
			l := newLab(t, mendLegacy+more, mendTarget, mended)
			l.does("run", 0, "CLEAN")
			moved := `UPDATE posts SET user_id = 1 WHERE id = 4; UPDATE posts SET user_id = NULL WHERE id = 3;`
			l.inLegacy(moved)
			l.does("run --again", 0, "CLEAN")
			l.is(fresh(l, mendLegacy+more+moved, mended))
		})
	}
	t.Run("a mapping that makes other rows of the same users is refused", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mended)
		l.does("run", 0, "CLEAN")
		l.dir.Write(t, "migration.yaml", strings.Replace(mended, "lid: id, kind", "kind", 1))
		l.does("run --again", 6, "tables[app.users].columns[lid]: was", "reset")
	})
	for _, point := range []string{"mapping_accepted", "redo_planned"} {
		t.Run("it comes to the same when the run dies at "+point, func(t *testing.T) {
			l := newLab(t, mendLegacy, mendTarget, mended)
			l.does("run", 0)
			l.inLegacy(changed)
			l.diesIn(point, "run", "--again")
			l.does("run", 0, "CLEAN")
			l.is(fresh(l, mendLegacy+changed, mended))
		})
	}
	t.Run("before anybody was done once it is as if nothing had been said", func(t *testing.T) {
		l := newLab(t, mendLegacy, mendTarget, mended)
		l.dies("planned")
		l.does("run --again", 0, "CLEAN")
		l.holds("0", `SELECT count(*) FROM rehome.shard WHERE kind = 'redo'`)
	})
}

func TestLateComers(t *testing.T) {
	t.Run("a row comes in whose user came while the run was down", func(t *testing.T) {
		accepted := strings.Replace(mended, "time_zone: UTC", "time_zone: UTC, accept_unproved: a test", 1)
		late := `INSERT INTO users VALUES (78, 'late', 1); INSERT INTO posts VALUES (11, 78, 99), (99, 78, NULL);`
		l := newLab(t, mendLegacy+`INSERT INTO posts VALUES (12, 1, 99);`, mendTarget, accepted)
		l.dies("settling_begins")
		l.inLegacy(late)
		l.does("run", 0, "CLEAN", "as what they waited for is there")
		l.is(fresh(l, mendLegacy+`INSERT INTO posts VALUES (12, 1, 99);`+late, accepted))
	})
}
