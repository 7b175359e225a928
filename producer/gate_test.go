package main_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// gatedLegacy gives the desk 1,000 more casual users, of which 5 % have no name, and 200 regulars.
const gatedLegacy = `
	INSERT INTO users SELECT 1000 + seq, IF(seq % 20 = 0, NULL, 'Canary'), 1 FROM seq_1_to_1000;
	INSERT INTO users SELECT 3000 + seq, 'Canary', 500 FROM seq_1_to_200;`

const (
	gateLimit  = "    where: reputation < 100\n    gate: {quarantined: 1%}\n"
	gateLife   = "stop: {quarantined: 50%}\n"
	behindGate = `SELECT count(*) FROM rehome.shard WHERE wave > 0 AND kind <> 'redo' AND (attempt > 0 OR state <> 'planned')`
	// early counts shards behind a gate that were begun before it passed.
	early = `SELECT count(*) FROM rehome.shard AS s JOIN rehome.gate AS g ON g.wave = 0 AND g.state = 'passed'
		WHERE s.wave > 0 AND s.claimed_at <= g.at`
)

// gatedMapping is that of the desk with a gate of 1 %.
func gatedMapping(oldnew ...string) string {
	return gateLife + strings.NewReplacer(oldnew...).Replace(replaced("    where: reputation < 100\n", gateLimit, "  time_zone: UTC\n", deskOthers))
}

// deskOthers lets others write to the server that the tests share.
const deskOthers = "  time_zone: UTC\n  accept_unproved: others write there\n"

// withNames gives users without a name one.
func withNames() string {
	return gatedMapping("name:       name", `name:       {sql: name, if_null: "(no name)"}`)
}

func newGated(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.inLegacy(gatedLegacy)
	d.dir.Write(t, "migration.yaml", gatedMapping())
	return d
}

// another has the same legacy database and the gated mapping.
func (d *desk) another(t *testing.T) *desk {
	ctx, cancel := context.WithTimeout(t.Context(), deskLimit)
	t.Cleanup(cancel)
	late := d.again(t)
	late.ctx = ctx
	other := late.sibling()
	other.dir.Write(t, "migration.yaml", gatedMapping())
	return other
}

// isClosed fails the test unless the gate of the first wave is closed and nothing behind it was touched.
func (d *desk) isClosed() {
	d.Helper()
	if n := d.count(`SELECT count(*) FROM rehome.gate WHERE wave = 0 AND state = 'closed'`); n != 1 {
		d.Errorf("%d gates are closed", n)
	}
	if n := d.count(behindGate); n != 0 {
		d.Errorf("%d shards behind a gate that is closed were begun", n)
	}
	if n := d.count(`SELECT count(*) FROM rehome.shard WHERE wave = 0 AND state <> 'done'`); n != 0 {
		d.Errorf("%d shards before it are not done", n)
	}
}

const closedGate = "producer: the gate of wave casual is closed: 50 of 1,055 users tried are quarantined, more than the 1% that it allows; nothing of wave regulars is published. " +
	"Look at the causes in aggregator report, and mend the mapping, or raise the gate's limit. Then start producer run again, which judges the gate anew; " +
	"producer run --pass casual goes on all the same"

func TestGates(t *testing.T) {
	t.Parallel()
	d := newGated(t)
	clean := d.another(t)
	clean.dir.Write(t, "migration.yaml", withNames())
	clean.produces("run", 0, "desk: CLEAN")
	rows, shape := programs.Dump(t, clean.target), d.shape()

	t.Run("with 5 % poisoned users and a gate of 1 % the run ends before the next wave is published", func(t *testing.T) {
		d := d.another(t)
		server := sandbox.NATS(t)
		d.env["NATS_URL"] = server.URL()
		workers := []*programs.Process{d.start(programs.Worker, nil), d.start(programs.Worker, nil)}
		d.produces("run", 7, closedGate)
		d.isClosed()
		conn, err := queue.Connect(d.ctx, queue.Options{URL: server.URL(), Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var run string
		if err := d.row(`SELECT run FROM rehome.migration`).Scan(&run); err != nil {
			t.Fatal(err)
		}
		if queued, err := conn.Queued(d.ctx, "desk", run); err != nil || len(queued) > 0 {
			t.Errorf("%d tasks are queued, %v", len(queued), err)
		}
		d.does(programs.Aggregator, []string{"report"}, 7, "desk: INCOMPLETE", "the gate of wave casual is closed: 50 of 1,055 users tried", "closed")
		for _, w := range workers {
			w.Terminate()
			d.ends(w, 0)
		}
	})
	t.Run("it stays closed until the mapping is mended, and passes by what is then done again", func(t *testing.T) {
		d := d.another(t)
		d.produces("run", 7, closedGate)
		d.produces("run --through regulars", 7, closedGate)
		d.isClosed()
		d.dir.Write(t, "migration.yaml", withNames())
		d.produces("run", 0, "desk: CLEAN", "50 users and 0 rows without a user are done again")
		d.arrived(rows, shape)
		if n := d.count(early); n != 0 {
			t.Errorf("%d shards were begun before the gate had passed", n)
		}
		if n := d.count(`SELECT count(*) FROM rehome.shard, rehome.gate AS g WHERE kind = 'redo' AND (done_at > g.at OR shard.wave > 0)`); n != 0 {
			t.Errorf("%d shards of users who are done again were not done before the gate was judged", n)
		}
		d.produces("run", 0, "desk: CLEAN")
	})
	t.Run("it passes when its limit is raised", func(t *testing.T) {
		d := d.another(t)
		d.produces("run --through casual", 7, "wave casual is done, as --through says, and its gate is closed: 50 of 1,055 users tried")
		d.isClosed()
		d.dir.Write(t, "migration.yaml", gatedMapping("{quarantined: 1%}", "{quarantined: 5%}"))
		d.produces("run --through casual", 7, "wave casual is done, as --through says; the next run goes on behind it, as its gate has passed")
		if n := d.count(behindGate); n != 0 {
			t.Errorf("%d shards behind --through were begun", n)
		}
		d.produces("run", 4, "desk: UNCLEAN", "50 users are quarantined")
		if n := d.count(early); n != 0 {
			t.Errorf("%d shards were begun before the gate had passed", n)
		}
	})
	t.Run("--pass goes on behind it, and that stands in the ledger and in the report", func(t *testing.T) {
		d := d.another(t)
		before := d.world()
		d.produces("run --pass casual", 6, "the gate of wave casual is open: nobody has judged it yet")
		d.untouched(before)
		d.produces("run --pass regulars --through cusual", 2, "--pass: the last wave has no gate", "--through: the mapping has no wave of that name; it has casual, regulars")
		d.produces("run", 7, closedGate)
		d.produces("run --pass casual", 4, "desk: UNCLEAN", "passed as told", "a gate that is closed is passed all the same")
		d.produces("run --pass casual", 4)
		if n := d.count(`SELECT count(*) FROM rehome.event WHERE what = 'gate passed' AND detail->>'by' LIKE '%@%' AND detail->>'overridden' = 'true'`); n != 1 {
			t.Errorf("%d events tell who has said so", n)
		}
		d.does(programs.Aggregator, []string{"report", "--format", "json"}, 4, `"gate": "passed",`, `"gate_override": true`, `"50 of 1,055 users tried are quarantined`)
		d.dir.Write(t, "migration.yaml", withNames())
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
	t.Run("a dead shard closes it, until it is settled", func(t *testing.T) {
		d := d.another(t)
		d.dir.Write(t, "migration.yaml", withNames())
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "planned"}, "run")
		p.Paused(d.ctx)
		d.inTarget(`UPDATE rehome.shard SET state = 'dead', receipt = '{"state": "dead"}', xid = pg_current_xact_id() WHERE wave = 0 AND ordinal = 0`)
		p.Release()
		d.ends(p, 7, "the gate of wave casual is closed: 1 of its shards is dead; nothing of wave regulars is published. producer dead list")
		if n := d.count(behindGate); n != 0 {
			t.Errorf("%d shards behind a gate that is closed were begun", n)
		}
		d.inTarget(`UPDATE rehome.shard SET state = 'planned', generation = 1, receipt = NULL, xid = NULL WHERE state = 'dead'`)
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
	for _, point := range []string{"gate_judged", "gate_set"} {
		for name, mapping := range map[string]string{"closed": gatedMapping(), "passed": withNames()} {
			t.Run(fmt.Sprintf("a run that dies at %s of a gate that is %s leaves nothing behind it begun", point, name), func(t *testing.T) {
				d := d.another(t)
				d.dir.Write(t, "migration.yaml", mapping)
				p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": point}, "run")
				p.Paused(d.ctx)
				if n := d.count(behindGate); n != 0 {
					t.Errorf("%d shards behind the gate were begun", n)
				}
				p.Kill()
				d.eventually("the end of the killed run's lock", `SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'`)
				want := 0
				if point == "gate_set" {
					want = 1
				}
				if n := d.count(fmt.Sprintf(`SELECT count(*) FROM rehome.gate WHERE state = '%s'`, name)); n != want {
					t.Errorf("%d gates are stored", n)
				}
				if name == "closed" {
					d.produces("run", 7, closedGate)
					d.isClosed()
					d.dir.Write(t, "migration.yaml", withNames())
				}
				d.produces("run", 0, "desk: CLEAN")
				d.arrived(rows, shape)
				if n := d.count(early); n != 0 {
					t.Errorf("%d shards were begun before the gate had passed", n)
				}
			})
		}
	}
	t.Run("a run that dies while users are done again for the gate goes on with them", func(t *testing.T) {
		d := d.another(t)
		d.produces("run", 7, closedGate)
		d.dir.Write(t, "migration.yaml", withNames())
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "redo_planned"}, "run")
		p.Paused(d.ctx)
		p.Kill()
		d.eventually("the end of the killed run's lock", `SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'`)
		d.isOpen()
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
}

// isOpen fails the test where something behind the first gate was begun.
func (d *desk) isOpen() {
	d.Helper()
	if n := d.count(behindGate); n != 0 {
		d.Errorf("%d shards behind the gate were begun", n)
	}
}
