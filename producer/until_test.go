package main_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox/programs"
)

// A night is a time that does not do for all shards of the helm's 3,000 users. REHOME_NIGHT=long makes it the two minutes that an operator would try.
type night struct {
	lasts     time.Duration
	shardRows int     // which take a slot so long at the rate
	rate      int     // rows per second of both slots
	used      float64 // of the slots' time, at least
}

func theNight() night {
	if os.Getenv("REHOME_NIGHT") == "long" {
		return night{lasts: 2 * time.Minute, shardRows: 150, rate: 20, used: 0.8} // shards of 15 s
	}
	return night{lasts: 24 * time.Second, shardRows: 75, rate: 75, used: 0.5} // of 2 s, on a machine with other things to do
}

// at spells a time of day that is so far away.
func at(lasts time.Duration) string { return time.Now().Add(lasts).UTC().Format("15:04:05") + "@UTC" }

func TestUntil(t *testing.T) {
	t.Parallel()
	n := theNight()
	programs.Build(t) // not in the night's time
	mapping := strings.Replace(helmMapping, "shard_rows: 20}", "shard_rows: "+strconv.Itoa(n.shardRows)+"}", 1)
	h := newHelm(t, map[string]string{"NATS_URL": ""})
	h.dir.Write(t, "migration.yaml", mapping)
	h.env["REHOME_PAUSE_AT"] = "planned"
	until := at(n.lasts)
	run := h.begin(programs.Producer, "run", "--until", until)
	run.Paused(h.ctx)
	h.inTarget(`INSERT INTO rehome.control (migration, version, limits) VALUES ('lab', 1, '{"rows": ` + strconv.Itoa(n.rate) + `}')`)
	run.Release()
	delete(h.env, "REHOME_PAUSE_AT")
	h.until("the deadline", func() bool {
		return h.ask(`SELECT coalesce((SELECT clock_timestamp() >= deadline FROM rehome.control), false)`) == "true"
	})
	const held = `SELECT count(*) FROM rehome.shard WHERE holder IS NOT NULL`
	const working = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rehome/worker' AND xact_start IS NOT NULL
		AND xact_start < clock_timestamp() - interval '0.5 s'`
	h.holds("0", held)
	h.holds("0", working)
	if got := run.Wait(h.ctx); got != 7 {
		t.Fatalf("the run ends with %d", got)
	}
	name, _, _ := strings.Cut(until, "@")
	for _, says := range []string{"the time is up (" + name + " UTC", " shards are done, ", " go on with the next run"} {
		if !strings.Contains(run.Stderr(), says) {
			t.Errorf("it does not say %q", says)
		}
	}
	h.holds("0", held)
	h.holds("0", `SELECT count(*) FROM rehome.shard, rehome.control WHERE done_at > deadline`)
	used, err := strconv.ParseFloat(h.ask(`
		SELECT sum(extract(epoch FROM s.done_at - s.claimed_at)) / (2 * extract(epoch FROM max(c.deadline) - min(s.claimed_at)))
		  FROM rehome.shard s, rehome.control c WHERE s.state = 'done'`), 64)
	if err != nil || used < n.used {
		t.Errorf("%g of the slots' time was used, want %g", used, n.used)
	}
	t.Logf("%s shards done in %s, %.2f of the slots' time", h.ask(`SELECT count(*) FROM rehome.shard WHERE state = 'done'`), n.lasts, used)
	h.inTarget(`UPDATE rehome.control SET limits = '{}', version = version + 1`)
	h.does("run", 0, "CLEAN")
	h.holds("true", `SELECT deadline IS NULL FROM rehome.control`)
	h.is(undisturbedHelm(h))
}

// undisturbedHelm returns the rows that a run makes which nothing limits.
func undisturbedHelm(h *helm) string {
	h.Helper()
	other := newLab(h.T, helmLegacy, helmTarget, helmMapping)
	other.does("run", 0)
	return programs.Dump(h.T, other.target)
}

func TestUntilTheEndOfTheLoad(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, point string) (*desk, *programs.Process) {
		d := newDesk(t)
		d.changed("migration.yaml", "  time_zone: UTC\n", deskOthers)
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": point}, "run", "--until", at(2*time.Hour))
		p.Paused(d.ctx)
		return d, p
	}
	t.Run("a step that would not end in time is not begun, and what is off is told and put back", func(t *testing.T) {
		d, p := begin(t, "redone")
		d.inTarget(`UPDATE rehome.control SET deadline = clock_timestamp() + interval '5 s'`)
		p.Release()
		d.ends(p, 7, "the time is up (", "shards are done, and there is no time for statistics", " constraints and indexes are off: ", "posts_author_id_fkey of app.posts",
			"producer run goes on with that, and so does producer finish")
		d.produces("finish", 0, "desk: CLEAN")
	})
	t.Run("when the time is up in the middle, the rest stays off, and the next run goes on", func(t *testing.T) {
		d, p := begin(t, "attaching:2")
		d.inTarget(`UPDATE rehome.control SET deadline = clock_timestamp() - interval '1 s'`)
		p.Release()
		d.ends(p, 7, "and there is no time for putting back ")
		d.produces("run", 0, "desk: CLEAN")
	})
	t.Run("a deadline that is over before there is a plan publishes nothing", func(t *testing.T) {
		d := newDesk(t)
		d.changed("migration.yaml", "  time_zone: UTC\n", deskOthers)
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "planned"}, "run", "--until", at(8*time.Second))
		p.Paused(d.ctx)
		<-time.After(9 * time.Second) // it is the time itself that has to go by
		p.Release()
		d.ends(p, 7, "the time is up (", "before anything was published; the next run goes on")
		d.produces("run", 0, "desk: CLEAN")
	})
	t.Run("a time without a zone, and one that is over, are refused", func(t *testing.T) {
		d := newDesk(t)
		before := d.world()
		d.produces("run --until 06:00", 2, "--until: \"06:00\" does not say in which zone; write 06:00@Europe/Berlin")
		d.produces("run --until 2026-01-01T06:00@UTC", 2, "is over since")
		d.untouched(before)
	})
}

func TestARunWaitsWhileItsOperatorPauses(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"planned", "redone"} {
		t.Run("from "+point+" on, and says so", func(t *testing.T) {
			d := newDesk(t)
			d.changed("migration.yaml", "  time_zone: UTC\n", deskOthers)
			p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": point}, "run")
			p.Paused(d.ctx)
			d.produces("pause --reason backup", 0)
			done := d.count(`SELECT count(*) FROM rehome.shard WHERE state <> 'planned'`)
			p.Release()
			d.hears(p, "desk paused: since ")
			d.hears(p, "backup; producer resume goes on")
			if n := d.count(`SELECT count(*) FROM rehome.shard WHERE state <> 'planned'`); n != done {
				t.Errorf("%d shards were done meanwhile", n-done)
			}
			p.Interrupt()
			d.ends(p, 130)
			again := d.start(programs.Producer, nil, "run")
			d.hears(again, "desk paused: since ") // a new start does not lift it
			d.produces("resume", 0)
			d.ends(again, 0, "desk: CLEAN")
		})
	}
}
