package main_test

import (
	"testing"
)

func TestEndOfLoad(t *testing.T) {
	const legacy = `CREATE TABLE users (id INT PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c');`
	const target = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, lid int);`

	t.Run("rows that no shard covers are unexplained, though the source was frozen", func(t *testing.T) {
		l := newLab(t, legacy+`CREATE TABLE tags (id INT PRIMARY KEY, name TEXT); INSERT INTO tags VALUES (1, 'x'), (2, 'y');`,
			target+`CREATE TABLE app.tags (id int PRIMARY KEY, name text);`,
			labHead+labUsers+`  - {into: app.tags, from: tags, key: id, columns: {id: id, name: name}}
`)
		l.dies("planned")
		l.inTarget(`DELETE FROM rehome.shard WHERE entry = 1`)
		if r := l.reports(3); r.Consistency != "frozen" || r.Tables[1].Unexplained != 2 {
			t.Errorf("the source is %s, and %d tags are unexplained", r.Consistency, r.Tables[1].Unexplained)
		}
	})
	t.Run("pitfall 19: rows that somebody deleted or added since they arrived are noticed", func(t *testing.T) {
		l := newLab(t, legacy, target, labHead+labUsers)
		l.dies("settled")
		l.inTarget(`DELETE FROM app.users WHERE lid = 2; DELETE FROM app.users WHERE lid = 3`)
		l.does("run", 3, "app.users holds 1 row, and 3 rows were written")
	})
	t.Run("an index that cannot be built again is listed, and built when it can be", func(t *testing.T) {
		l := newLab(t, legacy+`INSERT INTO users SELECT 4, GROUP_CONCAT(SHA2(seq, 512) SEPARATOR '') FROM seq_1_to_200;`,
			target+`CREATE INDEX users_name ON app.users (name);`, labHead+labUsers)
		parts := l.parts()
		l.does("run", 3, "users_name", "off")
		finished := l.ask(`SELECT finished_at FROM rehome.migration`)
		l.does("finish", 3, "users_name", "off")
		l.does("run", 3, "users_name", "off")
		l.holds(finished, `SELECT finished_at FROM rehome.migration`)
		l.inTarget(`UPDATE app.users SET name = 'short' WHERE lid = 4`)
		l.does("run", 0, "CLEAN")
		l.keeps(parts)
	})
	t.Run("a shard that is republished after the end is loaded, with the constraints off", func(t *testing.T) {
		l := newLab(t, legacy, `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int);`, labHead+labUsers)
		parts := l.parts()
		l.dies("planned")
		l.inTarget(`UPDATE rehome.shard SET state = 'dead', receipt = '{"state": "dead"}', xid = pg_current_xact_id() WHERE kind = 'users' AND ordinal = 0`)
		l.does("run", 4, "1 dead")
		l.keeps(parts)
		l.inTarget(`UPDATE rehome.shard SET state = 'planned', generation = 1, receipt = NULL, xid = NULL WHERE state = 'dead'`)
		l.does("finish", 6, "1 shards of migration lab are still to be done")
		l.does("run", 0, "CLEAN")
		l.holds("3", `SELECT count(*) FROM app.users`)
		l.keeps(parts)
	})
	t.Run("a shard that is republished when an index is back without its constraint is loaded, with both off", func(t *testing.T) {
		l := newLab(t, legacy, `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int);`, labHead+labUsers)
		parts := l.parts()
		l.dies("built")
		l.holds("1", `SELECT count(*) FROM pg_indexes WHERE indexname = 'users_name_key' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'users_name_key')`)
		l.inTarget(`UPDATE rehome.shard SET state = 'planned', generation = 1, receipt = NULL, xid = NULL, holder = NULL WHERE kind = 'late'`)
		l.does("run", 0, "CLEAN")
		l.holds("3", `SELECT count(*) FROM app.users`)
		l.keeps(parts)
	})
	t.Run("rows that come before the constraints are off end the run", func(t *testing.T) {
		l := newLab(t, legacy, target, labHead+labUsers)
		l.dies("planned")
		l.inTarget(`INSERT INTO app.users VALUES (gen_random_uuid(), 'theirs', 9)`)
		l.does("run", 6, "app.users of the target holds rows")
		l.inTarget(`DELETE FROM app.users`)
		l.inTarget(`BEGIN; LOCK TABLE app.users IN ROW EXCLUSIVE MODE`)
		l.does("run", 6, "somebody else uses the target's tables")
		l.inTarget(`ROLLBACK`)
		l.does("run", 0)
	})
	t.Run("a second start of what is over changes nothing", func(t *testing.T) {
		l := newLab(t, legacy, target, labHead+labUsers)
		l.does("run", 0)
		before := l.ask(`SELECT finished_at FROM rehome.migration`)
		l.does("run", 0, "CLEAN")
		l.holds(before, `SELECT finished_at FROM rehome.migration`)
	})
}
