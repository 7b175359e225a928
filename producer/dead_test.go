package main_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/producer"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// Twelve users in three shards; the names of two in the second and one in the third are longer than a defective trigger leaves them.
const (
	deadLegacy = `
		CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL);
		INSERT INTO users SELECT seq, IF(seq IN (6, 7, 11), CONCAT('somebody with a long name ', seq), CONCAT('user ', seq)) FROM seq_1_to_12;
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, reply_to INT, body VARCHAR(60) NOT NULL, KEY (user_id));
		INSERT INTO posts SELECT seq, 1 + seq MOD 12, IF(seq > 12, seq - 12, NULL), CONCAT('post ', seq) FROM seq_1_to_36;`
	deadTarget = `
		CREATE SCHEMA app;
		CREATE TABLE app.users (id uuid PRIMARY KEY, legacy_id int NOT NULL UNIQUE, name text NOT NULL);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, reply_to uuid REFERENCES app.posts, body text NOT NULL);
		CREATE INDEX ON app.posts (author_id);
		CREATE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := btrim(NEW.name); RETURN NEW; END';
		CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.tidy();`
	deadDefect = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := left(btrim(NEW.name), 20); RETURN NEW; END'`
	deadMended = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := btrim(NEW.name); RETURN NEW; END'`
	deadOther  = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := left(NEW.name, 19); RETURN NEW; END'`

	deadMapping = `name: letters
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: id, shard_rows: 16}
tables:
  - into: app.users
    from: users
    user: id
    triggers: {tidy: fire}
    columns: {id: {uuid: user, of: id}, legacy_id: id, name: name}
  - into: app.posts
    from: posts
    user: user_id
    columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: user_id}, reply_to: {uuid: post, of: reply_to}, body: body}
`
	deadCause = "altered:app.users.name"
)

// beside is another target for the same legacy database, whose binlog does not move for that.
func (l *lab) beside(statements string) *lab {
	l.Helper()
	other := *l
	other.dir, other.target = programs.NewDir(l.T), sandbox.Postgres(l.T)
	other.connect()
	other.inTarget(statements)
	other.dir.Write(l.T, "migration.yaml", deadMapping)
	return &other
}

// says runs a command with arguments of its own, which must end with the given status, and returns what it writes.
func (l *lab) says(exit int, args ...string) string {
	l.Helper()
	p := l.start("", args...)
	if got := p.Wait(l.ctx); got != exit {
		l.Fatalf("producer %s ends with %d, want %d:\n%s%s", strings.Join(args, " "), got, exit, p.Stdout(), p.Stderr())
	}
	l.said = p.Stdout() + p.Stderr()
	return p.Stdout()
}

// decoded runs a listing and reads its JSON.
func decoded[T any](l *lab, exit int, args ...string) (v T) {
	l.Helper()
	out := l.says(exit, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		l.Fatalf("producer %s: %v:\n%s", strings.Join(args, " "), err, out)
	}
	return v
}

// died has a migration run with the defect, and returns the IDs of its dead shards.
func died(t *testing.T) (*lab, []string) {
	t.Helper()
	programs.Build(t) // not in the lab's time
	l := newLab(t, deadLegacy, deadTarget, deadMapping)
	l.inTarget(deadDefect)
	r := l.reports(4)
	if r.Shards.Dead != 2 || r.Users.Pending != 8 || !slices.Contains(r.Reasons, "2 shards are dead, which leaves 8 users to be done") {
		t.Fatalf("%+v, %+v, %v", r.Shards, r.Users, r.Reasons)
	}
	list := decoded[producer.DeadList](l, 0, "dead", "list")
	if len(list.Causes) != 1 || list.Causes[0].Cause != deadCause || len(list.Causes[0].IDs) != 2 {
		t.Fatalf("%+v", list)
	}
	return l, list.Causes[0].IDs
}

// undisturbed is what becomes of the population where the trigger has no defect.
func (l *lab) undisturbed() string {
	l.Helper()
	other := l.beside(deadTarget)
	other.reports(0)
	return programs.Dump(l.T, other.target)
}

func (l *lab) isAs(want string) {
	l.Helper()
	if diff := cmp.Diff(want, programs.Dump(l.T, l.target)); diff != "" {
		l.Errorf("the target is not that of an undisturbed run (-want +got):\n%s", diff)
	}
}

// TestDeadLetterWalkThrough is the README's "A dead letter", word for word.
func TestDeadLetterWalkThrough(t *testing.T) {
	l, ids := died(t)
	want := l.undisturbed()
	l.does("dead list", 0, deadCause, strings.Join(ids, " "), "column name is not stored as it was sent")
	l.does("dead show "+ids[0], 0, "nothing has changed: another attempt would meet the same", "from 5 to 8", "written_by_target")
	l.does("dead republish "+ids[0], 6, "nothing has changed since it died on 20", "change what the cause names ("+deadCause+"), or say --force")
	l.inTarget(deadMended)
	l.does("dead show "+ids[0], 0, "the target's tables, their constraints or triggers changed")
	l.does("dead republish --all", 0, ids[0]+"  republished: the target's tables", ids[1]+"  republished", "the next producer run publishes")
	r := l.reports(0)
	if r.Verdict != report.Clean || r.Shards.Dead != 0 || r.Shards.Done != r.Shards.Planned {
		t.Errorf("%s, %+v", r.Verdict, r.Shards)
	}
	l.isAs(want)
	l.does("dead list", 0, "no shard of migration letters is dead")
}

func TestDeadLetters(t *testing.T) {
	l, ids := died(t)
	ordinal, _, _ := strings.Cut(ids[0], ".")
	t.Run("a letter tells all that somebody has to know, and no value", func(t *testing.T) {
		s := decoded[producer.DeadShow](l, 0, "dead", "show", ids[1])
		if s.Attempts != 3 || s.Cause != deadCause || s.Users != 4 || s.Now.Users != 4 || s.Now.FirstUser != "9" || s.Now.LastUser != "12" || s.TraceID != "" || // nothing traces here
			!s.First.Before(s.Last) || len(s.Changed) > 0 {
			t.Errorf("%+v", s)
		}
		if tried := s.Tried; tried.Mapping == "" || tried.Rehome == "" || tried.Position == "" || tried.Legacy == "" || tried.Target == "" {
			t.Errorf("tried with %+v", tried)
		}
		if diff := cmp.Diff([]producer.DeadTable{{Into: "app.users", From: "users", Rows: 4}, {Into: "app.posts", From: "posts", Rows: 12}}, s.Now.Tables); diff != "" {
			t.Error(diff)
		}
		var what []string
		for _, e := range s.Events {
			what = append(what, e.What)
		}
		if diff := cmp.Diff([]string{"failed", "failed", "dead"}, what); diff != "" {
			t.Error(diff)
		}
		if kept := l.ask(`SELECT string_agg(concat(s.tried_with, s.error, s.receipt), '') FROM rehome.shard s WHERE s.state = 'dead'`); strings.Contains(kept+l.said, "somebody") {
			t.Errorf("a name is in the letters: %s", kept)
		}
	})
	t.Run("what nobody can mean is refused", func(t *testing.T) {
		for args, says := range map[string]string{
			"dead": "say what to do", "dead republish": "--cause CAUSE or --all", "dead republish --all 1": "exclude one another", "dead republish 999": "is no shard",
			"dead republish " + ids[0] + " x": "is not an ID", "dead show 0": "is not dead", "dead show 0.7": "is no shard", "dead discard " + ids[0]: "--reason",
			"dead show": "no ID is given", "dead list --migration other": "has no migration other", "dead list 1": "unknown command",
		} {
			l.does(args, 2, says)
		}
		l.does("dead discard 0 --reason gone", 6, "is not dead, and cannot be discarded")
		l.does("dead republish --cause unique:app.users.name", 0, "dead are shards of: "+deadCause)
		l.holds("2", `SELECT count(*) FROM rehome.shard WHERE state = 'dead' AND generation = 0`)
	})
	t.Run("with force it is tried again as it was, and dies again", func(t *testing.T) {
		l.letters(ids...)
		// It dies behind the ledger's commit, and before it has told anybody.
		l.diesIn("republished", "dead", "republish", "--force", ids[0])
		l.letters(ids...)
		l.does("dead republish "+ids[0], 0, "on its way: not dead any more: it is "+ordinal+".1 by now, and planned")
		l.holds("1", `SELECT max(generation) FROM rehome.shard`)
		l.inTarget(deadOther)
		if r := l.reports(4); r.Shards.Dead != 2 {
			t.Errorf("%+v", r.Shards)
		}
		l.does("dead republish "+ids[0], 0, "on its way: not dead any more: it is "+ordinal+".1 by now, and dead")
		l.letters(ordinal+".1", ids[1])
	})
	t.Run("what has changed for one and not for the other is told one by one", func(t *testing.T) {
		l.does("dead republish --all", 6, ordinal+".1  refused: nothing has changed", ids[1]+"  republished: the target's tables")
	})
	t.Run("by its cause and mended it comes, and all is as if nothing had been", func(t *testing.T) {
		l.inTarget(deadMended)
		l.does("dead republish --cause "+deadCause, 0, ordinal+".1  republished: the target's tables")
		want := l.undisturbed()
		l.reports(0)
		l.isAs(want)
		l.letters()
		l.does("dead republish "+ordinal, 0, "on its way: not dead any more: it is "+ordinal+".2 by now, and done")
	})
}

// letters fails the test unless the queue of this directory has dead letters of the shards, and no others.
func (l *lab) letters(ids ...string) {
	l.Helper()
	conn, end, err := queue.Alone(l.ctx, filepath.Join(string(l.dir), queue.Store("letters")), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		l.Fatal(err)
	}
	defer end()
	there, err := conn.DeadLettered(l.ctx, "letters", l.ask(`SELECT run FROM rehome.migration`))
	if err != nil {
		l.Fatal(err)
	}
	want := map[int]struct{}{}
	for _, id := range ids {
		var ordinal int
		if _, err := fmt.Sscanf(id, "%d.", &ordinal); err != nil {
			l.Fatal(err)
		}
		want[ordinal] = struct{}{}
	}
	if diff := cmp.Diff(want, there); diff != "" {
		l.Errorf("the queue's dead letters (-want +got):\n%s", diff)
	}
}

// discard lets a shard go.
func (l *lab) discard(id string) {
	l.Helper()
	gone := decoded[producer.DiscardedShard](l, 0, "dead", "discard", id, "--reason", "test accounts of 2011")
	if gone.Users != 4 || gone.Rows != 16 || gone.Reason != "test accounts of 2011" {
		l.Errorf("%+v", gone)
	}
}

// without fails the test unless the report is clean, and leaves out so many users with so many rows, of discarded shards.
func (l *lab) without(r report.Report, users, rows int64, shards int) {
	l.Helper()
	if r.Verdict != report.Clean || r.Users.LeftOut != users || r.Users.Migrated != 12-users || r.Users.Pending+r.Users.Vanished+r.Users.Appeared != 0 ||
		r.Shards.Discarded != int64(shards) || r.Shards.Dead != 0 || len(r.Discarded) != shards {
		l.Fatalf("%s, %v, %+v, %+v, %+v", r.Verdict, r.Reasons, r.Users, r.Shards, r.Discarded)
	}
	var left int64
	for _, table := range r.Tables {
		left += table.LeftOut
		if table.Unexplained != 0 || table.Closing != table.Source {
			l.Errorf("%+v", table)
		}
	}
	if left != rows {
		l.Errorf("%d rows are left out, want %d", left, rows)
	}
}

func TestDiscard(t *testing.T) {
	l, ids := died(t)
	t.Run("its users are left out with the reason, and the verdict is clean", func(t *testing.T) {
		l.discard(ids[0])
		l.discard(ids[1])
		l.does("dead list", 0, "no shard of migration letters is dead", "DISCARDED", "test accounts of 2011")
		r := l.reports(0)
		l.without(r, 8, 32, 2)
		if d := r.Discarded[0]; d.Users != 4 || d.Rows != 16 || d.Reason != "test accounts of 2011" || d.At.IsZero() {
			t.Errorf("%+v", d)
		}
		l.does("run", 0, "DISCARDED SHARD", "4 migrated + 8 left out", "5 planned = 3 done + 2 discarded")
		l.does("dead discard "+next(ids[0])+" --reason twice", 6, "is not dead")
	})
	t.Run("and taken back they come", func(t *testing.T) {
		l.inTarget(deadMended)
		l.does("dead republish --all", 0, "nothing is to be done")
		again := decoded[producer.Republication](l, 0, "dead", "republish", next(ids[0]), next(ids[1]))
		if again.Refused() > 0 || len(again.Shards) != 2 || again.Shards[0].Result != producer.Republished {
			t.Errorf("%+v", again)
		}
		l.holds("0", `SELECT count(*) FROM rehome.user_state`)
		want := l.undisturbed()
		l.without(l.reports(0), 0, 0, 0)
		l.isAs(want)
	})
}

func TestDiscardedAfterwards(t *testing.T) {
	l, ids := died(t)
	l.discard(ids[0])
	l.inTarget(deadMended)
	l.does("dead republish "+ids[1], 0)
	l.without(l.reports(0), 4, 16, 1)
	t.Run("an audit finds nothing new of them", func(t *testing.T) {
		p := l.dir.Start(t, programs.Aggregator, l.environment(), "audit")
		if got := p.Wait(l.ctx); got != 0 || !strings.Contains(p.Stdout(), "BOTH SIDES ARE THE SAME") {
			t.Errorf("audit ends with %d:\n%s%s", got, p.Stdout(), p.Stderr())
		}
		p = l.dir.Start(t, programs.Aggregator, l.environment(), "explain", "6")
		if got := p.Wait(l.ctx); got != 0 || !strings.Contains(p.Stdout(), "LEFT OUT") || !strings.Contains(p.Stdout(), "was discarded: test accounts of 2011") ||
			!strings.Contains(p.Stdout(), "producer dead republish "+next(ids[0])+" takes it back") {
			t.Errorf("explain ends with %d:\n%s%s", got, p.Stdout(), p.Stderr())
		}
	})
	t.Run("who does everyone again leaves them out, as many as they are by then", func(t *testing.T) {
		l.inLegacy(`INSERT INTO posts VALUES (100, 6, NULL, 'one more of somebody who is left out'), (101, 1, NULL, 'and of somebody who is not')`)
		var r report.Report
		if err := json.Unmarshal([]byte(l.says(0, "run", "--again", "--format", "json")), &r); err != nil {
			t.Fatal(err)
		}
		l.without(r, 4, 17, 1)
		l.holds("25", `SELECT count(*) FROM app.posts`)
	})
}

// next is the ID of the generation behind that of the given one.
func next(id string) string {
	var ordinal, generation int
	if _, err := fmt.Sscanf(id, "%d.%d", &ordinal, &generation); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d.%d", ordinal, generation+1)
}

func (l *lab) environment() []string {
	return append(os.Environ(), "LEGACY_DSN="+l.legacy, "TARGET_DSN="+l.target, "NATS_URL=", "REHOME_SLOTS=1", "REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s")
}
