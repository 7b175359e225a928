package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const soon = 8 * time.Second // for a process that is asked to stop, on a machine with other things to do

func TestRefusedRuns(t *testing.T) {
	d := newDesk(t)
	empty := d.world()
	t.Run("a target that holds rows is refused", func(t *testing.T) {
		d := d.sibling().again(t)
		d.inTarget(`INSERT INTO app.users VALUES (gen_random_uuid(), 1, 'Canary', 1)`)
		before := d.world()
		d.produces("run", 6, "table app.users of the target holds rows that no manifest of ours knows", "empty it")
		d.produces("plan", 6, "table app.users of the target holds rows")
		d.untouched(before)
	})
	t.Run("a target whose tables somebody else uses is refused", func(t *testing.T) {
		d := d.sibling().again(t)
		before := d.world()
		release := d.holds(`LOCK TABLE app.posts IN SHARE MODE`)
		d.produces("run", 6, "somebody else uses the target's tables", "app.posts")
		release()
		d.untouched(before)
	})
	d.produces("run", 0, "desk: CLEAN")
	full := d.world()
	t.Run("a mapping that was changed after the plan is refused, with its changes", func(t *testing.T) {
		d := d.again(t)
		d.changed("changed.yaml", "missing: to_null", "missing: leave", "reputation < 100", "reputation < 50")
		d.produces("run -f changed.yaml", 6, "the mapping is not the one that migration desk goes by, and does more than mend it", "missing", "waves", "reset")
		d.produces("finish -f changed.yaml", 6, "the mapping is not the one")
		d.untouched(full)
	})
	t.Run("the same target over another legacy database is refused", func(t *testing.T) {
		d, other := d.again(t), newDesk(t)
		d.ends(d.start(programs.Producer, map[string]string{"LEGACY_DSN": other.legacy}, "run"), 6, "planned from another legacy database than LEGACY_DSN names")
		d.untouched(full)
	})
	t.Run("a plan of what is planned is refused", func(t *testing.T) {
		d := d.again(t)
		d.produces("plan", 6, "migration desk is planned already, and finished")
		d.untouched(full)
	})
	t.Run("a run that is over shows its verdict, also from elsewhere", func(t *testing.T) {
		elsewhere := *d.again(t)
		elsewhere.dir = programs.NewDir(t)
		elsewhere.dir.Write(t, "migration.yaml", deskMapping)
		elsewhere.produces("run", 0, "desk: CLEAN")
		if files := elsewhere.world().Files; len(files) > 0 {
			t.Errorf("it left %q", files)
		}
	})
	t.Run("a reset leaves nothing of it, and the next run is clean", func(t *testing.T) {
		d := d.again(t)
		d.produces("reset --yes", 0)
		empty.Ledger = true // without a migration in it
		d.untouched(empty)
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(full.Rows, full.Shape)
	})
}

func TestLedgersThatCannotBeUsed(t *testing.T) {
	d := newDesk(t)
	done := d.sibling()
	done.produces("run", 0)
	for _, tt := range []struct {
		name, break_ string
		done         bool
		says         []string
	}{
		{"somebody else's schema rehome", `CREATE SCHEMA rehome CREATE TABLE mine (n int)`, false, []string{`schema rehome of the target database holds "mine"`, "drop it"}},
		{"half a ledger", `CREATE SCHEMA rehome; CREATE TABLE rehome.migration (name text)`, false, []string{`holds "migration" and no rehome.version`, "half of one", "drop it"}},
		{"a ledger of a newer release", `INSERT INTO rehome.version (number, name, sha256) VALUES (99, '0099_tomorrow.sql', '')`, true, []string{"ledger"}},
		{"a damaged ledger", `DELETE FROM rehome.version WHERE number = 99; DROP TABLE rehome.manifest CASCADE`, true, []string{"schema rehome lacks manifest", "restore it from a backup"}},
		{"a ledger that holds more than its version says", `DELETE FROM rehome.version WHERE number > 1`, true, []string{"version 1", "ledger"}},
	} {
		t.Run(tt.name+" is refused with what to do", func(t *testing.T) {
			d := d.again(t)
			if tt.done {
				d = done.again(t)
			} else {
				d = d.sibling().again(t)
			}
			d.inTarget(tt.break_)
			before := d.world()
			for _, command := range []string{"run", "finish", "reset --yes"} {
				d.produces(command, 1, tt.says...)
			}
			d.does(programs.Aggregator, []string{"report"}, 1, tt.says...)
			d.untouched(before)
		})
	}
}

func TestSecondRun(t *testing.T) {
	d := newDesk(t)
	rows, shape := d.undisturbed(), d.shape()
	server := sandbox.NATS(t)
	for _, tt := range []struct {
		name, nats, pauseAt string
	}{
		{"alone in its process", "", "claimed:3"},
		{"over NATS", server.URL(), "publishing:1"},
	} {
		t.Run("is refused while the first is at work, "+tt.name+", and does not disturb it", func(t *testing.T) {
			d := d.sibling().again(t)
			d.env["NATS_URL"] = tt.nats
			first := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": tt.pauseAt}, "run")
			first.Paused(d.ctx)
			d.produces("run", 6, "another run", "is alive", "let it finish, or stop it")
			elsewhere := *d
			elsewhere.dir = programs.NewDir(t)
			elsewhere.dir.Write(t, "migration.yaml", deskMapping)
			elsewhere.produces("run", 6, "another run of migration desk is alive", "backend")
			elsewhere.produces("finish", 6, "another run of migration desk is alive")
			elsewhere.produces("reset --yes", 6, "another run of migration desk is alive")
			first.Release()
			if tt.nats != "" {
				worker := d.start(programs.Worker, nil)
				defer func() {
					worker.Terminate()
					d.ends(worker, 0)
				}()
			}
			d.ends(first, 0, "desk: CLEAN")
			d.arrived(rows, shape)
		})
	}
}

// halfWritten counts shards that are not done and have rows.
const halfWritten = `
	SELECT count(*) FROM rehome.shard AS s
	 WHERE s.state = 'planned' AND EXISTS (SELECT FROM rehome.manifest AS m WHERE m.ordinal = s.ordinal AND m.generation = s.generation)`

func TestStoppedRuns(t *testing.T) {
	d := newDesk(t)
	rows, shape := d.undisturbed(), d.shape()
	for _, tt := range []struct {
		name, at   string
		send       func(*programs.Process)
		finish     int
		finishSays string
	}{
		{"SIGINT behind the plan", "planned", (*programs.Process).Interrupt, 6, "no constraint was taken off yet: there is nothing to finish"},
		{"SIGINT in a shard", "claimed:2", (*programs.Process).Interrupt, 6, "are still to be done, and rows that have arrived refer to theirs: producer run goes on"},
		{"SIGTERM before a shard's commit", "before_commit:3", (*programs.Process).Terminate, 6, "are still to be done"},
		{"SIGINT behind settling", "settled", (*programs.Process).Interrupt, 0, "desk: CLEAN"},
	} {
		t.Run(tt.name+" ends it soon, and the next run goes on", func(t *testing.T) {
			d := d.sibling().again(t)
			p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": tt.at}, "run")
			p.Paused(d.ctx)
			start := time.Now()
			tt.send(p)
			d.hears(p, "stopping")
			p.Release()
			d.ends(p, 130, "stopped by a signal", "the next run goes on")
			if took := time.Since(start); took > soon {
				t.Errorf("it took %v", took)
			}
			if n := d.count(halfWritten); n > 0 {
				t.Errorf("%d shards are half-written", n)
			}
			d.does(programs.Aggregator, []string{"report"}, 7, "desk: INCOMPLETE", "still to be done")
			d.produces("finish", tt.finish, tt.finishSays)
			d.produces("run", 0, "desk: CLEAN")
			d.arrived(rows, shape)
		})
	}
	t.Run("a reset after an interrupted run leaves nothing of it, and the next run is clean", func(t *testing.T) {
		d := d.sibling().again(t)
		before := d.world()
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "claimed:3"}, "run")
		p.Paused(d.ctx)
		p.Interrupt()
		d.hears(p, "stopping")
		p.Release()
		d.ends(p, 130)
		d.produces("reset --yes", 0)
		before.Ledger = true
		d.untouched(before)
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
	t.Run("finish ends a run that died behind its last shard", func(t *testing.T) {
		d := d.sibling().again(t)
		p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "attaching:2"}, "run")
		p.Paused(d.ctx)
		p.Kill()
		d.eventually("the end of the killed run's lock", `SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'`)
		d.produces("finish", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
	t.Run("--through ends it behind the wave, and the next run goes on", func(t *testing.T) {
		d := d.sibling().again(t)
		d.produces("run --through casual", 7, "wave casual is done, as --through says; the next run goes on")
		d.does(programs.Aggregator, []string{"report"}, 7, "desk: INCOMPLETE", "casual")
		d.produces("run", 0, "desk: CLEAN")
		d.arrived(rows, shape)
	})
}

func TestChangedSchema(t *testing.T) {
	d := newDesk(t)
	d.changed("migration.yaml", "  time_zone: UTC", "  time_zone: UTC\n  accept_unproved: the column came and went")
	rows, shape := d.undisturbed(), d.shape()
	for _, tt := range []struct{ name, change, undo string }{
		{"a column that nobody reads", `ALTER TABLE posts ADD COLUMN extra INT`, `ALTER TABLE posts DROP COLUMN extra`},
		{"a column's type", `ALTER TABLE posts MODIFY title VARCHAR(50) NOT NULL`, `ALTER TABLE posts MODIFY title VARCHAR(40) NOT NULL`},
		{"a column's name", `ALTER TABLE posts CHANGE title headline VARCHAR(40) NOT NULL`, `ALTER TABLE posts CHANGE headline title VARCHAR(40) NOT NULL`},
	} {
		t.Run("pitfall 24: in mid-run, "+tt.name+", pauses the migration until it is undone", func(t *testing.T) {
			d := d.sibling().again(t)
			d.changed("migration.yaml", "  time_zone: UTC", "  time_zone: UTC\n  accept_unproved: the column came and went")
			p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "claimed:3"}, "run")
			p.Paused(d.ctx)
			d.inLegacy(tt.change)
			p.Release()
			const changed = "the legacy schema is not what it was when the migration was planned: undo the change, or reset and plan again"
			d.ends(p, 7, "producer: migration desk is halted: ", changed)
			d.produces("run", 7, "producer: "+changed)
			d.inLegacy(tt.undo)
			d.produces("run", 0, "desk: CLEAN")
			d.arrived(rows, shape)
		})
	}
}

func TestQuarantineLimit(t *testing.T) {
	d := newDesk(t)
	d.inLegacy(`
		UPDATE users SET name = NULL WHERE id <= 100;
		INSERT INTO users SELECT 1000 + a.n + 10 * b.n + 100 * c.n, 'Canary', 1 FROM digits a, digits b, digits c;`)
	d.changed("migration.yaml", "shard_rows: 60", "shard_rows: 300")
	d.produces("run", 7, "of 1", "users tried are quarantined, more than the 5% that stop.quarantined allows")
	d.does(programs.Aggregator, []string{"report"}, 7, "desk: INCOMPLETE", "not_null:app.users.name")
	d.dir.Write(t, "migration.yaml", "stop: {quarantined: 50%}\n"+replaced("shard_rows: 60", "shard_rows: 300"))
	d.produces("run", 4, "desk: UNCLEAN", "100 users are quarantined", "not_null:app.users.name")
	d.does(programs.Aggregator, []string{"report"}, 4, "desk: UNCLEAN")
	d.does(programs.Aggregator, []string{"watch"}, 4, "desk: UNCLEAN")
}

func TestReports(t *testing.T) {
	d := newDesk(t)
	t.Run("there is none without a ledger", func(t *testing.T) {
		d.again(t).does(programs.Aggregator, []string{"report"}, 1, "the database has no ledger", "the producer makes one")
	})
	verdict := d.produces("run --format json", 0)
	t.Run("the aggregator comes to the producer's verdict", func(t *testing.T) {
		d := d.again(t)
		report := d.does(programs.Aggregator, []string{"report", "--format", "json"}, 0)
		var got, want map[string]any
		if err := json.Unmarshal([]byte(report.Stdout()), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(verdict.Stdout()), &want); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"made", "digest", "seal"} { // and when, and by which command
			if who != "made" && got[who] == want[who] {
				t.Errorf("%s is the same", who)
			}
			delete(got, who)
			delete(want, who)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-producer +aggregator):\n%s", diff)
		}
	})
	t.Run("a report proves itself, with its ledger and without, and one that was changed is told by its key", func(t *testing.T) { d.again(t).proves() })
	for _, command := range []string{"report", "watch"} {
		t.Run(command+" of a migration that is not there is refused", func(t *testing.T) {
			d.again(t).does(programs.Aggregator, []string{command, "--migration", "disk"}, 2, "the ledger has no migration disk: it has desk")
		})
	}
	d.inTarget(`INSERT INTO rehome.migration (name, run, state, mapping_hash, fingerprint, legacy_identity, target_identity, secret, next_ordinal)
		SELECT 'second', run, state, mapping_hash, fingerprint, legacy_identity, target_identity, secret, next_ordinal FROM rehome.migration`)
	for _, command := range []string{"report", "watch"} {
		t.Run(command+" without a name is refused where there are several", func(t *testing.T) {
			d.again(t).does(programs.Aggregator, []string{command}, 2, "the ledger has the migrations desk, second: say which with --migration or REHOME_MIGRATION")
			d.again(t).does(programs.Aggregator, []string{command, "--migration", "desk"}, 0, "desk: CLEAN")
		})
	}
}

// proves has reports verified.
func (d *desk) proves() {
	for _, form := range []string{"json", "html"} {
		file := "report." + form
		d.does(programs.Aggregator, []string{"report", "--format", form, "--to", file}, 0, "the report of desk is in "+file+": clean")
		d.does(programs.Aggregator, []string{"report", "--verify", file}, 0, "intact: sha256:", "made by this ledger", "says the same by now")
		alone := d.start(programs.Aggregator, map[string]string{"TARGET_DSN": ""}, "report", "--verify", file)
		d.ends(alone, 0, "intact: sha256:", "TARGET_DSN is not given")
		body, err := os.ReadFile(filepath.Join(string(d.dir), file))
		if err != nil {
			d.Fatal(err)
		}
		if strings.Contains(string(body), someValue) {
			d.Errorf("%s holds a value of a row", file)
		}
		d.dir.Write(d.T, "changed", strings.NewReplacer(`"migrated": 100`, `"migrated": 99`, `"migrated":100`, `"migrated":99`).Replace(string(body)))
		d.does(programs.Aggregator, []string{"report", "--verify", "changed"}, 3, "digest: the file says", "users.migrated: 99 in the file, 100 by now")
		alone = d.start(programs.Aggregator, map[string]string{"TARGET_DSN": ""}, "report", "--verify", "changed")
		d.ends(alone, 3, "digest: the file says")
	}
	d.does(programs.Aggregator, []string{"report", "--verify", "migration.yaml"}, 1, "neither a report in JSON, nor an HTML page")
	d.does(programs.Aggregator, []string{"report", "--verify", "report.json", "--to", "x"}, 2, "goes not with --verify")
}

func TestForeignMessages(t *testing.T) {
	d := newDesk(t)
	rows, shape := d.undisturbed(), d.shape()
	server := sandbox.NATS(t)
	d.env["NATS_URL"] = server.URL()
	p := d.start(programs.Producer, map[string]string{"REHOME_PAUSE_AT": "publishing:1"}, "run")
	p.Paused(d.ctx)
	conn, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, kind := range []string{"shard", "receipt", "dead"} {
		for _, body := range []string{someValue, "{}", `{"migration": "other", "run": "x", "ordinal": 1}`} {
			if err := conn.Publish("rehome.desk."+kind+".somebody."+body[:1], []byte(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	p.Release()
	worker, aggregator := d.start(programs.Worker, nil), d.start(programs.Aggregator, nil)
	d.ends(p, 0, "desk: CLEAN")
	d.arrived(rows, shape)
	for _, p := range []*programs.Process{worker, aggregator} {
		p.Terminate()
		d.ends(p, 0, "a message is not from rehome")
	}
}
