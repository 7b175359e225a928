package main_test

import (
	"testing"
	"time"

	"rehome/pkg/dispatch"
	"rehome/pkg/sandbox/programs"
)

// TestHalvesAreQueuedAtOnce has a shard split by its worker, as all that would take longer than a moment are. Its halves do not wait for the next sweep.
// It runs alone, or others would write to the server.
func TestHalvesAreQueuedAtOnce(t *testing.T) {
	l := newLab(t, `CREATE TABLE users (id INT PRIMARY KEY, name TEXT); INSERT INTO users SELECT seq, 'n' FROM seq_1_to_20000;`, labUsersTable, labHead+`
users: {from: users, key: id, shard_rows: 10000}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id}}
`)
	p := l.dir.Start(t, programs.Producer, []string{"LEGACY_DSN=" + l.legacy, "TARGET_DSN=" + l.target, "NATS_URL=", "REHOME_SLOTS=1", "REHOME_WAIT_LONG=1ms"}, "run")
	if exit := p.Wait(l.ctx); exit != 0 {
		t.Fatalf("the run ends with %d:\n%s", exit, p.Stderr())
	}
	l.holds("3", `SELECT count(*) FROM rehome.shard WHERE state = 'split'`) // one, and its halves
	waited, err := time.ParseDuration(l.ask(`
		SELECT extract(epoch FROM max(waited)) || 's' FROM (
		    SELECT min(s.claimed_at) - e.at AS waited FROM rehome.event e JOIN rehome.shard s ON s.parent = e.ordinal WHERE e.what = 'split' GROUP BY e.id, e.at) AS w`))
	if most := dispatch.Every / 2; err != nil || waited > most {
		t.Errorf("halves have waited %s, more than %s; %v", waited, most, err)
	}
}
