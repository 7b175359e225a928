package main_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/sandbox/programs"
)

const (
	crashUsers = 400
	crashLimit = 2 * time.Minute // for one crash and all that comes after it
	lookEvery  = 20 * time.Millisecond
)

// A ground is a legacy population with a mapping, and what an undisturbed run makes of them.
type ground struct {
	legacy  string
	mapping string
	exit    int
	want    outcome
}

// An outcome is all of a target that has to be the same whatever happened on the way.
type outcome struct {
	Rows        string // as pg_dump writes them, without what the target draws itself
	Constraints []string
	Report      map[string]any // without times and what is drawn at random
}

// newGround has an undisturbed run in one process show what is to come out.
func newGround(t *testing.T, legacy, mapping string, exit int) *ground {
	t.Helper()
	g := &ground{legacy: legacy, mapping: mapping, exit: exit}
	s := g.scene(t)
	s.env = append(s.env, "NATS_URL=")
	p := s.run("")
	if got := p.Wait(s.ctx); got != exit {
		t.Fatalf("an undisturbed run ends with %d, want %d", got, exit)
	}
	g.want = s.outcome(p)
	if n := s.count(`SELECT count(*) FROM rehome.shard WHERE kind <> 'settle'`); n < 10 {
		t.Fatalf("%d shards, want at least 10", n)
	}
	return g
}

// A scene is one migration of the ground: a target, a queue and a directory of its own, and the programs that work on it.
type scene struct {
	*testing.T
	*ground
	ctx     context.Context
	dir     programs.Dir
	nats    *sandbox.NATSServer
	queue   *queue.Conn
	target  string
	conn    *pgx.Conn
	env     []string
	names   map[*programs.Process]string // of the processes' sessions
	workers []*programs.Process          // that have to end well
}

func (g *ground) scene(t *testing.T) *scene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), crashLimit)
	t.Cleanup(cancel)
	s := &scene{T: t, ground: g, ctx: ctx, dir: programs.NewDir(t), nats: sandbox.NATS(t), target: sandbox.Postgres(t),
		names: map[*programs.Process]string{}}
	var err error
	if s.conn, err = pgx.Connect(ctx, s.target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close(context.WithoutCancel(ctx)) })
	s.exec(community.Schema())
	if s.queue, err = queue.Connect(ctx, queue.Options{URL: s.nats.URL(), Name: "test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.queue.Close)
	s.dir.Write(t, "migration.yaml", g.mapping)
	s.env = []string{
		"LEGACY_DSN=" + g.legacy, "TARGET_DSN=" + s.target, "NATS_URL=" + s.nats.URL(), "REHOME_SLOTS=1",
		"REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s",
	}
	return s
}

func (s *scene) start(program, pauseAt string, args ...string) *programs.Process {
	s.Helper()
	p := s.dir.Start(s.T, program, append(s.env[:len(s.env):len(s.env)], "REHOME_PAUSE_AT="+pauseAt), args...)
	s.names[p] = "rehome/" + program
	return p
}

// run starts producer run, worker a worker; each stops at the point unless that is empty.
func (s *scene) run(pauseAt string) *programs.Process {
	s.Helper()
	return s.start(programs.Producer, pauseAt, "run", "--format", "json")
}

func (s *scene) worker(pauseAt string) *programs.Process {
	s.Helper()
	w := s.start(programs.Worker, pauseAt)
	if pauseAt == "" {
		s.workers = append(s.workers, w)
	}
	return w
}

// again starts producer run once more, finish producer finish.
func (s *scene) again() *programs.Process { return s.run("") }
func (s *scene) finish() *programs.Process {
	return s.start(programs.Producer, "", "finish", "--format", "json")
}

// crash kills a process at its pause point, after a look at what it leaves, and waits until the target's server knows. No other of its
// kind may run.
func (s *scene) crash(p *programs.Process, look ...func()) {
	s.Helper()
	p.Paused(s.ctx)
	for _, see := range look {
		see()
	}
	p.Kill()
	s.until("the end of the killed process's sessions", func() bool {
		return s.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1`, s.names[p]) == 0
	})
}

// until waits for what no event tells.
func (s *scene) until(what string, reached func() bool) {
	s.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.Fatalf("wait for %s: %v", what, context.Cause(s.ctx))
		}
	}
}

func (s *scene) count(query string, args ...any) (n int64) {
	s.Helper()
	if err := s.conn.QueryRow(s.ctx, query, args...).Scan(&n); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	return n
}

func (s *scene) exec(statement string) {
	s.Helper()
	if _, err := s.conn.Exec(s.ctx, statement); err != nil {
		s.Fatalf("%s: %v", statement, err)
	}
}

// holds fails the test unless the query counts n.
func (s *scene) holds(what string, n int64, query string, args ...any) {
	s.Helper()
	if got := s.count(query, args...); got != n {
		s.Errorf("%s: %d, want %d", what, got, n)
	}
}

func (s *scene) runID() (id string) {
	s.Helper()
	if err := s.conn.QueryRow(s.ctx, `SELECT run FROM rehome.migration`).Scan(&id); err != nil {
		s.Fatal(err)
	}
	return id
}

// queued and receipted count the shards that have a task, or a receipt, in the queue.
func (s *scene) queued() int64    { return s.present(s.queue.Queued) }
func (s *scene) receipted() int64 { return s.present(s.queue.Receipted) }

func (s *scene) present(ask func(context.Context, string, string) (map[int]struct{}, error)) int64 {
	s.Helper()
	found, err := ask(s.ctx, "community", s.runID())
	if err != nil {
		s.Fatal(err)
	}
	return int64(len(found))
}

func (s *scene) backlog() queue.Backlog {
	s.Helper()
	b, err := s.queue.Backlog(s.ctx, "community")
	if err != nil {
		s.Fatal(err)
	}
	return b
}

// streams tells whether the producer has made the streams.
func (s *scene) streams() bool {
	_, err := s.queue.Backlog(s.ctx, "community")
	return err == nil
}

// sent is how many messages a stream was ever sent.
func (s *scene) sent(stream string) uint64 {
	s.Helper()
	nc, err := nats.Connect(s.nats.URL())
	if err != nil {
		s.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.Fatal(err)
	}
	found, err := js.Stream(s.ctx, "REHOME_COMMUNITY_"+stream)
	if err != nil {
		s.Fatal(err)
	}
	return found.CachedInfo().State.LastSeq
}

const doneShards = `SELECT count(*) FROM rehome.shard WHERE state = 'done' AND kind <> 'settle'`

// ends waits for the end of a run, has the workers do what is left in the queue and stop, and compares all there is.
func (s *scene) ends(run *programs.Process) {
	s.Helper()
	if got := run.Wait(s.ctx); got != s.exit {
		s.Fatalf("the run after the crash ends with %d, want %d", got, s.exit)
	}
	s.until("an empty queue", func() bool { return s.backlog() == queue.Backlog{} })
	s.until("the receipts of all shards", func() bool { return s.receipted() >= s.count(doneShards) })
	for _, w := range s.workers {
		w.Terminate()
		if exit := w.Wait(s.ctx); exit != 0 {
			s.Errorf("a worker that was asked to stop ends with %d", exit)
		}
	}
	s.invariants()
	if diff := cmp.Diff(s.want, s.outcome(run)); diff != "" {
		s.Errorf("the outcome is not that of an undisturbed run (-want +got):\n%s", diff)
	}
}

// invariants are those of the ledger and of the target, whatever has happened.
func (s *scene) invariants() {
	s.Helper()
	s.holds("shards that are not done", 0, `SELECT count(*) FROM rehome.shard WHERE state <> 'done' OR holder IS NOT NULL`)
	s.holds("shards that were not applied once", 0, `
		SELECT count(*) FROM rehome.shard AS s
		 WHERE 1 <> (SELECT count(*) FROM rehome.event AS e WHERE e.what = 'applied' AND e.ordinal = s.ordinal AND e.generation = s.generation)`)
	s.holds("applied events of no shard", 0, `
		SELECT count(*) FROM rehome.event AS e WHERE e.what = 'applied'
		   AND NOT EXISTS (SELECT FROM rehome.shard AS s WHERE s.ordinal = e.ordinal AND s.generation = e.generation AND s.attempt = e.attempt)`)
	s.holds("parts that are not back", 0, `SELECT count(*) FROM rehome.part WHERE state <> 'valid'`)
	s.holds("constraints that are not valid", 0, `SELECT count(*) FROM pg_constraint WHERE connamespace = 'app'::regnamespace AND NOT convalidated`)
	s.holds("indexes that are not valid", 0, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`)
	s.holds("open transactions", 0, `
		SELECT count(*) FROM pg_stat_activity
		 WHERE datname = current_database() AND application_name LIKE 'rehome/%' AND xact_start IS NOT NULL`)
}

// outcome reads what came out of a run; it takes the one column off the target that is the target's own.
func (s *scene) outcome(run *programs.Process) (o outcome) {
	s.Helper()
	o.Report = timeless(s, run.Stdout())
	s.sums(o.Report)
	rows, err := s.conn.Query(s.ctx, `
		SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'app'::regnamespace
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'app' ORDER BY 1`)
	if err != nil {
		s.Fatal(err)
	}
	if o.Constraints, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		s.Fatal(err)
	}
	s.exec(`ALTER TABLE app.categories DROP COLUMN IF EXISTS id`)
	o.Rows = programs.Dump(s.T, s.target)
	return o
}

// same fails the test unless the target's rows are still those of an undisturbed run.
func (s *scene) same(when string) {
	s.Helper()
	s.invariants()
	if diff := cmp.Diff(s.want.Rows, programs.Dump(s.T, s.target)); diff != "" {
		s.Errorf("the rows %s (-want +got):\n%s", when, diff)
	}
}

// countsAll waits until an aggregator has counted all there is, and has it stop and say whether that was more.
func (s *scene) countsAll(aggregator *programs.Process) {
	s.Helper()
	all := fmt.Sprintf("users %d/%d ", crashUsers, crashUsers)
	s.until("the aggregator's full count", func() bool { return strings.Contains(aggregator.Stderr(), all) })
	aggregator.Terminate()
	if exit := aggregator.Wait(s.ctx); exit != 0 {
		s.Errorf("an aggregator that was asked to stop ends with %d", exit)
	}
	counts := slices.DeleteFunc(strings.Split(aggregator.Stderr(), "\n"), func(line string) bool { return !strings.Contains(line, "  users ") })
	if last := counts[len(counts)-1]; !strings.Contains(last, all) {
		s.Errorf("the aggregator has counted %q", last)
	}
}

// sums compares the report's figures with the target and the ledger's manifests.
func (s *scene) sums(report map[string]any) {
	s.Helper()
	for entry, t := range report["tables"].([]any) {
		table := t.(map[string]any)
		into, written := table["into"].(string), int64(table["written"].(float64))
		s.holds("rows of "+into, written, `SELECT count(*) FROM `+into)
		s.holds("rows of "+into+" in the manifests", written, `
			SELECT (SELECT coalesce(sum(cardinality(units)), 0) FROM rehome.manifest WHERE entry = $1)
			     - (SELECT count(*) FROM rehome.undone WHERE entry = $1)`, entry)
		if table["expected_checksum"] != table["stored_checksum"] || table["unexplained"] != 0.0 || table["source_rows"] != table["closing_rows"] {
			s.Errorf("the sums of %s do not hold: %v", into, table)
		}
	}
}

// small makes the shards of the community's mapping small.
func small(mapping string) string {
	return strings.Replace(mapping, "shard_rows: 20000", fmt.Sprintf("shard_rows: %d", crashUsers), 1)
}
