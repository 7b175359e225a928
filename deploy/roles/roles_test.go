package roles

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// A site is a legacy and a target database with the roles that ship.
type site struct {
	name               string            // of roles and users, no two sites' the same
	legacyRoot, target string            // DSNs of their administrators
	legacy             string            // DSN of the legacy user
	roles              map[string]string // DSNs of the target's roles
}

const password = "cHanGe-me9"

// newSite makes the databases and runs the files that ship on them.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{legacyRoot: legacyDatabase(t), target: targetDatabase(t), roles: map[string]string{}}
	s.name = "r" + strings.TrimPrefix(databaseOf(t, s.target), "db_")
	s.runLegacy(t)
	s.runTarget(t, "app")
	return s
}

func databaseOf(t *testing.T, dsn string) string { return strings.TrimPrefix(parse(t, dsn).Path, "/") }

func parse(t *testing.T, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// as returns the DSN for another user.
func as(t *testing.T, dsn, user string) string {
	t.Helper()
	u := parse(t, dsn)
	u.User = url.UserPassword(user, password)
	return u.String()
}

// runLegacy runs legacy.sql with names of the site's own.
func (s *site) runLegacy(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("legacy.sql")
	if err != nil {
		t.Fatal(err)
	}
	user := s.name + "_rehome"
	for _, name := range []string{"'rehome'@'%'", "'change me'", "`legacy`.*"} {
		if !strings.Contains(string(text), name) {
			t.Fatalf("legacy.sql has no %s to replace", name)
		}
	}
	execLegacy(t, s.legacyRoot, strings.NewReplacer("'rehome'", "'"+user+"'", "change me", password, "`legacy`", "`"+databaseOf(t, s.legacyRoot)+"`").Replace(string(text)))
	t.Cleanup(func() { dropLegacy(t, s.legacyRoot, user) })
	s.legacy = as(t, s.legacyRoot, user)
}

func dropLegacy(t *testing.T, dsn, user string) {
	db, err := sandbox.Open(dsn)
	if err == nil {
		defer db.Close()
		_, err = db.Exec("DROP USER '" + user + "'@'%'")
	}
	if err != nil {
		t.Error(err)
	}
}

// runTarget runs target.sql for a schema, twice, as an operator does when tables have come, with further variables.
func (s *site) runTarget(t *testing.T, schema string, more ...string) {
	t.Helper()
	psql, err := sandbox.PostgresProgram("psql")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--no-psqlrc", "--quiet", "--dbname=" + s.target, "--file=target.sql", "--variable=schema=" + schema}
	for _, role := range []string{"producer", "worker", "aggregator"} {
		args = append(args, "--variable="+role+"="+s.name+"_"+role)
	}
	for _, variable := range more {
		args = append(args, "--variable="+variable)
	}
	for range 2 {
		if output, err := exec.CommandContext(t.Context(), psql, args...).CombinedOutput(); err != nil {
			t.Fatalf("target.sql: %v\n%s", err, output)
		}
	}
	for _, role := range []string{"producer", "worker", "aggregator"} {
		execTarget(t, s.target, "ALTER ROLE "+s.name+"_"+role+" PASSWORD '"+password+"'")
		s.roles[role] = as(t, s.target, s.name+"_"+role)
	}
}

// env is what a program of the role has to know.
func (s *site) env(q *queue, role string) []string {
	return append([]string{"LEGACY_DSN=" + s.legacy, "TARGET_DSN=" + s.roles[role]}, q.env(role)...)
}

func TestMigrationUnderTheRoles(t *testing.T) {
	q, s, dir := startQueue(t), newSite(t), programs.NewDir(t)
	dir.Write(t, "migration.yaml", mappingOf("shop"))
	worker := dir.Start(t, programs.Worker, s.env(q, "worker"), "--slots", "2", "--strict-roles")
	aggregator := dir.Start(t, programs.Aggregator, s.env(q, "aggregator"), "--strict-roles")
	producer := func(args ...string) *programs.Process {
		return dir.Start(t, programs.Producer, s.env(q, "producer"), args...)
	}

	if exit := wait(t, producer("check")); exit != 5 {
		t.Errorf("check: exit status %d", exit)
	}
	exit, r := ended(t, producer("run", "--format", "json"))
	if exit != 4 || r.Users != (report.Users{Planned: 400, Migrated: 396, Quarantined: 4}) || r.Consistency != "frozen" {
		t.Fatalf("exit status %d, users %+v, consistency %s", exit, r.Users, r.Consistency)
	}
	dir.Write(t, "migration.yaml", mended(mappingOf("shop")))
	if exit, r = ended(t, producer("run", "--format", "json")); exit != 0 {
		t.Errorf("with a mended mapping: exit status %d, %v", exit, r.Reasons)
	}
	execTarget(t, s.target, `UPDATE app.users SET name = 'changed' WHERE legacy_id = 3; DELETE FROM app.posts WHERE title = 'post 9'`)
	execLegacy(t, s.legacyRoot, `UPDATE users SET name = 'other' WHERE id = 12; DELETE FROM posts WHERE id = 30`)
	if exit := wait(t, producer("run", "--again")); exit != 4 {
		t.Errorf("run --again: exit status %d", exit)
	}
	if exit := wait(t, dir.Start(t, programs.Aggregator, s.env(q, "producer"), "audit", "--repair", "--on-conflict", "legacy")); exit != 0 {
		t.Errorf("audit --repair: exit status %d", exit)
	}
	if exit, r = ended(t, producer("run", "--format", "json")); exit != 0 { // which ends what the repair has begun
		t.Errorf("run after the repair: exit status %d, %v", exit, r.Reasons)
	}
	for _, args := range [][]string{{"report"}, {"watch"}, {"explain", "12"}} {
		p := dir.Start(t, programs.Aggregator, []string{"LEGACY_DSN=" + s.legacy, "TARGET_DSN=" + s.roles["aggregator"]}, args...)
		if exit := wait(t, p); exit != 0 {
			t.Errorf("aggregator %s: exit status %d", args[0], exit)
		}
	}
	for name, p := range map[string]*programs.Process{"worker": worker, "aggregator": aggregator} {
		p.Terminate()
		if exit := wait(t, p); exit != 0 || strings.Contains(p.Stderr(), "42501") || strings.Contains(p.Stderr(), "permission denied") {
			t.Errorf("%s: exit status %d, or a right was lacking", name, exit)
		}
	}
	refusals(t, s)
	if exit := wait(t, producer("reset", "--yes")); exit != 0 {
		t.Errorf("reset: exit status %d", exit)
	}
}

// A program that has been told to is started by no role that could do more than it has to.
func TestStrictRoles(t *testing.T) {
	q, s, dir := startQueue(t), newSite(t), programs.NewDir(t)
	for _, program := range []string{programs.Worker, programs.Aggregator} {
		p := dir.Start(t, program, append(s.env(q, "producer"), "REHOME_STRICT_ROLES=true"))
		if exit := wait(t, p); exit != 6 || !strings.Contains(p.Stderr(), "owns app.") {
			t.Errorf("%s with the producer's role: exit status %d:\n%s", program, exit, p.Stderr())
		}
	}
}

// One process does everything with the producer's role and no NATS server.
func TestMigrationOfOneProcessUnderTheRoles(t *testing.T) {
	s, dir := newSite(t), programs.NewDir(t)
	dir.Write(t, "migration.yaml", mended(mappingOf("shop")))
	env := []string{"LEGACY_DSN=" + s.legacy, "TARGET_DSN=" + s.roles["producer"]}
	if exit, r := ended(t, dir.Start(t, programs.Producer, env, "run", "--format", "json")); exit != 0 {
		t.Errorf("exit status %d, %v", exit, r.Reasons)
	}
	if _, err := os.Stat(filepath.Join(string(dir), ".rehome")); err != nil {
		t.Error(err)
	}
	if exit := wait(t, dir.Start(t, programs.Aggregator, env, "audit")); exit != 0 {
		t.Errorf("audit: exit status %d", exit)
	}
}
