package main_test

import (
	"strings"
	"testing"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// ends runs the aggregator with an environment of its own, and fails the test unless it ends so and says that.
func (m *moved) ends(exit int, says string, env []string, args ...string) {
	m.Helper()
	p := m.dir.Start(m.T, programs.Aggregator, env, args...)
	if got := p.Wait(m.ctx); got != exit || !strings.Contains(p.Stdout()+p.Stderr(), says) {
		m.Errorf("%v ends with %d, want %d and %q:\n%s%s", args, got, exit, says, p.Stdout(), p.Stderr())
	}
}

func TestAuditAsAProcess(t *testing.T) {
	m := newMoved(t, 40)
	target := "TARGET_DSN=" + m.target
	both := append(m.env(), "REHOME_SLOTS=1")
	t.Run("an audit that is killed goes on where it was", func(t *testing.T) {
		p := m.dir.Start(t, programs.Aggregator, append(both, "REHOME_PAUSE_AT=before_commit:3"), "audit")
		p.Paused(m.ctx)
		m.ends(6, "another", both, "audit")
		p.Kill()
		done := m.one(`SELECT count(*)::text FROM rehome.shard WHERE kind = 'audit' AND state = 'done'`)
		if done != "2" {
			t.Errorf("%s shards were audited", done)
		}
		m.ends(0, "going on with an audit that was not ended", both, "audit", "--output", "json")
		m.ends(0, "BOTH SIDES ARE THE SAME", both, "audit")
		want := m.one(`SELECT ((SELECT count(*) FROM app.users) + (SELECT count(*) FROM app.posts) + (SELECT count(*) FROM app.comments))::text`)
		got := m.one(`SELECT sum(rows)::text FROM rehome.audited JOIN (VALUES (0), (3), (4)) AS e (entry) USING (entry) WHERE column_name = ''`)
		if got != want {
			t.Errorf("%s rows of the users, posts and comments were audited, want %s", got, want)
		}
	})
	t.Run("with NATS_URL the workers that run do it, and the legacy database is theirs alone", func(t *testing.T) {
		url := "NATS_URL=" + sandbox.NATS(t).URL()
		worker := m.dir.Start(t, programs.Worker, append(both, url))
		m.ends(0, "BOTH SIDES ARE THE SAME", []string{target, url}, "audit")
		worker.Terminate()
		if got := worker.Wait(m.ctx); got != 0 {
			t.Errorf("the worker ends with %d", got)
		}
	})
	t.Run("the verdict of the run stays what it was", func(t *testing.T) {
		m.inTarget(`DELETE FROM app.follows`)
		m.ends(3, "rows that are gone from the target", both, "audit")
		m.ends(0, "CLEAN", []string{target}, "report")
	})
	for name, test := range map[string]struct {
		says string
		env  []string
		args []string
	}{
		"without NATS_URL it needs the legacy database": {"LEGACY_DSN", []string{target}, []string{"audit"}},
		"a word that is neither keep nor legacy":        {"--on-conflict", both, []string{"audit", "--repair", "--on-conflict", "mine"}},
		"what happens in a conflict, and no repair":     {"--repair is not given", both, []string{"audit", "--on-conflict", "legacy"}},
		"an argument":                               {"unknown command", both, []string{"audit", "17"}},
		"a form of output that there is not":        {"--output", both, []string{"audit", "--output", "xml"}},
		"a migration that the ledger does not have": {"has no migration other", both, []string{"audit", "--migration", "other"}},
	} {
		t.Run(name+" is refused", func(t *testing.T) { m.ends(2, test.says, test.env, test.args...) })
	}
}
