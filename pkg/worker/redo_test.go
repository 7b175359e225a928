package worker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/ledger"
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
