package main_test

import "testing"

// A load that goes where another was taken out again would be settled by the statistics of empty tables: hours in place of a moment.
func TestStatisticsBeforeSettling(t *testing.T) {
	l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users SELECT seq, 'n' FROM seq_1_to_500;
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, parent INT, KEY (user_id)); INSERT INTO posts SELECT seq, 1 + seq MOD 500, NULL FROM seq_1_to_900;`,
		labUsersTable+`CREATE TABLE app.posts (id uuid PRIMARY KEY, user_id uuid REFERENCES app.users, parent uuid REFERENCES app.posts);
		ALTER TABLE app.users SET (autovacuum_enabled = off); ALTER TABLE app.posts SET (autovacuum_enabled = off); ANALYZE app.users, app.posts;`,
		labHead+`users: {from: users, key: id, shard_rows: 1000}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: {uuid: post, of: id}, user_id: {uuid: user, of: user_id}, parent: {uuid: post, of: parent}}}
`)
	const known = `SELECT string_agg(relname || ' ' || reltuples, ', ' ORDER BY relname) FROM pg_class WHERE oid IN ('app.users'::regclass, 'app.posts'::regclass)`
	p := l.start("settling_begins", "run")
	p.Paused(l.ctx)
	l.holds("posts 900, users 500", known)
	p.Kill()
}

// Statistics are gathered of each table when nothing more is done to it: at once, behind its last index, or behind the foreign keys.
func TestStatisticsOfAllTables(t *testing.T) {
	l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users SELECT seq, CONCAT('n', seq) FROM seq_1_to_500;
		CREATE TABLE tags (id INT PRIMARY KEY, user_id INT, KEY (user_id)); INSERT INTO tags SELECT seq, seq FROM seq_1_to_400;
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, KEY (user_id)); INSERT INTO posts SELECT seq, seq FROM seq_1_to_300;
		CREATE TABLE plain (id INT PRIMARY KEY, user_id INT, KEY (user_id)); INSERT INTO plain SELECT seq, seq FROM seq_1_to_200;`,
		labUsersTable+`CREATE TABLE app.tags (id int PRIMARY KEY, user_id int UNIQUE); CREATE INDEX ON app.tags ((user_id * 2));
		CREATE TABLE app.posts (id int PRIMARY KEY, user_id uuid REFERENCES app.users); CREATE TABLE app.plain (id int PRIMARY KEY, user_id int);
		ALTER TABLE app.users SET (autovacuum_enabled = off); ALTER TABLE app.tags SET (autovacuum_enabled = off);
		ALTER TABLE app.posts SET (autovacuum_enabled = off); ALTER TABLE app.plain SET (autovacuum_enabled = off);`,
		labHead+`users: {from: users, key: id, shard_rows: 1000}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id}}
  - {into: app.tags, from: tags, user: user_id, columns: {id: id, user_id: user_id}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: id, user_id: {uuid: user, of: user_id}}}
  - {into: app.plain, from: plain, user: user_id, columns: {id: id, user_id: user_id}}
`)
	parts := l.parts()
	l.does("run", 0, "CLEAN")
	l.keeps(parts)
	l.holds("plain 200, posts 300, tags 400, users 500", `
		SELECT string_agg(relname || ' ' || reltuples, ', ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'`)
	l.holds("id, user_id", `SELECT string_agg(attname, ', ' ORDER BY attname) FROM pg_stats WHERE schemaname = 'app' AND tablename = 'posts'`)
	l.holds("1", `SELECT count(*) FROM pg_stats WHERE schemaname = 'app' AND tablename = 'tags_expr_idx'`) // gathered behind the index
}
