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
