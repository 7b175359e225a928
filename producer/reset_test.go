package main_test

import (
	"strings"
	"testing"
)

func TestReset(t *testing.T) {
	const legacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
		CREATE TABLE mails (id INT PRIMARY KEY, user_id INT, mail VARCHAR(50), KEY (user_id)); INSERT INTO mails VALUES (1, 1, 'x'), (3, 3, 'y');`
	const target = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text UNIQUE, lid int);
		CREATE TABLE app.mails (mail text PRIMARY KEY, user_id uuid REFERENCES app.users DEFERRABLE INITIALLY DEFERRED, lid int); CREATE INDEX ON app.mails (user_id);`
	const mapping = labHead + labUsers + `  - {into: app.mails, from: mails, user: user_id, columns: {mail: mail, user_id: {uuid: user, of: user_id}, lid: id}}
`
	const rows = `SELECT (SELECT count(*) FROM app.users) || ' users, ' || (SELECT count(*) FROM app.mails) || ' mails'`
	const ledgers = `SELECT count(*) FROM rehome.migration`

	t.Run("one that rows of others refuse changes nothing at all", func(t *testing.T) {
		l := newLab(t, legacy, target, mapping)
		l.does("run", 0)
		parts := l.parts()
		l.inTarget(`INSERT INTO app.mails SELECT 'new', id, 99 FROM app.users LIMIT 1`)
		l.does("reset --yes", 1, "mails_user_id_fkey")
		l.holds("4 users, 3 mails", rows)
		l.holds("1", ledgers)
		l.keeps(parts)
		l.inTarget(`DELETE FROM app.mails WHERE lid = 99`)
		l.does("reset --yes", 0, "lab is out of the target and of the ledger: 6 rows were taken out", "app.users               4", "app.mails               2")
		l.holds("0 users, 0 mails", rows)
		l.keeps(parts)
	})
	const off = "constraints and indexes that a run had left off are back: "
	for point, back := range map[string]string{"detached": off, "built": off, "attaching:2": off, "validating": ""} { // at the last all are on, if not proved
		t.Run("it puts back what a run that died at "+point+" has left off", func(t *testing.T) {
			l := newLab(t, legacy, target, mapping)
			parts := l.parts()
			l.dies(point)
			l.does("reset --yes", 0, back)
			l.holds("0 users, 0 mails", rows)
			l.holds("0", ledgers)
			l.keeps(parts)
		})
	}
	t.Run("it is the way out where the legacy schema, the mapping or the time zone has changed", func(t *testing.T) {
		l := newLab(t, legacy, target, mapping)
		l.does("run", 0)
		l.inLegacy(`ALTER TABLE users MODIFY name VARCHAR(30); ALTER TABLE mails DROP COLUMN mail`)
		l.does("run", 7)
		l.dir.Write(t, "migration.yaml", strings.NewReplacer("time_zone: UTC", "time_zone: Europe/Berlin", "name: name, ", "").Replace(mapping))
		l.does("reset --yes", 0)
		l.holds("0 users, 0 mails", rows)
	})
	t.Run("it says who is in the way while somebody works on the ledger", func(t *testing.T) {
		l := newLab(t, legacy, target, mapping)
		l.does("run", 0)
		l.inTarget(`BEGIN; UPDATE rehome.shard SET attempt = attempt`)
		l.does("reset --yes", 1, "somebody is at work on the migration")
		l.inTarget(`ROLLBACK`)
		l.holds("4 users, 2 mails", rows)
		l.does("reset --yes", 0)
	})
}
