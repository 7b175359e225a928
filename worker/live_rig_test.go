package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
	"rehome/pkg/throttle"
)

const (
	liveName  = "memory"
	liveLimit = 3 * time.Minute // for one scene
	liveLook  = 20 * time.Millisecond
)

// A live is a migration in full run, with a producer, workers, and a hand on the ledger's controls.
type live struct {
	*testing.T
	memoryMigration
	ctx      context.Context
	ledger   *ledger.Ledger
	conn     *pgx.Conn // of the target
	producer *programs.Process
	workers  []*programs.Process
}

// newLive plans shards of so many rows, under limits from the start, and has so many workers with so many slots each at work on them.
func newLive(t *testing.T, fill string, shardRows, workers, slots int, limits throttle.Limits, env ...string) *live {
	t.Helper()
	programs.Build(t)
	ctx, cancel := context.WithTimeout(t.Context(), liveLimit)
	t.Cleanup(cancel)
	from := sandbox.MariaDB(t)
	fillLegacy(t, from, fill)
	l := &live{T: t, memoryMigration: newMigrationOf(t, from, shardRows), ctx: ctx}
	l.env = append(l.env, env...)
	pool, err := pgxpool.New(ctx, l.target())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l.ledger = ledger.Open(pool)
	if l.conn, err = pgx.Connect(ctx, l.target()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.conn.Close(context.WithoutCancel(ctx)) })
	l.producer = l.dir.Start(t, programs.Producer, l.env, "run", "--format", "json")
	l.until("the plan", func() bool {
		return l.count(`SELECT coalesce(to_regclass('rehome.shard')::oid, 0)::bigint`) > 0 && l.count(`SELECT count(*) FROM rehome.shard`) > 0
	})
	l.limit(limits)
	for range workers {
		l.worker(slots)
	}
	l.until("the workers", func() bool { return len(l.alive()) == workers })
	return l
}

func (l *live) target() string { return l.env[1][len("TARGET_DSN="):] }

func (l *live) worker(slots int, env ...string) *programs.Process {
	l.Helper()
	w := l.dir.Start(l.T, programs.Worker, append(l.env[:len(l.env):len(l.env)], env...), "--slots", fmt.Sprint(slots))
	l.workers = append(l.workers, w)
	return w
}

func (l *live) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *live) limit(limits throttle.Limits) {
	l.Helper()
	l.must(l.ledger.SetLimits(l.ctx, liveName, limits))
}

func (l *live) alive() []ledger.Worker {
	l.Helper()
	workers, err := l.ledger.Workers(l.ctx, liveName, ledger.DefaultFrozen)
	l.must(err)
	return workers
}

// seen waits until every worker goes by the newest controls, and returns how long that took.
func (l *live) seen() time.Duration {
	l.Helper()
	began := time.Now()
	version := l.count(`SELECT version FROM rehome.control`)
	l.until("the workers to see the controls", func() bool {
		for _, w := range l.alive() {
			if w.Seen < version {
				return false
			}
		}
		return true
	})
	return time.Since(began)
}

// until waits for what no event tells, and returns how long it took.
func (l *live) until(what string, reached func() bool) time.Duration {
	l.Helper()
	began := time.Now()
	tick := time.NewTicker(liveLook)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			l.Fatalf("wait for %s: %v", what, context.Cause(l.ctx))
		}
	}
	return time.Since(began)
}

// during calls see again and again for so long: what is to hold has to hold all the time.
func (l *live) during(d time.Duration, see func()) {
	l.Helper()
	began := time.Now()
	l.until("the end of a while", func() bool {
		see()
		return time.Since(began) >= d
	})
}

func (l *live) count(query string, args ...any) (n int64) {
	l.Helper()
	if err := l.conn.QueryRow(l.ctx, query, args...).Scan(&n); err != nil {
		l.Fatalf("%s: %v", query, err)
	}
	return n
}

func (l *live) inWork() int64 {
	l.Helper()
	return l.count(`SELECT count(*) FROM rehome.shard WHERE state = 'planned' AND holder IS NOT NULL`)
}

func (l *live) done() int64 {
	l.Helper()
	return l.count(`SELECT count(*) FROM rehome.shard WHERE state = 'done'`)
}

// stands asserts that the target holds the rows of the shards that are done, and no others.
func (l *live) stands() {
	l.Helper()
	if got, want := l.count(`SELECT (SELECT count(*) FROM app.users) + (SELECT count(*) FROM app.posts)`), l.count(`SELECT sum(written)::bigint FROM rehome.shard`); got != want {
		l.Errorf("the target holds %d rows, and the shards that are done have %d", got, want)
	}
}

// ends waits for the end of the run and compares the target with that of a run that nobody has disturbed.
func (l *live) ends() {
	l.Helper()
	l.clean(l.producer)
	calm := newMigrationOf(l.T, legacyOf(l.memoryMigration), 20_000)
	calm.env[2] = "NATS_URL="
	l.clean(calm.dir.Start(l.T, programs.Producer, calm.env, "run", "--format", "json"))
	if got, want := programs.Dump(l, l.target()), programs.Dump(l, calm.env[1][len("TARGET_DSN="):]); got != want {
		l.Errorf("the target is not what an undisturbed run leaves: %d and %d bytes", len(got), len(want))
	}
}

// says fails the test unless a worker has logged the text.
func (l *live) says(text string) {
	l.Helper()
	for _, w := range l.workers {
		if strings.Contains(w.Stderr(), text) {
			return
		}
	}
	l.Errorf("no worker says %q", text)
}

// clean waits for the end of a run, which is clean but for the other databases of the server, whose changes leave it unproved that there
// were none to the source.
func (l *live) clean(run *programs.Process) {
	l.Helper()
	exit := run.Wait(l.ctx)
	var result report.Report
	if err := json.Unmarshal([]byte(run.Stdout()), &result); err != nil {
		l.Fatalf("a run ends with %d, and its report cannot be read: %v", exit, err)
	}
	reasons := slices.DeleteFunc(result.Reasons, func(reason string) bool { return reason == "source not proved unchanged" })
	if exit != 0 && exit != 4 || len(reasons) > 0 {
		l.Fatalf("a run ends with %d: %v", exit, reasons)
	}
}
