package roles

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rehome/pkg/sandbox/programs"
)

// operatorActs are what an aggregator's role may not do that has the rights for the dashboard's actions.
var operatorActs = []string{
	`UPDATE rehome.control SET limits = '{}'`, `UPDATE rehome.control SET deadline = now()`, `DELETE FROM rehome.control`, `INSERT INTO rehome.control (migration, version, limits) VALUES ('other', 1, '{}')`,
	`UPDATE rehome.migration SET plan = '{}'`, `UPDATE rehome.migration SET secret = ''`, `UPDATE rehome.migration SET mapping_hash = ''`, `UPDATE rehome.migration SET verdict = '{}'`,
	`UPDATE rehome.shard SET users = 0`, `UPDATE rehome.shard SET after_key = NULL`, `UPDATE rehome.shard SET holder = NULL`, `DELETE FROM rehome.shard`, `UPDATE rehome.shard__shop SET state = 'done'`,
	`INSERT INTO rehome.user_state (migration, user_hash, user_key, state, cause, ordinal, generation, at) VALUES ('shop', 1, 'x', 'left_out', '', 0, 0, now())`,
	`UPDATE rehome.user_state SET state = 'left_out'`, `DELETE FROM rehome.event`, `UPDATE rehome.event SET what = 'x'`, `DELETE FROM rehome.manifest`, `DELETE FROM rehome.roster`, `UPDATE rehome.gate SET state = 'passed'`,
	`SELECT FROM app.users`, `INSERT INTO app.users (id) VALUES (gen_random_uuid())`, `DROP TABLE rehome.shard`, `CREATE TABLE rehome.more (id int)`,
}

const (
	tidyBroken = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := left(NEW.name, 6); RETURN NEW; END'`
	tidyMended = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`
)

// A desk is a dashboard and who has signed in to it.
type desk struct {
	t            *testing.T
	at, password string
}

var pagesAt = regexp.MustCompile(`dashboard: (http://\S+)/#token=(\w+)`)

// sits waits for the dashboard of an aggregator that has found its migration.
func sits(t *testing.T, p *programs.Process) *desk {
	t.Helper()
	d := &desk{t: t}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if found := pagesAt.FindStringSubmatch(p.Stderr()); found != nil {
			d.at, d.password = found[1], found[2]
			if status, _ := d.ask("GET", "overview", ""); status == http.StatusOK {
				return d
			}
		}
	}
	t.Fatal("the aggregator shows no dashboard")
	return d
}

func (d *desk) ask(method, path, body string) (status int, text string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.at+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+d.password)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// does sends an action and fails the test unless it is answered so, with that in it.
func (d *desk) does(path, body string, status int, says string) string {
	d.t.Helper()
	got, text := d.ask("POST", path, body)
	if got != status || !strings.Contains(text, says) {
		d.t.Errorf("%s: %d %s, want %d and %q", path, got, text, status, says)
	}
	return text
}

// The dashboard acts with the rights that ship for that, and says which are missing where they were not given.
func TestTheDashboardsActions(t *testing.T) {
	q, s, dir := startQueue(t), newSite(t), programs.NewDir(t)
	execTarget(t, s.target, tidyBroken+`; CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.tidy()`)
	dir.Write(t, "migration.yaml", strings.Replace(mended(mappingOf("shop")), "user: id\n", "user: id\n    triggers: {tidy: fire}\n", 1))
	worker := dir.Start(t, programs.Worker, s.env(q, "worker"), "--slots", "2")
	run := func(exit int) {
		t.Helper()
		if got := wait(t, dir.Start(t, programs.Producer, s.env(q, "producer"), "run")); got != exit {
			t.Errorf("run: exit status %d, want %d", got, exit)
		}
	}
	run(4)
	aggregator := dir.Start(t, programs.Aggregator, s.env(q, "aggregator"), "--strict-roles", "--listen", "127.0.0.1:0")
	d := sits(t, aggregator)
	role := s.name + "_aggregator"
	d.does("pause", `{}`, 403, "ON rehome.control TO "+role)
	d.does("dead/republish", `{"all":true,"force":true}`, 403, "ON rehome.shard TO "+role)
	d.does("dead/discard", `{"ids":["0.0"],"reason":"test"}`, 403, "producer dead discard")

	s.runTarget(t, "app", "actions=on")
	d.does("pause", `{"reason":"test"}`, 200, `"reason":"test"`)
	d.does("resume", `{}`, 200, `"paused":null`)
	dead := s.dead(t, d)
	if len(dead) < 2 {
		t.Fatalf("dead are %q", dead)
	}
	d.does("dead/republish", `{"all":true}`, 200, `"result":"refused"`) // nothing has changed
	if status, text := d.ask("GET", "dead/"+dead[0], ""); status != 200 || strings.Contains(text, "first_user") {
		t.Errorf("a dead letter: %d %s", status, text)
	}
	d.does("dead/discard", `{"ids":["`+dead[0]+`"],"reason":"test"}`, 200, `"refused":[]`)
	execTarget(t, s.target, tidyMended)
	d.does("dead/republish", `{"all":true}`, 200, `"result":"republished"`)
	again := strings.Split(dead[0], ".")[0]
	d.does("dead/republish", `{"ids":["`+again+`"],"force":true}`, 200, `"result":"republished"`) // which takes back what was discarded
	run(0)
	s.tries(t, "aggregator", operatorActs)

	aggregator.Terminate()
	if exit := wait(t, aggregator); exit != 0 {
		t.Errorf("the aggregator ends with %d", exit)
	}
	t.Run("a start that is strict about rights takes them for what the dashboard needs, and for too much without one", func(t *testing.T) {
		strict := dir.Start(t, programs.Aggregator, s.env(q, "aggregator"), "--strict-roles", "--listen", "127.0.0.1:0")
		sits(t, strict)
		strict.Terminate()
		if exit := wait(t, strict); exit != 0 {
			t.Errorf("with a dashboard: exit status %d", exit)
		}
		if exit := wait(t, dir.Start(t, programs.Aggregator, s.env(q, "aggregator"), "--strict-roles", "--listen", "off")); exit != 6 {
			t.Errorf("without one: exit status %d", exit)
		}
	})
	worker.Terminate()
	wait(t, worker)
}

// dead lists the IDs of what is dead.
func (s *site) dead(t *testing.T, d *desk) (ids []string) {
	t.Helper()
	status, text := d.ask("GET", "dead", "")
	var list struct {
		Causes []struct{ IDs []string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	for _, c := range list.Causes {
		ids = append(ids, c.IDs...)
	}
	slices.Sort(ids)
	return ids
}

// tries tries as a role what it may not do.
func (s *site) tries(t *testing.T, role string, acts []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.roles[role])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, act := range acts {
		if !strings.HasPrefix(act, "CREATE DATABASE") && !strings.HasPrefix(act, "ALTER SYSTEM") { // which no transaction may hold
			if _, err := conn.Exec(t.Context(), `BEGIN`); err != nil {
				t.Fatal(err)
			}
		}
		_, err := conn.Exec(t.Context(), act)
		if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
			t.Fatal(err)
		}
		if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s as %s: %v, want a right to be lacking", act, role, err)
		}
	}
}
