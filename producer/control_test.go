package main_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const (
	helmLegacy = `CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO users SELECT seq, 'x' FROM seq_1_to_2000`
	helmLimit  = 4 * time.Minute // several processes start one after the other
	helmTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, lid int NOT NULL, name text NOT NULL)`
)

// helmMapping lets others write to the server that the tests share.
var helmMapping = labBeside + strings.Replace(labUsers, "shard_rows: 2}", "shard_rows: 20}", 1)

// A helm is a migration that is steered while it runs.
type helm struct {
	*lab
	env map[string]string // beside the lab's
}

func newHelm(t *testing.T, env map[string]string) *helm {
	t.Helper()
	programs.Build(t) // which is no part of the limit
	h := &helm{newLab(t, helmLegacy, helmTarget, helmMapping), env}
	ctx, cancel := context.WithTimeout(t.Context(), helmLimit)
	t.Cleanup(cancel)
	h.ctx = ctx
	return h
}

func (h *helm) begin(program string, args ...string) *programs.Process {
	h.Helper()
	env := []string{"LEGACY_DSN=" + h.legacy, "TARGET_DSN=" + h.target, "REHOME_SLOTS=2", "REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s"}
	for name, value := range h.env {
		env = append(env, name+"="+value)
	}
	return h.dir.Start(h.T, program, env, args...)
}

// steers runs a command, which must end with the status and say so, within the time that an operator is kept waiting.
func (h *helm) steers(command string, exit int, says ...string) string {
	h.Helper()
	args := strings.Fields(command)
	p := h.begin(programs.Producer, args...)
	got := p.Wait(h.ctx)
	said := p.Stdout() + p.Stderr()
	words := strings.Join(strings.Fields(said), " ")
	if got != exit {
		h.Fatalf("producer %s ends with %d, want %d:\n%s", command, got, exit, said)
	}
	for _, text := range says {
		if !strings.Contains(words, text) {
			h.Errorf("producer %s does not say %q:\n%s", command, text, said)
		}
	}
	return said
}

// until polls for what no event tells.
func (h *helm) until(what string, reached func() bool) {
	h.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-h.ctx.Done():
			h.Fatalf("wait for %s: %v", what, context.Cause(h.ctx))
		}
	}
}

func (h *helm) asks(want, query string) func() bool {
	return func() bool { return h.ask(query) == want }
}

// says waits until all workers say why they are slow.
func (h *helm) says(why *regexp.Regexp) {
	h.Helper()
	said := ""
	defer func() {
		if h.Failed() {
			h.Logf("the workers said %q", said)
		}
	}()
	h.until("the workers to say "+why.String(), func() bool {
		said = h.ask(`SELECT string_agg(DISTINCT slow, '; ') FROM rehome.worker`)
		return why.MatchString(said)
	})
}

// planned waits until there are shards.
func (h *helm) planned() {
	h.Helper()
	h.until("a plan", func() bool {
		return h.ask(`SELECT to_regclass('rehome.shard')`) != "" && h.ask(`SELECT count(*) FROM rehome.shard`) != "0"
	})
}

// helmDone counts the shards that are done.
const helmDone = `SELECT count(*) FROM rehome.shard WHERE state = 'done'`

func TestAMigrationIsSteered(t *testing.T) {
	t.Parallel()
	nats := sandbox.NATS(t)
	h := newHelm(t, map[string]string{"NATS_URL": nats.URL()})
	conn, err := queue.Connect(h.ctx, queue.Options{URL: nats.URL(), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	paused := func() bool {
		b, err := conn.Backlog(h.ctx, "lab")
		return err == nil && b.Paused
	}
	run := h.begin(programs.Producer, "run")
	h.planned()
	h.steers("limit rows=200", 0, "no worker is alive; who is started goes by it", "rows 200 ", "slots off ")
	workers := []*programs.Process{h.begin(programs.Worker), h.begin(programs.Worker)}
	h.until("shards that are done", func() bool { return h.ask(helmDone) != "0" })

	h.steers("pause --reason noise", 0, "lab is paused: seen by 2 of 2 workers", "producer resume goes on")
	h.until("shards in work to end", h.asks("0", `SELECT count(*) FROM rehome.shard WHERE state = 'planned' AND holder IS NOT NULL`))
	h.holds("0", `SELECT count(*) FROM rehome.shard s, rehome.control c WHERE s.claimed_at > c.paused_at`)
	if !paused() {
		t.Error("the queue is not paused")
	}
	done := h.ask(helmDone)
	if err := conn.Resume(h.ctx, "lab"); err != nil { // as one that was made anew is not paused
		t.Fatal(err)
	}
	h.until("the queue to be paused again", paused)
	h.holds(done, helmDone)
	h.steers("pause --now", 0, "lab is paused: seen by 2 of 2 workers", "no shard is in work")
	said := h.steers("limit --output json", 0)
	var standing struct {
		State  string
		Paused struct{ Reason string }
		Limits map[string]any
	}
	if err := json.Unmarshal([]byte(said), &standing); err != nil || standing.State != "paused" || standing.Paused.Reason != "noise" || standing.Limits["rows"] != 200.0 {
		t.Errorf("%+v, %v", standing, err)
	}

	h.steers("resume", 0, "lab goes on: seen by 2 of 2 workers")
	h.until("the queue to hand out tasks", func() bool { return !paused() })
	h.until("more shards to be done", func() bool { return h.ask(helmDone) != done })
	h.steers("resume", 0, "lab was not paused")
	h.steers("limit rows=20", 0, "the limits are set") // so that shards are in work
	h.until("shards in work", h.asks("true", `SELECT (count(*) > 0)::text FROM rehome.shard WHERE state = 'planned' AND holder IS NOT NULL`))
	h.steers("pause --now", 0, "in work:", "rolled back", "producer resume goes on")
	h.until("nothing in work", h.asks("0", `SELECT count(*) FROM rehome.shard WHERE state = 'planned' AND holder IS NOT NULL`))
	h.steers("resume", 0, "lab goes on: seen by 2 of 2 workers")
	h.steers("limit rows=off slots=3", 0, "lab is loading: the limits are set, and seen by 2 of 2 workers", "rows off ", "slots 3 ")
	if exit := run.Wait(h.ctx); exit != 0 {
		t.Errorf("the run ends with %d:\n%s", exit, run.Stderr())
	}
	for _, w := range workers {
		w.Terminate()
		if exit := w.Wait(h.ctx); exit != 0 {
			t.Errorf("a worker ends with %d", exit)
		}
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHelm(t, map[string]string{"NATS_URL": ""})
	h.steers("run", 0)
	h.steers("limit row=5 slots=x lag=2", 2, "row=5: there is no limit row; did you mean rows?", "slots=x: is not understood", "lag=2: has no unit: write lag=2s for seconds")
	h.steers("limit lag=2s", 2, "REPLICA_DSN: is not set")
	h.steers("limit replication_lag=2s", 6, "no standby replicates from the target")
	h.env["REPLICA_DSN"] = h.legacy
	h.steers("limit lag=2s", 6, "REPLICA_DSN leads to the legacy server itself")
	h.steers("limit --migration other", 2, "the ledger has no migration other")
	h.steers("pause --reason "+strings.Repeat("x", 201), 2, "--reason: is longer than 200 bytes")
	h.steers("pause --reason=", 2, "--reason: is empty")
	h.steers("limit -f migration.yaml", 0, "lag off ", "no worker is alive")
	h.holds("0", `SELECT count(*) FROM rehome.control`)
}

func TestWorkersSlowDownBeforeItHurts(t *testing.T) {
	t.Parallel()
	h := newHelm(t, map[string]string{"NATS_URL": ""})
	run := h.begin(programs.Producer, "run")
	h.planned()
	h.steers("limit rows=100 threads=1000", 0, "threads 1000 ")
	ctx, end := context.WithCancel(h.ctx)
	var busy errgroup.Group
	t.Cleanup(func() { end(); _ = busy.Wait() }) // which ends in the middle of a statement
	for range 6 {                                // who are active as long as the test is
		busy.Go(func() error {
			c, err := pgx.Connect(ctx, h.target)
			if err == nil {
				_, err = c.Exec(ctx, `SELECT pg_sleep(600)`)
			}
			return err
		})
	}
	h.until("shards that are done", func() bool { return h.ask(helmDone) != "0" })
	h.steers("limit backends=5", 0, "backends 5 ", "standing still: ", " of 5 backends active in the target server")
	h.says(regexp.MustCompile(`^standing still: \d+ of 5 backends active in the target server$`))
	h.until("a shard that stands still", h.asks("true", `SELECT clock_timestamp() - max(claimed_at) > interval '2 s' FROM rehome.shard`))
	done := h.ask(helmDone)
	h.steers("limit", 0, "standing still: ")
	h.holds(done, helmDone)
	h.steers("limit backends=off rows=off", 0, "backends off ", "measured")
	if exit := run.Wait(h.ctx); exit != 0 {
		t.Errorf("the run ends with %d:\n%s", exit, run.Stderr())
	}
	if !regexp.MustCompile(`(?s)the workers stand still.*(going up again after|no reason to go slower any more)`).MatchString(run.Stderr()) {
		t.Errorf("the run does not say why it stood still, and that it goes on:\n%s", run.Stderr())
	}
}

func TestAReplicaThatStandsStill(t *testing.T) {
	t.Parallel()
	pair := sandbox.NewPair(t, false)
	h := newHelm(t, map[string]string{"NATS_URL": "", "REPLICA_DSN": pair.Replica})
	t.Run("pitfall 23: a lag that nobody knows holds the load, and only that of a replica of the legacy server is taken", func(t *testing.T) {
		h.T = t
		other := h.legacy
		h.legacy = pair.Source
		h.inLegacy(helmLegacy)
		run := h.begin(programs.Producer, "run")
		h.planned()
		h.steers("limit rows=100", 0)
		h.legacy = other
		h.steers("limit lag=2s", 6, "LEGACY_DSN leads to another server than migration lab was planned from")
		h.legacy = pair.Source
		h.steers("limit lag=2s", 0, "lag 2s 0s lag", "measured")
		replica, err := sandbox.Open(pair.Replica)
		if err != nil {
			t.Fatal(err)
		}
		defer replica.Close()
		if _, err := replica.ExecContext(h.ctx, `STOP REPLICA SQL_THREAD`); err != nil {
			t.Fatal(err)
		}
		h.says(regexp.MustCompile(`^standing still: cannot measure the replica lag: the replica at \S+ does not replicate`))
		h.steers("limit", 0, "standing still: cannot measure the replica lag: ", "?")
		if _, err := replica.ExecContext(h.ctx, `START REPLICA SQL_THREAD`); err != nil {
			t.Fatal(err)
		}
		h.says(regexp.MustCompile(`^(slowing down|limited|$)`))
		h.steers("limit rows=off lag=off", 0, "lag off ")
		if exit := run.Wait(h.ctx); exit != 0 {
			t.Errorf("the run ends with %d:\n%s", exit, run.Stderr())
		}
	})
}
