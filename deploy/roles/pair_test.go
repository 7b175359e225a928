package roles

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox/programs"
)

// held counts what a migration has in the target and in the ledger.
type held struct{ Users, Posts, Shards, Events, Manifest int }

func (s *site) holds(t *testing.T, schema, migration string) (h held) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	err = conn.QueryRow(t.Context(), fmt.Sprintf(`
		SELECT (SELECT count(*) FROM %[1]s.users), (SELECT count(*) FROM %[1]s.posts), (SELECT count(*) FROM rehome.shard WHERE migration = $1),
		       (SELECT count(*) FROM rehome.event WHERE migration = $1),
		       (SELECT count(*) FROM rehome.manifest WHERE migration = $1)`, schema), migration).
		Scan(&h.Users, &h.Posts, &h.Shards, &h.Events, &h.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// streams returns which of the migration's streams there are.
func (u *user) streams(t *testing.T, migration string) (names []string) {
	t.Helper()
	for _, kind := range []string{"SHARDS", "RECEIPTS", "DEAD"} {
		name := "REHOME_" + strings.ToUpper(migration) + "_" + kind
		answer, err := u.Request("$JS.API.STREAM.INFO."+name, nil, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(answer.Data), `"error"`) {
			names = append(names, name)
		}
	}
	return names
}

func TestTwoMigrationsAtOnce(t *testing.T) {
	q, s := startQueue(t), newSite(t)
	execTarget(t, s.target, strings.ReplaceAll(targetSchema, "app", "other"))
	s.runTarget(t, "other")
	dirs := map[string]programs.Dir{"shop": programs.NewDir(t), "bank": programs.NewDir(t)}
	env := func(role, migration string, more ...string) []string {
		return append(append(s.env(q, role), "REHOME_MIGRATION="+migration), more...)
	}
	dirs["shop"].Write(t, "migration.yaml", mended(mappingOf("shop")))
	dirs["bank"].Write(t, "migration.yaml", strings.ReplaceAll(mended(mappingOf("bank")), "into: app.", "into: other."))
	run := func(migration string) *programs.Process {
		return dirs[migration].Start(t, programs.Producer, s.env(q, "producer"), "run", "--format", "json")
	}
	whole := report.Users{Planned: 400, Migrated: 400}

	// Both at once; the one stops in the middle of a shard, with others done.
	standing := dirs["bank"].Start(t, programs.Worker, env("worker", "bank", "REHOME_PAUSE_AT=before_commit:3"), "--slots", "1")
	dirs["shop"].Start(t, programs.Worker, env("worker", "shop"), "--slots", "1")
	bank, shop := run("bank"), run("shop")
	standing.Paused(t.Context())
	if exit, r := ended(t, shop); exit != 0 || r.Users != whole || r.Migration != "shop" {
		t.Fatalf("shop beside a standing bank: exit status %d, users %+v, %v", exit, r.Users, r.Reasons)
	}
	before, mine := s.holds(t, "other", "bank"), s.holds(t, "app", "shop")
	if mine.Users != 400 || mine.Posts != 1200 || before.Users == 0 || before.Users == 400 {
		t.Fatalf("shop holds %+v, bank in the middle of its run %+v", mine, before)
	}

	if exit := wait(t, dirs["shop"].Start(t, programs.Producer, s.env(q, "producer"), "reset", "--yes")); exit != 0 {
		t.Fatalf("reset of shop: exit status %d", exit)
	}
	if h := s.holds(t, "app", "shop"); h != (held{}) {
		t.Errorf("shop holds %+v after its reset", h)
	}
	if h := s.holds(t, "other", "bank"); h != before {
		t.Errorf("bank holds %+v after the reset of shop, and %+v before", h, before)
	}
	u := q.connect(t, "producer")
	if names := u.streams(t, "shop"); len(names) > 0 {
		t.Errorf("after the reset of shop there are %v", names)
	}
	if names := u.streams(t, "bank"); len(names) != 3 {
		t.Errorf("after the reset of shop bank has %v", names)
	}

	standing.Release()
	if exit, r := ended(t, bank); exit != 0 || r.Users != whole || r.Migration != "bank" {
		t.Errorf("bank: exit status %d, users %+v, %v", exit, r.Users, r.Reasons)
	}
	if h := s.holds(t, "other", "bank"); h.Users != 400 || h.Posts != 1200 {
		t.Errorf("bank holds %+v", h)
	}
	if h := s.holds(t, "app", "shop"); h != (held{}) {
		t.Errorf("shop holds %+v when bank has ended", h)
	}
	if exit, r := ended(t, run("shop")); exit != 0 || r.Users != whole {
		t.Errorf("shop once more: exit status %d, users %+v, %v", exit, r.Users, r.Reasons)
	}
	if exit := wait(t, dirs["bank"].Start(t, programs.Aggregator, env("producer", "bank"), "audit")); exit != 0 {
		t.Errorf("audit of bank: exit status %d", exit)
	}
}
