package main_test

import (
	"strings"
	"testing"

	"rehome/pkg/sandbox/programs"
)

const (
	orderedLegacy = `CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), boss BIGINT);
		INSERT INTO users SELECT (CAST(seq AS SIGNED) - 150) * 7919, CONCAT('user ', seq), IF(seq MOD 3 = 0, (CAST(seq AS SIGNED) - 149) * 7919, NULL) FROM seq_1_to_299;
		INSERT INTO users VALUES (-9223372036854775808, 'first', 0), (9223372036854775807, 'last', NULL), (-1, 'before', 9223372036854775807);
		CREATE TABLE posts (id INT UNSIGNED PRIMARY KEY, user_id BIGINT, parent INT, KEY (user_id));
		INSERT INTO posts SELECT seq, (CAST(seq MOD 299 AS SIGNED) - 149) * 7919, IF(seq > 1, seq - 1, NULL) FROM seq_1_to_500; INSERT INTO posts VALUES (4294967295, -1, NULL);`
	orderedTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text, lid bigint, boss uuid REFERENCES app.users);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, author uuid NOT NULL REFERENCES app.users, parent uuid REFERENCES app.posts, lid bigint)`
	unorderedTables = `users: {from: users, key: id, shard_rows: 50}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id, boss: {uuid: user, of: boss}}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: {uuid: post, of: id}, author: {uuid: user, of: user_id}, parent: {uuid: post, of: parent}, lid: id}}
`
	ordered = "ordered_uuids: [user, post]\n"
)

var (
	unorderedMapping = labBeside + unorderedTables
	orderedMapping   = unorderedMapping + ordered
)

// TestOrderedUUIDs moves users whose identifiers sort as their old numbers do.
func TestOrderedUUIDs(t *testing.T) {
	t.Parallel()
	l := newLab(t, orderedLegacy, orderedTarget, orderedMapping)
	l.does("check", 0)
	l.does("run", 0, "CLEAN")
	audited := func(t *testing.T) {
		p := l.dir.Start(t, programs.Aggregator, l.environment(), "audit")
		if got := p.Wait(l.ctx); got != 0 || !strings.Contains(p.Stdout(), "BOTH SIDES ARE THE SAME") {
			t.Errorf("audit ends with %d:\n%s%s", got, p.Stdout(), p.Stderr())
		}
	}
	t.Run("the server sorts them as the numbers", func(t *testing.T) {
		for table, rows := range map[string]string{"app.users": "302", "app.posts": "501"} {
			l.holds(rows, `SELECT count(*) FROM `+table)
			l.holds("true", `SELECT array_agg(lid ORDER BY id) = array_agg(lid ORDER BY lid) FROM `+table)
			l.holds("0", `SELECT count(*) FROM `+table+` WHERE substr(id::text, 15, 1) <> '8'`)
		}
	})
	t.Run("every reference is to whom it was", func(t *testing.T) {
		l.holds("-1 9223372036854775807,-9223372036854775808 0", `SELECT string_agg(u.lid || ' ' || b.lid, ',' ORDER BY u.name) FROM app.users u JOIN app.users b ON b.id = u.boss
			WHERE u.name IN ('first', 'before')`)
		l.holds("0", `SELECT count(*) FROM app.posts p JOIN app.users u ON u.id = p.author WHERE u.lid <> (p.lid % 299 - 149) * 7919 AND p.lid < 1000`)
		l.holds("499", `SELECT count(*) FROM app.posts p JOIN app.posts q ON q.id = p.parent WHERE q.lid = p.lid - 1`)
	})
	t.Run("an audit finds both sides the same", audited)
	t.Run("a user is explained", func(t *testing.T) {
		p := l.dir.Start(t, programs.Aggregator, l.environment(), "explain", "7919")
		if got := p.Wait(l.ctx); got != 0 || !strings.Contains(p.Stdout(), "user 7919 of lab: MIGRATED") {
			t.Errorf("explain ends with %d:\n%s%s", got, p.Stdout(), p.Stderr())
		}
	})
	t.Run("a migration at work stays with the identifiers that it has", func(t *testing.T) {
		l.dir.Write(t, "migration.yaml", unorderedMapping)
		l.does("run", 6, `ordered_uuids: was [{"text":"post"},{"text":"user"}], is not there`)
		l.does("run --again", 6, "ordered_uuids")
		l.dir.Write(t, "migration.yaml", orderedMapping)
	})
	t.Run("who is done again keeps the identifier", func(t *testing.T) {
		before := l.ask(`SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.users`)
		l.inLegacy(`UPDATE users SET name = CONCAT(name, '!')`)
		l.does("run --again", 0, "CLEAN")
		l.holds(before, `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.users`)
		l.holds("302", `SELECT count(*) FROM app.users WHERE name LIKE '%!'`)
		audited(t)
	})
}
