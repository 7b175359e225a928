package roles

import (
	"fmt"
	"strings"
	"testing"

	"rehome/pkg/sandbox/programs"
)

// A worker that lacks a right stops the run with the statement that gives it; the next run goes on when it was given.
func TestARightThatIsMissingStopsTheRun(t *testing.T) {
	q, s, dir := startQueue(t), newSite(t), programs.NewDir(t)
	dir.Write(t, "migration.yaml", mended(mappingOf("shop")))
	role, reader, database := s.name+"_worker", "'"+s.name+"_reader'@'%'", databaseOf(t, s.legacyRoot)
	execLegacy(t, s.legacyRoot, "CREATE USER "+reader+" IDENTIFIED BY '"+password+"'; GRANT SELECT ON "+database+".* TO "+reader+"; GRANT REPLICATION CLIENT ON *.* TO "+reader)
	t.Cleanup(func() { dropLegacy(t, s.legacyRoot, s.name+"_reader") })
	env := append([]string{"LEGACY_DSN=" + as(t, s.legacyRoot, s.name+"_reader"), "TARGET_DSN=" + s.roles["worker"]}, q.env("worker")...)
	run := func() *programs.Process {
		return dir.Start(t, programs.Producer, s.env(q, "producer"), "run", "--format", "json")
	}
	worker := dir.Start(t, programs.Worker, env, "--slots", "1")
	for _, fault := range []struct {
		name       string
		take, give func()
		restart    bool // of the worker, whose sessions were told of their rights when they began
		says       []string
	}{
		{
			name: "on a fed table",
			take: func() { execTarget(t, s.target, "REVOKE INSERT, UPDATE ON app.posts FROM "+role) },
			give: func() { execTarget(t, s.target, "GRANT INSERT, UPDATE ON app.posts TO "+role) },
			says: []string{"app.posts", "42501", "GRANT INSERT, UPDATE ON app.posts TO " + role},
		},
		{
			name: "on the ledger",
			take: func() { execTarget(t, s.target, "REVOKE UPDATE ON rehome.shard FROM "+role) },
			give: func() { execTarget(t, s.target, "GRANT UPDATE ON rehome.shard TO "+role) },
			says: []string{"GRANT UPDATE ON rehome.shard TO " + role},
		},
		{
			name: "on a legacy table",
			take: func() {
				execLegacy(t, s.legacyRoot, fmt.Sprintf("REVOKE SELECT ON %[1]s.* FROM %[2]s; GRANT SELECT ON %[1]s.users TO %[2]s; GRANT INSERT ON %[1]s.posts TO %[2]s", database, reader))
			},
			give:    func() { execLegacy(t, s.legacyRoot, fmt.Sprintf("GRANT SELECT ON %s.* TO %s", database, reader)) },
			restart: true,
			says:    []string{"posts", "GRANT SELECT, SHOW VIEW ON `" + database + "`.* TO " + reader},
		},
	} {
		fault.take()
		if fault.restart {
			worker.Terminate()
			wait(t, worker)
			worker = dir.Start(t, programs.Worker, env, "--slots", "1")
		}
		p := run()
		if exit := wait(t, p); exit != 7 {
			t.Errorf("a right that is missing %s: exit status %d", fault.name, exit)
		}
		for _, text := range fault.says {
			if !strings.Contains(p.Stderr(), text) {
				t.Errorf("a right that is missing %s: the run does not say %q", fault.name, text)
			}
		}
		fault.give()
	}
	// A GRANT stands in the binlog too: that nothing was written meanwhile is not proved any more.
	if exit, r := ended(t, run()); exit != 4 || r.Users.Migrated != 400 || len(r.Reasons) != 1 || r.Reasons[0] != "source not proved unchanged" {
		t.Errorf("with all rights: exit status %d, users %+v, %v", exit, r.Users, r.Reasons)
	}
}
