package worker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
)

const forumLegacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, kind VARCHAR(10), title VARCHAR(50), KEY (user_id));
	CREATE TABLE tags (id INT PRIMARY KEY, name VARCHAR(20));
	INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
	INSERT INTO posts VALUES (10, 1, NULL, 'q', 'ten'), (11, 1, NULL, 'q', 'eleven'), (12, 1, NULL, 'a', 'twelve'), (13, 1, NULL, 'a', 'thirteen'),
		(20, 2, 10, 'q', 'twenty'), (21, 2, NULL, 'a', 'twentyone'), (30, 3, NULL, 'q', 'thirty'), (90, NULL, NULL, 'q', 'ninety');
	INSERT INTO tags VALUES (1, 'x'), (2, 'y')`

const forumTarget = `CREATE SCHEMA app;
	CREATE TABLE app.users (id int PRIMARY KEY, name text, seen timestamptz DEFAULT now());
	CREATE TABLE app.posts (id int PRIMARY KEY, author int REFERENCES app.users, parent int REFERENCES app.posts, kind text, title text UNIQUE);
	CREATE TABLE app.tags (id int PRIMARY KEY, name text);
	CREATE TABLE app.likes (post int REFERENCES app.posts ON DELETE CASCADE, who text);`

const forum = `name: desk
legacy: {dsn: "${A}", time_zone: UTC}
target: {dsn: "${B}"}
users: {from: users, key: id}
waves: [{name: all}]
tables:
  - {into: app.users, from: users, user: id, columns: {id: id, name: name}, written_by_target: [seen]}
  - {into: app.posts, from: posts, user: user_id, unowned: migrate, columns: {id: id, author: user_id, parent: parent, kind: {sql: kind, values: {q: question, a: answer}}, title: title}}
  - {into: app.tags, from: tags, key: id, columns: {id: id, name: name}}
`

const postsNow = `SELECT string_agg(concat_ws(' ', id, author, parent, kind, title), ', ' ORDER BY id) FROM app.posts`

func TestRedoFollows(t *testing.T) {
	d := newDesk(t, forumLegacy, forumTarget, forum)
	d.load()
	all := d.ask(postsNow)

	t.Run("nothing has changed: nothing is written, and the receipt is empty", func(t *testing.T) {
		r := d.again(ledger.RedoShard{List: list("1", "2", "3", "4")})
		for _, table := range r.Tables {
			if table.Written != 0 || table.Source != 0 || table.Extra != 0 || table.Changed != 0 {
				t.Errorf("receipt %+v", table)
			}
		}
		d.holds(all, postsNow)
		d.holds("", `SELECT string_agg(kind, ',') FROM rehome.conflict`)
		d.holds("redone redone redone redone", `SELECT string_agg(state, ' ') FROM rehome.user_state`)
	})
	t.Run("the target follows the legacy database", func(t *testing.T) {
		d.inLegacy(`UPDATE posts SET title = 'TEN' WHERE id = 10; DELETE FROM posts WHERE id = 11; INSERT INTO posts VALUES (14, 1, 12, 'q', 'fourteen');
			UPDATE users SET name = 'A' WHERE id = 1; UPDATE posts SET user_id = 1 WHERE id = 21`)
		r := d.again(ledger.RedoShard{List: list("1", "2")})
		d.holds("10 1 question TEN, 12 1 answer twelve, 13 1 answer thirteen, 14 1 12 question fourteen, 20 2 10 question twenty, 21 1 answer twentyone, "+
			"30 3 question thirty, 90 question ninety", postsNow)
		d.holds("A", `SELECT name FROM app.users WHERE id = 1`)
		d.holds("", `SELECT string_agg(kind, ',') FROM rehome.conflict`)
		if r.Tables[1].Source != 0 || r.Tables[1].Changed != 3 {
			t.Errorf("receipt %+v", r.Tables[1])
		}
	})
	t.Run("what the new application has changed, deleted or added stays, and is reported", func(t *testing.T) {
		d.inTarget(`UPDATE app.posts SET title = 'theirs' WHERE id = 10`, `DELETE FROM app.posts WHERE id = 13`, `INSERT INTO app.posts VALUES (900, 1, 10, 'own', 'nine')`,
			`UPDATE app.posts SET title = 'theirs too' WHERE id = 12`, `INSERT INTO app.posts VALUES (15, 4, NULL, 'own', 'taken')`)
		d.inLegacy(`UPDATE posts SET title = CONCAT('LEGACY', id) WHERE id IN (10, 13); DELETE FROM posts WHERE id = 12; INSERT INTO posts VALUES (15, 1, NULL, 'q', 'fifteen')`)
		for range 2 {
			d.again(ledger.RedoShard{List: list("1")})
			d.holds("10 1 question theirs, 12 1 answer theirs too, 14 1 12 question fourteen, 15 4 own taken, 20 2 10 question twenty, 21 1 answer twentyone, "+
				"30 3 question thirty, 90 question ninety, 900 1 10 own nine", postsNow)
			if diff := cmp.Diff(`changed 1 10, changed 1 12, deleted 1 13, added 1 15, added 1 -`, d.conflicts()); diff != "" {
				t.Error(diff)
			}
			d.holds("conflict:app.posts", `SELECT string_agg(cause, ',') FROM rehome.set_aside`)
		}
	})
	t.Run("told so, the legacy database wins, and what gave way is kept", func(t *testing.T) {
		d.inTarget(`DELETE FROM app.posts WHERE id = 14`)
		l := list("1")
		l.Overwrite = true
		d.again(ledger.RedoShard{List: l})
		d.holds("10 1 question LEGACY10, 13 1 answer LEGACY13, 15 1 question fifteen, 20 2 10 question twenty, 21 1 answer twentyone, "+
			"30 3 question thirty, 90 question ninety", postsNow)
		d.holds("4", `SELECT count(*) FROM rehome.original WHERE rule = 'conflict' AND octet_length(bytes) > 20`)
		d.holds("waits:app.posts.parent", `SELECT string_agg(cause, ',') FROM rehome.waiting`) // the row that the legacy database no longer has
		if diff := cmp.Diff(`changed! 1 10, changed! 1 12, deleted! 1 13, deleted 1 14, added! 1 15, added! 1 -`, d.conflicts()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRedoWaits(t *testing.T) {
	d := newDesk(t, forumLegacy, forumTarget, forum)
	d.inLegacy(`UPDATE posts SET kind = 'poll' WHERE id = 30; INSERT INTO posts VALUES (31, 3, NULL, 'q', 'thirtyone'), (22, 2, 31, 'q', 'twentytwo'), (23, 2, 22, 'q', 'twentythree'),
		(91, NULL, 23, 'q', 'ninetyone')`)
	// All constraints are on from the beginning: what needs the rows of the user who is kept out waits.
	for _, r := range []ledger.RedoShard{{List: list("1", "2", "3", "4")}, {Of: shard.Unowned, Entry: 1, List: list("90", "91")},
		{Of: shard.OwnKey, Entry: 2, List: list("1", "2")}} {
		_, err := d.tries(r)
		d.must(err)
	}
	d.adds()
	d.holds("10 11 12 13 20 21 90", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.posts`)
	d.holds("waits:app.posts.parent waits:app.posts.parent waits:app.posts.parent", `SELECT string_agg(cause, ' ') FROM rehome.waiting`)
	d.holds("values:app.posts.kind", `SELECT cause FROM rehome.user_state WHERE state = 'quarantined'`)

	t.Run("rows that waited for a user come in with the user, and those that waited for them", func(t *testing.T) {
		d.inLegacy(`UPDATE posts SET kind = 'q' WHERE id = 30; UPDATE posts SET title = 'read again' WHERE id = 22`)
		r := d.again(ledger.RedoShard{List: list("3")})
		d.holds("10 11 12 13 20 21 22 23 30 31 90 91", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.posts`)
		d.holds("read again", `SELECT title FROM app.posts WHERE id = 22`)
		d.holds("0", `SELECT count(*) FROM rehome.waiting`)
		if r.Users.Migrated != 1 || r.Users.Quarantined != -1 || r.Tables[1].Waiting != -3 || r.Tables[1].Written != 5 || r.Tables[1].SetAside != -2 {
			t.Errorf("receipt %+v", r)
		}
		if diff := cmp.Diff([]shard.Cause{{Cause: "values:app.posts.kind", Users: -1, Rows: -1}, {Cause: "waits:app.posts.parent", Rows: -3}}, r.Causes); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("who has guests is done again as one, whichever shard brought the rows", func(t *testing.T) {
		d.inLegacy(`UPDATE posts SET title = 'again' WHERE id = 23`)
		r := d.again(ledger.RedoShard{List: list("2")})
		d.holds("again", `SELECT title FROM app.posts WHERE id = 23`)
		if r.Tables[1].Written != 0 {
			t.Errorf("receipt %+v", r.Tables[1])
		}
		d.again(ledger.RedoShard{Of: shard.Unowned, Entry: 1, List: list("91")})
	})
}

func TestRedoTakesOut(t *testing.T) {
	d := newDesk(t, forumLegacy, forumTarget, forum)
	d.load()
	users := `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.users`
	t.Run("a user whom a value keeps out goes as a whole", func(t *testing.T) {
		d.inLegacy(`INSERT INTO posts VALUES (32, 3, NULL, 'poll', 'thirtytwo')`)
		r := d.again(ledger.RedoShard{List: list("3", "4")})
		d.holds("1 2 4", users)
		d.holds("", `SELECT string_agg(id::text, ' ') FROM app.posts WHERE author = 3`)
		if r.Users.Migrated != -1 || r.Users.Quarantined != 1 || r.Tables[1].SetAside != 2 || r.Tables[1].Source != 1 {
			t.Errorf("receipt %+v", r)
		}
	})
	t.Run("not so one in whom the application has changed something", func(t *testing.T) {
		d.inTarget(`UPDATE app.posts SET title = 'theirs' WHERE id = 20`)
		d.inLegacy(`UPDATE posts SET kind = 'poll' WHERE id = 21`)
		d.again(ledger.RedoShard{List: list("2")})
		d.holds("1 2 4", users)
		d.holds("20 21", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.posts WHERE author = 2`)
		d.holds("changed 1 20", `SELECT kind || ' ' || entry || ' ' || encode(substr(legacy_key, 2), 'escape') FROM rehome.conflict`)
		d.holds("values:app.posts.kind redone", `SELECT s.cause || ' ' || u.state FROM rehome.set_aside AS s, rehome.user_state AS u WHERE s.user_key = '2' AND u.user_key = '2'`)
	})
	t.Run("nor one to whose rows others refer, by a key that would take theirs along", func(t *testing.T) {
		d.inTarget(`INSERT INTO app.likes VALUES (11, 'somebody')`)
		l := list("1")
		l.Nothing = true
		d.again(ledger.RedoShard{List: l})
		d.holds("1 2 4", users)
		d.holds("10 11", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.posts WHERE author = 1`) // 20 has 10 as its parent
		d.holds("1", `SELECT count(*) FROM app.likes`)
		d.holds("left_out", `SELECT state FROM rehome.user_state WHERE user_key = '1'`)
		if diff := cmp.Diff(`referred 0 1, changed 1 20, referred 1 10, referred 1 11`, d.ask(`SELECT string_agg(kind || ' ' || entry || ' ' ||
			encode(substr(legacy_key, 2), 'escape'), ', ' ORDER BY entry, user_key = '1', legacy_key) FROM rehome.conflict`)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("and back", func(t *testing.T) {
		d.again(ledger.RedoShard{List: list("1")})
		d.holds("10 11 12 13", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.posts WHERE author = 1`)
		d.holds("changed 1 20", `SELECT string_agg(kind || ' ' || entry || ' ' || encode(substr(legacy_key, 2), 'escape'), ',') FROM rehome.conflict`)
	})
	t.Run("a user who is gone from the legacy database goes", func(t *testing.T) {
		d.inLegacy(`DELETE FROM users WHERE id = 4`)
		r := d.again(ledger.RedoShard{List: list("4")})
		d.holds("1 2", users)
		d.holds("vanished", `SELECT state FROM rehome.user_state WHERE user_key = '4'`)
		if r.Users.Migrated != -1 || r.Tables[0].Source != -1 || r.Tables[0].Written != -1 {
			t.Errorf("receipt %+v", r)
		}
	})
	t.Run("rows without a user, and those of a key of their own, follow as well", func(t *testing.T) {
		d.inLegacy(`UPDATE posts SET title = 'changed' WHERE id = 90; UPDATE tags SET name = 'X' WHERE id = 1; DELETE FROM tags WHERE id = 2`)
		_, err := d.tries(ledger.RedoShard{Of: shard.Unowned, Entry: 1, List: list("90")})
		d.must(err)
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: list("1", "2")})
		d.holds("changed", `SELECT title FROM app.posts WHERE id = 90`)
		d.holds("(1,X)", `SELECT string_agg(t::text, ' ') FROM app.tags AS t`)
	})
	t.Run("a row of the list that no manifest knows is reported, and taken out if told to", func(t *testing.T) {
		d.inTarget(`INSERT INTO app.tags VALUES (77, 'theirs')`)
		l := shard.List{Strays: []shard.Stray{{Entry: 2, TargetKey: []byte{0, 0, 0, 4, 0, 0, 0, 77}}, {Entry: 2, TargetKey: []byte{0, 0, 0, 4, 0, 0, 0, 1}}}}
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: l})
		d.holds("added false", `SELECT string_agg(kind || ' ' || settled, ',') FROM rehome.conflict WHERE entry = 2`)
		l.Overwrite = true
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: l})
		d.holds("added true", `SELECT string_agg(kind || ' ' || settled, ',') FROM rehome.conflict WHERE entry = 2`)
		d.holds("(1,X)", `SELECT string_agg(t::text, ' ') FROM app.tags AS t`)
	})
}

func TestRedoPoison(t *testing.T) {
	t.Run("who collides with a row that the target alone can judge is kept out, and nobody else", func(t *testing.T) {
		d := newDesk(t, forumLegacy, forumTarget, forum)
		d.load()
		d.inTarget(`INSERT INTO app.posts VALUES (900, NULL, NULL, 'own', 'taken')`, `ALTER TABLE app.posts ADD CHECK (title <> 'bad')`)
		d.inLegacy(`UPDATE posts SET title = 'taken' WHERE id = 30; UPDATE posts SET title = 'bad' WHERE id = 20; UPDATE posts SET title = 'good' WHERE id = 10`)
		d.again(ledger.RedoShard{List: list("1", "2", "3", "4")})
		d.holds("1 4", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.users`)
		d.holds("check:app.posts.posts_title_check unique:app.posts.posts_title_key", `SELECT string_agg(cause, ' ' ORDER BY cause) FROM rehome.user_state WHERE state = 'quarantined'`)
		d.holds("good", `SELECT title FROM app.posts WHERE id = 10`)
	})
	t.Run("a row that changed hands between two redos comes in with its new owner", func(t *testing.T) {
		d := newDesk(t, forumLegacy, forumTarget, forum)
		d.load()
		d.inLegacy(`UPDATE posts SET user_id = 3 WHERE id = 11`)
		_, err := d.tries(ledger.RedoShard{List: list("3")})
		d.must(err)
		d.holds("unique:app.posts.posts_pkey", `SELECT cause FROM rehome.user_state WHERE user_key = '3'`)
		d.holds("1", `SELECT author FROM app.posts WHERE id = 11`)
		_, err = d.tries(ledger.RedoShard{List: list("1")})
		d.must(err)
		d.again(ledger.RedoShard{List: list("3")})
		d.holds("3", `SELECT author FROM app.posts WHERE id = 11`)
	})
}

func TestRedoGathers(t *testing.T) {
	d := newDesk(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), boss INT);
		CREATE TABLE meta (id INT PRIMARY KEY, user_id INT, k VARCHAR(20), v VARCHAR(20), KEY (user_id));
		INSERT INTO users VALUES (1, 'a', 2), (2, 'much too long', NULL); INSERT INTO meta VALUES (1, 1, 'town', 'Ulm')`,
		`CREATE SCHEMA app; CREATE TABLE app.users (id int PRIMARY KEY, name varchar(5), boss int REFERENCES app.users, town text)`, `name: desk
legacy: {dsn: "${A}", time_zone: UTC}
target: {dsn: "${B}"}
users: {from: users, key: id}
waves: [{name: all}]
tables:
  - {into: app.users, from: users, user: id, columns: {id: id, name: name, boss: boss}, ignore: {id: its own}, gather: {from: meta, user: user_id, name: k, value: v, columns: {town: town}}}
`)
	_, err := d.tries(ledger.RedoShard{List: list("1", "2")})
	d.must(err)
	d.holds("waits:app.users.boss", `SELECT cause FROM rehome.waiting`)
	d.inLegacy(`UPDATE users SET name = 'b' WHERE id = 2`)

	t.Run("a row whose attributes cannot be gathered by now goes on waiting", func(t *testing.T) {
		d.inLegacy(`INSERT INTO meta VALUES (2, 1, 'zip', '89073')`)
		_, err := d.tries(ledger.RedoShard{List: list("2")})
		d.must(err)
		d.holds("2", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.users`)
		d.holds("waits:app.users.boss", `SELECT cause FROM rehome.waiting`)
	})
	t.Run("it comes in with its attributes when they can be, and the row that it waits for is there", func(t *testing.T) {
		d.inLegacy(`DELETE FROM meta WHERE id = 2; UPDATE users SET name = 'much too long' WHERE id = 2`)
		d.again(ledger.RedoShard{List: list("2")})
		d.inLegacy(`UPDATE users SET name = 'b' WHERE id = 2`)
		r := d.again(ledger.RedoShard{List: list("2")})
		d.holds("1 Ulm, 2", `SELECT string_agg(concat_ws(' ', id, town), ', ' ORDER BY id) FROM app.users`)
		d.holds("0", `SELECT count(*) FROM rehome.waiting`)
		if r.Tables[1].Gathered != 1 || r.Tables[1].SetAside != -1 {
			t.Errorf("attributes: %+v", r.Tables[1])
		}
	})
}

func TestRedoBeside(t *testing.T) {
	d := newDesk(t, forumLegacy, strings.Replace(forumTarget, "app.tags (id int PRIMARY KEY, name text",
		"app.tags (id int PRIMARY KEY, name text, note varchar(9) DEFAULT 'none', doc json DEFAULT '{}', hits numeric(8, 2) NOT NULL DEFAULT 0, place point, seen timestamptz", 1), forum)
	d.load()
	t.Run("a row whose unfed columns the new application has written to does not go with its legacy row", func(t *testing.T) {
		d.inLegacy(`INSERT INTO tags VALUES (3, 'z'), (4, 'u'), (5, 'v'); DELETE FROM tags WHERE id = 2`)
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: list("2", "3", "4", "5")})
		d.holds("1 3 4 5", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.tags`)
		d.inTarget(`UPDATE app.tags SET doc = '{"a": 1}' WHERE id = 1`, `UPDATE app.tags SET seen = now() WHERE id = 3`, `UPDATE app.tags SET place = '(1,2)' WHERE id = 4`)
		d.inLegacy(`DELETE FROM tags`)
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: list("1", "3", "4", "5")})
		d.holds("1 3 4", `SELECT string_agg(id::text, ' ' ORDER BY id) FROM app.tags`)
		d.holds("3", `SELECT count(*)::text FROM rehome.conflict WHERE kind = 'changed' AND NOT settled`)
	})
	t.Run("its fed columns follow", func(t *testing.T) {
		d.inLegacy(`INSERT INTO tags VALUES (1, 'X')`)
		d.again(ledger.RedoShard{Of: shard.OwnKey, Entry: 2, List: list("1")})
		d.holds(`X {"a": 1}`, `SELECT concat_ws(' ', name, doc) FROM app.tags WHERE id = 1`)
	})
}
