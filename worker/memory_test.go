package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

const mib = 1 << 20

const memoryLegacy = `
	CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50) NOT NULL, joined DATETIME NOT NULL);
	CREATE TABLE posts (id BIGINT PRIMARY KEY, user_id INT NOT NULL, title VARCHAR(100), body LONGTEXT, file LONGBLOB, KEY (user_id));`

// EXTERNAL keeps PostgreSQL from trying to compress what is only there to be wide.
const memoryTarget = `
	CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, legacy_id int NOT NULL UNIQUE, name text NOT NULL, joined timestamptz NOT NULL);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author uuid NOT NULL REFERENCES app.users, title text, body text, file bytea);
	ALTER TABLE app.posts ALTER body SET STORAGE EXTERNAL, ALTER file SET STORAGE EXTERNAL;`

const memoryMapping = `
name: memory
legacy: {time_zone: UTC}
users: {from: users, key: id, shard_rows: %d}
tables:
  - into: app.users
    from: users
    user: id
    columns: {id: {uuid: user, of: id}, legacy_id: id, name: name, joined: joined}
  - into: app.posts
    from: posts
    user: user_id
    columns: {id: {uuid: post, of: id}, author: {uuid: user, of: user_id}, title: title, body: body, file: file}
`

// A worker's memory, as the operating system has seen it at its highest, does not depend on the size of a shard, a user or, beyond
// a few times its width, a row.
func TestPeakMemory(t *testing.T) {
	programs.Build(t)
	for _, c := range []struct {
		name, fill string
		limit      int64 // bytes
		exit       int
		users      report.Users
		posts      int64 // written
	}{
		{
			name: "shards of 20,000 rows of a kilobyte",
			fill: `
				INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_4000;
				INSERT INTO posts SELECT seq, 1 + seq DIV 9, CONCAT('title ', seq), REPEAT(MD5(seq), 30), NULL FROM seq_0_to_35999`,
			limit: 150 * mib, users: report.Users{Planned: 4000, Migrated: 4000}, posts: 36_000,
		},
		{
			name: "one user of two million rows",
			fill: `
				INSERT INTO users VALUES (1, 'busy', NOW());
				INSERT INTO posts SELECT seq, 1, CONCAT('title ', seq), NULL, NULL FROM seq_1_to_2000000`,
			limit: 150 * mib, users: report.Users{Planned: 1, Migrated: 1}, posts: 2_000_000,
		},
		{
			name: "a shard with several rows of 32 MiB of text",
			fill: `
				INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_3;
				INSERT INTO posts SELECT seq, 1 + seq MOD 3, CONCAT('title ', seq), REPEAT(MD5(seq), 1048576), NULL FROM seq_1_to_5`,
			limit: 256 * mib, users: report.Users{Planned: 3, Migrated: 3}, posts: 5,
		},
		{
			name: "a user with several rows of 32 MiB of bytes",
			fill: `
				INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_2;
				INSERT INTO posts SELECT seq, 2, CONCAT('title ', seq), NULL, REPEAT(UNHEX(MD5(seq)), 2097152) FROM seq_1_to_4`,
			limit: 256 * mib, users: report.Users{Planned: 2, Migrated: 2}, posts: 4,
		},
		{
			name: "a row above max_row_bytes, which quarantines its user",
			fill: `
				INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_3;
				INSERT INTO posts SELECT seq, 1 + seq MOD 3, 'title', REPEAT(MD5(seq), IF(seq = 1, 2097153, 10)), NULL FROM seq_1_to_6`,
			limit: 256 * mib, exit: 4, users: report.Users{Planned: 3, Migrated: 2, Quarantined: 1}, posts: 4,
		},
	} {
		t.Run("pitfall 16: "+c.name, func(t *testing.T) {
			m := newMemoryMigration(t, c.fill)
			result, exit, peak := m.run(t)
			t.Logf("the worker's peak memory was %.1f MiB", float64(peak)/mib)
			if peak > c.limit {
				t.Errorf("the worker needed %d MiB, and %d are promised", peak/mib, c.limit/mib)
			}
			if exit != c.exit {
				t.Errorf("the exit status is %d, want %d: %v", exit, c.exit, result.Reasons)
			}
			if result.Users != c.users {
				t.Errorf("users %+v, want %+v", result.Users, c.users)
			}
			if got := result.Tables[1].Written; got != c.posts {
				t.Errorf("%d posts were written, want %d", got, c.posts)
			}
		})
	}
}

// A memoryMigration is a filled legacy database with a target, a queue and a mapping.
type memoryMigration struct {
	dir programs.Dir
	env []string
}

func newMemoryMigration(t *testing.T, fill string) memoryMigration {
	t.Helper()
	from := sandbox.MariaDB(t)
	fillLegacy(t, from, fill)
	return newMigrationOf(t, from, 20_000)
}

// fillLegacy makes the legacy tables and fills them.
func fillLegacy(t *testing.T, from, fill string) {
	t.Helper()
	db, err := sandbox.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // what it wrote is there, or Exec has said why not
	if _, err := db.ExecContext(t.Context(), memoryLegacy+fill); err != nil {
		t.Fatal(err)
	}
}

// newMigrationOf is a migration of a filled legacy database, in shards of so many rows, into a target and by a queue of its own.
func newMigrationOf(t *testing.T, from string, shardRows int) memoryMigration {
	t.Helper()
	to := sandbox.Postgres(t)
	conn, err := pgx.Connect(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), memoryTarget); err != nil {
		t.Fatal(err)
	}
	m := memoryMigration{dir: programs.NewDir(t)}
	m.dir.Write(t, "migration.yaml", fmt.Sprintf(memoryMapping, shardRows))
	m.env = []string{"LEGACY_DSN=" + from, "TARGET_DSN=" + to, "NATS_URL=" + sandbox.NATS(t).URL()}
	return m
}

// run runs the migration with one worker of one slot, and returns the report, the producer's exit status and the worker's peak memory in bytes.
func (m memoryMigration) run(t *testing.T) (result report.Report, exit int, peak int64) {
	t.Helper()
	worker := m.dir.Start(t, programs.Worker, m.env, "--slots", "1")
	producer := m.dir.Start(t, programs.Producer, m.env, "run", "--format", "json")
	exit = producer.Wait(t.Context())
	if err := json.Unmarshal([]byte(producer.Stdout()), &result); err != nil {
		t.Fatalf("read the report: %v", err)
	}
	return result, exit, worker.MaxRSS()
}
