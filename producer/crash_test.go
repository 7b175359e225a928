package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/sandbox/programs"
)

// TestCrash ends or freezes real processes at every point at which that could matter. Whatever follows, the target, the report and the
// ledger are in the end those of a run that nobody disturbed.
func TestCrash(t *testing.T) {
	programs.Build(t)
	// One population for all: another database made beside it would move the binlog, and the source would not be proved frozen.
	legacy := sandbox.MariaDB(t)
	if _, err := community.Generate(t.Context(), legacy, community.Options{Users: crashUsers, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	clean := newGround(t, legacy, small(string(community.Mapping())), 0)
	colliding := newGround(t, legacy, withCollisions(t, clean.mapping), 4)

	for name, crash := range map[string]func(*scene){
		"the producer dies when the plan is half written":                             planHalfWritten,
		"the producer dies when the publishing is half done":                          publishingHalfDone,
		"a worker dies that took a shard":                                             func(s *scene) { workerDies(s, "task_taken:2", 0) },
		"a worker dies that claimed a shard":                                          func(s *scene) { workerDies(s, "claimed:2", 1) },
		"a worker dies in the middle of COPY":                                         func(s *scene) { workerDies(s, "copying:8", 1) },
		"pitfall 18: a worker dies before it commits":                                 func(s *scene) { workerDies(s, "before_commit:3", 1) },
		"a COMMIT is carried out and its answer lost":                                 func(s *scene) { answerLost(s, sandbox.Unanswered) },
		"a COMMIT is lost on its way":                                                 func(s *scene) { answerLost(s, sandbox.Unheard) },
		"a COMMIT is sent and the link cut behind it":                                 func(s *scene) { answerLost(s, sandbox.CutBehind) },
		"pitfall 18: a worker dies after it committed, before the receipt":            func(s *scene) { receiptMissing(s, "committed:3", 0) },
		"a worker dies after it published the receipt, before the ack":                func(s *scene) { receiptMissing(s, "receipt_published:3", 1) },
		"the aggregator dies when it has counted a receipt":                           aggregatorDies,
		"a worker freezes in the middle of COPY, and wakes when it is late":           func(s *scene) { workerFreezes(s, "copying:8", 1, "shard failed") },
		"a worker freezes behind its claim, and wakes when it is late":                func(s *scene) { workerFreezes(s, "claimed:2", 0, "shard let go") },
		"the producer dies when it has taken the constraints off":                     func(s *scene) { producerDies(s, "detached", 0) },
		"the producer dies when the plan is written":                                  func(s *scene) { producerDies(s, "planned", crashKeys) },
		"the producer dies when all is settled":                                       func(s *scene) { producerDies(s, "settled", 0) },
		"the producer dies when the constraints are back, and the end is not counted": func(s *scene) { producerDies(s, "attached", crashKeys) },
		"the producer dies when the constraints are off, and finish is run":           constraintsOffThenFinish,
		"the producer dies while it puts the constraints back":                        func(s *scene) { halfAttached(s, "attaching:7", s.again) },
		"the producer dies while it puts the constraints back, and finish is run":     func(s *scene) { halfAttached(s, "attaching:14", s.finish) },
		"the producer dies when a constraint is back and not proved":                  func(s *scene) { halfAttached(s, "validating:2", s.again) },
		"the producer dies when indexes are built, and not their constraints":         func(s *scene) { halfBuilt(s, s.again) },
		"the producer dies when indexes are built, and finish is run":                 func(s *scene) { halfBuilt(s, s.finish) },
		"the queue loses all it has":                                                  queueLost,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crash(clean.scene(t))
		})
	}
	t.Run("the producer dies in the middle of settling", func(t *testing.T) {
		t.Parallel()
		settlingHalfDone(colliding.scene(t))
	})
}

// withCollisions lets users who share a login in all but case keep it, so that there is something to settle.
func withCollisions(t *testing.T, mapping string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(mapping) {
		if strings.HasPrefix(strings.TrimSpace(line), "handle:") {
			line = "      handle:         users.login\n"
		}
		lines = append(lines, line)
	}
	changed := strings.Join(lines, "")
	if changed == mapping {
		t.Fatal("the mapping has no handle")
	}
	return changed
}

func planHalfWritten(s *scene) {
	s.crash(s.run("planning"), func() {
		s.until("a COPY of the grid", func() bool {
			return s.count(`SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ILIKE 'copy "rehome"."cell"%'
				AND datname = current_database()`) == 1
		})
	})
	s.holds("migrations in the ledger", 0, `SELECT count(*) FROM rehome.migration`)
	s.holds("cells in the ledger", 0, `SELECT count(*) FROM rehome.cell`)
	s.worker("")
	s.ends(s.run(""))
}

// publishingHalfDone has the producer die when half of a batch is made: a batch is queued as one, so nothing of it is.
func publishingHalfDone(s *scene) {
	s.crash(s.run("publishing"))
	if queued := s.queued(); queued != 0 {
		s.Errorf("%d tasks of a batch are queued that was never sent", queued)
	}
	s.worker("")
	s.ends(s.run(""))
}

const copying = `
	SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%; COPY "app".%' AND pid <> pg_backend_pid() AND datname = current_database()`

// workerDies has a worker die that works on a shard, and another one do it. Attempts are how many the dead one's shard has burnt.
func workerDies(s *scene, point string, attempts int64) {
	run := s.run("")
	s.crash(s.worker(point), func() {
		if held := s.backlog().Held; held != 1 {
			s.Errorf("%d tasks are leased, want 1", held)
		}
		s.holds("shards that somebody holds", attempts, `SELECT count(*) FROM rehome.shard WHERE holder IS NOT NULL`)
		if strings.HasPrefix(point, "copying") {
			s.holds("sessions in a COPY", 1, copying)
		}
	})
	s.worker("")
	s.ends(run)
	s.holds("the most attempts at a shard", 1+attempts, `SELECT max(attempt) FROM rehome.shard`)
}

// answerLost has a worker live on that cannot know what became of its COMMIT.
func answerLost(s *scene, f sandbox.Fate) {
	proxy, over := sandbox.ProxyTo(s.T, s.target)
	run := s.run("")
	s.env = append(s.env, "TARGET_DSN="+over)
	w := s.worker("before_commit:3")
	s.workers = append(s.workers, w)
	w.Paused(s.ctx)
	lost := proxy.Lose("Q\x00\x00\x00\x0bcommit\x00", f)
	w.Release()
	select {
	case <-lost:
	case <-s.ctx.Done():
		s.Fatal("no COMMIT was lost")
	}
	s.ends(run)
	committed := strings.Contains(w.Stderr(), "done, though COMMIT was not answered")
	undone := strings.Contains(w.Stderr(), "not committed as far as is known")
	if committed == undone || f == sandbox.Unanswered && !committed || f == sandbox.Unheard && !undone {
		s.Errorf("the worker takes the lost COMMIT for done (%t) and for not done (%t)", committed, undone)
	}
	attempts := int64(1)
	if undone {
		attempts = 2
	}
	s.holds("the most attempts at a shard", attempts, `SELECT max(attempt) FROM rehome.shard`)
}

// receiptMissing has a worker die whose shard is done, and leave the rest to the next delivery alone: the producer stands still.
func receiptMissing(s *scene, point string, published int64) {
	aggregator := s.start(programs.Aggregator, "")
	run := s.run("")
	s.until("a plan", func() bool {
		return s.count(`SELECT count(*) FROM pg_class WHERE oid = to_regclass('rehome.part')`) == 1 && s.count(`SELECT count(*) FROM rehome.part`) > 0
	})
	wave := s.count(`SELECT count(*) FROM rehome.shard WHERE wave = 0`)
	s.until("all tasks of a wave", func() bool { return s.streams() && s.queued() == wave })
	run.Stop()
	s.crash(s.worker(point), func() {
		s.holds("shards that are done", 3, doneShards)
		if held := s.backlog().Held; held != 1 {
			s.Errorf("%d tasks are leased, want 1", held)
		}
		if got := s.receipted(); got != 2+published {
			s.Errorf("%d receipts are in the queue, want %d", got, 2+published)
		}
	})
	s.worker("")
	s.until("the receipts of a wave, and a second one where there was one", func() bool {
		return s.receipted() == wave && s.sent("RECEIPTS") == uint64(wave+published)
	})
	run.Continue()
	s.ends(run)
	s.holds("the most attempts at a shard", 1, `SELECT max(attempt) FROM rehome.shard`)
	s.countsAll(aggregator)
}

func aggregatorDies(s *scene) {
	first := s.start(programs.Aggregator, "counted:3")
	run := s.run("")
	s.worker("")
	s.crash(first)
	second := s.start(programs.Aggregator, "")
	s.ends(run)
	s.countsAll(second)
}

// workerFreezes has a worker stand still until another one has done its shard, and wake then in the middle of what it was doing. A session
// that holds the shard is ended meanwhile; what the woken worker says of its shard is its last word on it.
func workerFreezes(s *scene, point string, ended int64, last string) {
	run := s.run("")
	frozen := s.worker(point)
	frozen.Paused(s.ctx)
	frozen.Stop()
	frozen.Release() // it goes on when it wakes
	s.holds("sessions in a COPY", ended, copying)
	s.worker("")
	s.ends(run)
	s.holds("sessions that were ended", ended, `SELECT count(*) FROM rehome.event WHERE what = 'reaped'`)
	s.holds("the most attempts at a shard", 2, `SELECT max(attempt) FROM rehome.shard`)

	frozen.Terminate()
	frozen.Continue()
	if exit := frozen.Wait(s.ctx); exit != 0 {
		s.Errorf("the woken worker ends with %d", exit)
	}
	if !strings.Contains(frozen.Stderr(), last) {
		s.Errorf("the woken worker does not say %q of its shard", last)
	}
	s.same("after the frozen worker woke")
}

const crashKeys = 10 // foreign keys of the community's target

const foreignKeys = `SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'app'::regnamespace`

// producerDies has the producer die at a point at which so many foreign keys are on, and start again.
func producerDies(s *scene, point string, on int64) {
	s.worker("")
	s.crash(s.run(point))
	s.holds("foreign keys that are on", on, foreignKeys)
	s.ends(s.again())
}

func constraintsOffThenFinish(s *scene) {
	s.crash(s.run("detached"))
	if exit := s.finish().Wait(s.ctx); exit != 6 {
		s.Errorf("finish ends with %d, want 6: no shard is done yet", exit)
	}
	s.holds("foreign keys that are on", 0, foreignKeys)
	s.worker("")
	s.ends(s.run(""))
}

// halfAttached has the producer die between two constraints, or between a constraint and its proof, and something go on.
func halfAttached(s *scene, point string, goOn func() *programs.Process) {
	s.worker("")
	s.crash(s.run(point))
	if s.count(`SELECT count(*) FROM rehome.part WHERE state = 'off'`) == 0 || s.count(`SELECT count(*) FROM rehome.part WHERE state = 'valid'`) == 0 {
		s.Error("all parts are off, or all are back")
	}
	if strings.HasPrefix(point, "validating") && s.count(`SELECT count(*) FROM pg_constraint WHERE NOT convalidated`) == 0 {
		s.Error("all constraints are proved")
	}
	s.ends(goOn())
}

// halfBuilt has the producer die while it puts back several at the same time: an index stands, and its constraint does not.
func halfBuilt(s *scene, goOn func() *programs.Process) {
	s.worker("")
	s.crash(s.run("built:2"))
	if s.count(`SELECT count(*) FROM rehome.part p JOIN pg_class c ON c.relname = p.name AND c.relkind = 'i'
		WHERE p.state = 'off' AND p.detail @> '{"constraint": true}' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)`) == 0 {
		s.Error("no index stands without its constraint")
	}
	s.holds("foreign keys that are on", 0, foreignKeys)
	s.ends(goOn())
}

// settlingHalfDone has the producer die in each of the two kinds of settling: users who collide, and rows whose needed row is not there.
func settlingHalfDone(s *scene) {
	const settled = `SELECT count(*) FROM rehome.shard WHERE kind = 'settle'`
	s.worker("")
	s.crash(s.run("settling:1"))
	s.holds("settlements", 0, settled)
	s.holds("rows taken out", 0, `SELECT count(*) FROM rehome.undone`)
	s.crash(s.run("settling:2"))
	s.holds("settlements", 1, settled)
	s.ends(s.run(""))
}

func queueLost(s *scene) {
	run := s.run("")
	w := s.worker("claimed:3")
	s.workers = append(s.workers, w)
	w.Paused(s.ctx)
	s.nats.Kill()
	if err := os.RemoveAll(filepath.Join(s.nats.Dir(), "store")); err != nil {
		s.Fatal(err)
	}
	if err := s.nats.Restart(s.ctx); err != nil {
		s.Fatal(err)
	}
	s.holds("shards that were done", 2, doneShards)
	w.Release()
	s.ends(run)
}
