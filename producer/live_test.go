package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const (
	liveLimit  = 3 * time.Minute
	livePace   = 20 * time.Millisecond // of a writer's rounds
	liveRounds = 250
)

// liveTables hold users 010 to 400 in steps of ten, with three posts each; the odd tens are casual. A text key has room between its values.
const liveTables = `
	CREATE TABLE users (id VARCHAR(36) CHARACTER SET ascii PRIMARY KEY, reputation INT NOT NULL);
	CREATE TABLE posts (id INT PRIMARY KEY AUTO_INCREMENT, owner VARCHAR(36) CHARACTER SET ascii, title VARCHAR(40) NOT NULL, KEY (owner));
	INSERT INTO users SELECT LPAD(10 * seq, 3, '0'), IF(seq % 2 = 1, 1, 500) FROM seq_1_to_40;
	INSERT INTO posts (owner, title) SELECT LPAD(10 * (1 + seq DIV 3), 3, '0'), CONCAT('post ', seq) FROM seq_0_to_119;`

const liveTarget = `
	CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, legacy_id text NOT NULL UNIQUE, reputation int NOT NULL);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, legacy_id int NOT NULL, author_id uuid REFERENCES app.users, title text NOT NULL);`

const liveMapping = `name: live
legacy: {time_zone: UTC}
users: {from: users, key: id, shard_rows: 20}
waves:
  - {name: casual, where: reputation < 100}
  - {name: regulars}
tables:
  - into: app.users
    from: users
    user: id
    columns: {id: {uuid: user, of: id}, legacy_id: id, reputation: reputation}
  - into: app.posts
    from: posts
    user: owner
    unowned: migrate
    columns: {id: {uuid: post, of: id}, legacy_id: id, author_id: {uuid: user, of: owner, missing: to_null}, title: title}
`

// A live is a legacy database that people use while it is migrated.
type live struct {
	*testing.T
	ctx  context.Context
	db   *sql.DB
	conn *pgx.Conn
	dir  programs.Dir
	env  []string
}

func newLive(t *testing.T) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), liveLimit)
	t.Cleanup(cancel)
	from, to := sandbox.MariaDB(t), sandbox.Postgres(t)
	l := &live{T: t, ctx: ctx, dir: programs.NewDir(t), env: []string{"LEGACY_DSN=" + from, "TARGET_DSN=" + to, "REHOME_SLOTS=2"}}
	var err error
	if l.db, err = sandbox.Open(from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.db.Close() })
	if l.conn, err = pgx.Connect(ctx, to); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.conn.Close(context.WithoutCancel(ctx)) })
	if _, err := l.conn.Exec(ctx, liveTarget); err != nil {
		t.Fatal(err)
	}
	l.write(liveTables)
	l.dir.Write(t, "migration.yaml", liveMapping)
	return l
}

// write changes the legacy database.
func (l *live) write(statements string) {
	l.Helper()
	if _, err := l.db.ExecContext(l.ctx, statements); err != nil {
		l.Fatal(err)
	}
}

// start starts producer run.
func (l *live) start(pauseAt string, args ...string) *programs.Process {
	l.Helper()
	env := append(l.env[:len(l.env):len(l.env)], "REHOME_PAUSE_AT="+pauseAt)
	return l.dir.Start(l.T, programs.Producer, env, append([]string{"run", "--format", "json"}, args...)...)
}

// through runs the first wave alone.
func (l *live) through(wave string) {
	l.Helper()
	if exit := l.start("", "--through", wave).Wait(l.ctx); exit != 7 {
		l.Fatalf("a run through wave %s ends with %d, want 7", wave, exit)
	}
}

// ends waits for the end of a run, whose sums must hold, and returns its report.
func (l *live) ends(run *programs.Process, exit int) (r report.Report) {
	l.Helper()
	got := run.Wait(l.ctx)
	if err := json.Unmarshal([]byte(run.Stdout()), &r); err != nil {
		l.Fatalf("read the report of a run that ended with %d: %v", got, err)
	}
	if got != exit {
		l.Errorf("the run ends with %d, want %d: %v", got, exit, r.Reasons)
	}
	if r.Consistency != "unproved" {
		l.Errorf("the source is said to be %s", r.Consistency)
	}
	if n := r.Users.Unexplained(); n != 0 || r.Users.Pending != 0 {
		l.Errorf("%d users are unexplained: %+v", n, r.Users)
	}
	if r.Shards.Dead != 0 || r.Shards.Pending != 0 || r.Shards.Done != r.Shards.Planned {
		l.Errorf("not all shards are done: %+v", r.Shards)
	}
	for _, table := range r.Tables {
		if table.Source != table.Read || table.Unexplained != 0 || table.Expected != table.Stored || table.Read != table.Written+table.SetAside+table.Waiting+table.LeftOut {
			l.Errorf("the sums of %s do not hold: %+v", table.Into, table)
		}
		if n := l.count(`SELECT count(*) FROM ` + table.Into); n != table.Written {
			l.Errorf("%s holds %d rows, and %d were written", table.Into, n, table.Written)
		}
	}
	if n := l.count(`SELECT count(*) FROM app.users`); n != r.Users.Migrated {
		l.Errorf("the target holds %d users, and %d were migrated", n, r.Users.Migrated)
	}
	if n := l.count(`SELECT count(*) - count(DISTINCT legacy_id) FROM app.posts`); n != 0 {
		l.Errorf("%d posts were copied twice", n)
	}
	return r
}

func (l *live) count(query string, args ...any) (n int64) {
	l.Helper()
	if err := l.conn.QueryRow(l.ctx, query, args...).Scan(&n); err != nil {
		l.Fatalf("%s: %v", query, err)
	}
	return n
}

// arrived returns the reputation of each of the users in the target, and the number of their posts there; "" for a user who is not there.
func (l *live) arrived(users ...string) map[string]string {
	l.Helper()
	found := map[string]string{}
	for _, user := range users {
		rows, err := l.conn.Query(l.ctx, `
			SELECT format('%s with %s posts', u.reputation, (SELECT count(*) FROM app.posts AS p WHERE p.author_id = u.id))
			  FROM app.users AS u WHERE u.legacy_id = $1`, user)
		if err != nil {
			l.Fatal(err)
		}
		states, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			l.Fatal(err)
		}
		found[user] = strings.Join(states, " and ")
	}
	return found
}

func (l *live) want(want map[string]string) {
	l.Helper()
	var users []string
	for user := range want {
		users = append(users, user)
	}
	if diff := cmp.Diff(want, l.arrived(users...)); diff != "" {
		l.Errorf("users in the target (-want +got):\n%s", diff)
	}
}

func TestUsersChangeTheirWaveDuringTheRun(t *testing.T) {
	l := newLive(t)
	run := l.start("planned", "--through", "casual")
	run.Paused(l.ctx)
	l.write(`UPDATE users SET reputation = 700 WHERE id = '010'; UPDATE users SET reputation = 7 WHERE id = '020'`) // before they are read
	run.Release()
	if exit := run.Wait(l.ctx); exit != 7 {
		t.Fatalf("the run through the first wave ends with %d", exit)
	}
	l.want(map[string]string{"010": "", "020": "7 with 3 posts", "030": "1 with 3 posts", "040": ""})
	l.write(`UPDATE users SET reputation = 701 WHERE id = '030'; UPDATE users SET reputation = 8 WHERE id = '040'`) // after the first wave
	r := l.ends(l.start(""), 4)
	l.want(map[string]string{"010": "700 with 3 posts", "020": "7 with 3 posts", "030": "1 with 3 posts", "040": "8 with 3 posts"})
	if diff := cmp.Diff(report.Users{Planned: 40, Migrated: 40}, r.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestUsersComeAndGoDuringTheRun(t *testing.T) {
	l := newLive(t)
	l.through("casual")
	l.write(`
		INSERT INTO users VALUES ('999', 1), ('015', 1), ('016', 900);
		INSERT INTO posts (owner, title) VALUES ('999', 'of the tail'), ('015', 'in a range that is done'), (NULL, 'of nobody');
		DELETE FROM posts WHERE owner = '030';
		DELETE FROM users WHERE id IN ('020', '030');`) // not read yet, and migrated
	r := l.ends(l.start(""), 4)
	l.want(map[string]string{
		"999": "1 with 1 posts", "015": "1 with 1 posts", "016": "900 with 0 posts", // 016 came with the second wave, 015 too
		"020": "", "030": "1 with 3 posts",
	})
	if diff := cmp.Diff(report.Users{Planned: 40, Appeared: 3, Migrated: 42, Vanished: 1}, r.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if n := l.count(`SELECT count(*) FROM app.posts WHERE author_id IS NULL`); n != 4 {
		t.Errorf("%d posts have no author, want 3 of a user who is gone and 1 of nobody", n)
	}
}

func TestUsersAppearInRangesThatAreDone(t *testing.T) {
	l := newLive(t)
	l.through("regulars")
	l.write(`
		INSERT INTO users VALUES ('015', 1), ('016', 900), ('395', 2), ('401', 3);
		INSERT INTO posts (owner, title) VALUES ('015', 'late'), ('401', 'of the tail');`)
	r := l.ends(l.start(""), 4)
	l.want(map[string]string{"015": "1 with 1 posts", "016": "900 with 0 posts", "395": "2 with 0 posts", "401": "3 with 1 posts"})
	if diff := cmp.Diff(report.Users{Planned: 40, Appeared: 4, Migrated: 44}, r.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if n := l.count(`SELECT count(*) FROM rehome.shard WHERE kind = 'late' AND migrated > 0`); n < 2 {
		t.Errorf("%d late shards have moved somebody, want the tail and the ranges that were done", n)
	}
}

func TestRowsChangeTheirOwnerDuringTheRun(t *testing.T) {
	l := newLive(t)
	l.through("casual")
	l.write(`
		UPDATE posts SET owner = '020' WHERE id = 1; -- from a user who is migrated to one who is not
		UPDATE posts SET owner = '030' WHERE id = 10; -- and the other way round`)
	r := l.ends(l.start(""), 4)
	// The first stands on both sides: both of its owners are listed, and a redo has to bring them. The second was read by nobody; a wave
	// that has gone by does not see it, and that it is missing is why the source is not proved.
	l.want(map[string]string{"010": "", "020": "", "030": "1 with 3 posts", "040": "500 with 2 posts"})
	if diff := cmp.Diff(report.Users{Planned: 40, Migrated: 38, Quarantined: 2}, r.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	want := []report.Cause{{Cause: "unique:app.posts.posts_pkey", Users: 2, Rows: 2}}
	if diff := cmp.Diff(want, r.Causes, cmpopts.IgnoreFields(report.Cause{}, "SampleKeys")); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if posts := r.Tables[1]; posts.Planned != 120 || posts.Source != 120 || posts.Closing != 120 || posts.SetAside != 7 {
		t.Errorf("posts: %+v", posts)
	}
}

func TestUsersGoAndLeaveTheirRowsBehind(t *testing.T) {
	l := newLive(t)
	l.through("casual")
	l.write(`DELETE FROM users WHERE id = '030'`)
	r := l.ends(l.start(""), 4)
	// Their posts are read once as theirs and once as nobody's.
	l.want(map[string]string{"030": ""})
	if diff := cmp.Diff(report.Users{Planned: 40, Migrated: 39, Quarantined: 1}, r.Users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	if posts := r.Tables[1]; posts.Source != 123 || posts.Closing != 120 || posts.SetAside != 6 {
		t.Errorf("posts: %+v", posts)
	}
}

func TestAnOperatorAcceptsAnUnprovedSource(t *testing.T) {
	l := newLive(t)
	l.dir.Write(t, "migration.yaml", strings.Replace(liveMapping, "time_zone: UTC", "time_zone: UTC, accept_unproved: a rehearsal", 1))
	l.through("casual")
	l.write(`INSERT INTO users VALUES ('999', 1)`)
	r := l.ends(l.start(""), 0)
	if r.Verdict != report.Clean || r.Accepted != "a rehearsal" {
		t.Errorf("the verdict is %s, accepted because of %q", r.Verdict, r.Accepted)
	}
}

// A writer changes what it likes while the run is on its way, and the sums hold.
func TestAWriterDuringTheRun(t *testing.T) {
	l := newLive(t)
	l.write(`
		INSERT INTO users SELECT CONCAT(LPAD(seq, 4, '0'), '-b'), seq % 200 FROM seq_1_to_1000;
		INSERT INTO posts (owner, title) SELECT CONCAT(LPAD(1 + seq DIV 3, 4, '0'), '-b'), 'bulk' FROM seq_0_to_2999;`)
	l.dir.Write(t, "migration.yaml", strings.Replace(liveMapping, "shard_rows: 20", "shard_rows: 500", 1))
	var writer errgroup.Group
	stop := make(chan struct{})
	run := l.start("planned")
	run.Paused(l.ctx)
	writer.Go(func() error { return l.keepWriting(stop) })
	run.Release()
	<-run.Done()
	close(stop)
	if err := writer.Wait(); err != nil {
		t.Fatal(err)
	}
	r := l.ends(run, 4)
	if r.Users.Appeared == 0 || r.Users.Vanished == 0 {
		t.Errorf("nobody came or nobody went: %+v", r.Users)
	}
	for _, cause := range r.Causes {
		if cause.Cause != "unique:app.posts.posts_pkey" { // a post that was read with two owners
			t.Errorf("%+v was kept out, though nothing is wrong with the data", cause)
		}
	}
	t.Logf("%+v", r.Users)
}

// keepWriting changes the legacy database until it is told to stop, or has done its rounds.
func (l *live) keepWriting(stop <-chan struct{}) error {
	pace := time.NewTicker(livePace)
	defer pace.Stop()
	for n := 1; n <= liveRounds; n++ {
		select {
		case <-stop:
			return nil
		case <-pace.C:
		}
		some := fmt.Sprintf("%04d-b", 1+n*37%1000)
		other := fmt.Sprintf("%04d-b", 1+n*101%1000)
		_, err := l.db.ExecContext(l.ctx, fmt.Sprintf(`
			INSERT INTO users VALUES ('%[1]s-%[3]d', %[3]d);
			INSERT INTO posts (owner, title) VALUES ('%[1]s-%[3]d', 'new'), ('%[2]s', 'more'), (NULL, 'of nobody');
			UPDATE users SET reputation = 199 - reputation WHERE id = '%[2]s';
			UPDATE posts SET owner = '%[1]s' WHERE owner = '%[2]s' LIMIT 1;
			DELETE FROM posts WHERE owner = '%[1]s' LIMIT 1;
			DELETE FROM users WHERE id = '%[2]s' AND %[3]d %% 3 = 0`, some, other, n))
		if err != nil {
			return err
		}
	}
	return nil
}
