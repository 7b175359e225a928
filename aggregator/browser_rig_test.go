package main_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/browser"
	"rehome/pkg/sandbox/programs"
)

// Forty users in shards of four; the names of two are longer than a trigger with a defect leaves them, so that their shards die.
const (
	nightLegacy = `
		CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL);
		INSERT INTO users SELECT seq, IF(seq IN (6, 31), CONCAT('somebody with a long name ', seq), CONCAT('user ', seq)) FROM seq_1_to_40;
		CREATE TABLE posts (id INT PRIMARY KEY, user_id INT NOT NULL, body VARCHAR(60) NOT NULL, KEY (user_id));
		INSERT INTO posts SELECT seq, 1 + seq MOD 40, CONCAT('post ', seq) FROM seq_1_to_120;`
	nightTarget = `
		CREATE SCHEMA app;
		CREATE TABLE app.users (id uuid PRIMARY KEY, name text NOT NULL);
		CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, body text NOT NULL);
		CREATE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := left(NEW.name, 20); RETURN NEW; END';
		CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.tidy();`
	nightMended  = `CREATE OR REPLACE FUNCTION app.tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`
	nightMapping = `name: night
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC, accept_unproved: other tests write to this server}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: id, shard_rows: 16}
tables:
  - into: app.users
    from: users
    user: id
    triggers: {tidy: fire}
    columns: {id: {uuid: user, of: id}, name: name}
  - into: app.posts
    from: posts
    user: user_id
    columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: user_id}, body: body}
`
	nightCause = "altered:app.users.name"
	nightLimit = 4 * time.Minute
)

// A jaeger stands in for the real one: it takes traces, and remembers which page of a trace was asked for.
type jaeger struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newJaeger(t *testing.T) *jaeger {
	j := &jaeger{}
	j.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trace, found := strings.CutPrefix(r.URL.Path, "/trace/"); found {
			j.mu.Lock()
			j.asked = append(j.asked, trace)
			j.mu.Unlock()
		}
	}))
	t.Cleanup(j.Close)
	return j
}

func (j *jaeger) shown() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.asked, " ")
}

// A night is a run with its pages, as an operator sees it.
type night struct {
	*testing.T
	ctx  context.Context
	dir  programs.Dir
	env  []string
	conn *pgx.Conn
	page *browser.Page
}

var printed = regexp.MustCompile(`http://127\.0\.0\.1:\d+/#token=\w+`)

// newNight starts servers, an aggregator and a browser that shows its pages; nothing is planned yet.
func newNight(t *testing.T, traces string) *night {
	t.Helper()
	programs.Build(t) // not in the night's time
	ctx, cancel := context.WithTimeout(t.Context(), nightLimit)
	t.Cleanup(cancel)
	legacy, target := sandbox.MariaDB(t), sandbox.Postgres(t)
	n := &night{T: t, ctx: ctx, dir: programs.NewDir(t)}
	n.env = []string{"LEGACY_DSN=" + legacy, "TARGET_DSN=" + target, "NATS_URL=" + sandbox.NATS(t).URL(), "REHOME_SLOTS=1", "REHOME_TRACE_URL=" + traces + "/trace/{trace_id}",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + traces, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
	db, err := sandbox.Open(legacy)
	n.must(err)
	defer db.Close()
	_, err = db.ExecContext(ctx, nightLegacy)
	n.must(err)
	n.conn, err = pgx.Connect(ctx, target)
	n.must(err)
	t.Cleanup(func() { _ = n.conn.Close(context.WithoutCancel(ctx)) })
	n.inTarget(nightTarget)
	n.dir.Write(t, "migration.yaml", nightMapping)

	aggregator := n.start(programs.Aggregator, "--listen", "127.0.0.1:0", "--migration", "night")
	n.until("the aggregator says where its pages are", func() bool { return printed.MatchString(aggregator.Stdout() + aggregator.Stderr()) })
	n.page = browser.Open(t)
	n.page.Go(printed.FindString(aggregator.Stdout() + aggregator.Stderr()))
	return n
}

func (n *night) must(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *night) inTarget(statements string) {
	n.Helper()
	_, err := n.conn.Exec(n.ctx, statements)
	n.must(err)
}

func (n *night) start(program string, args ...string) *programs.Process {
	n.Helper()
	return n.dir.Start(n.T, program, n.env, args...)
}

// runs starts a run that has to end with the status.
func (n *night) runs(exit int) {
	n.Helper()
	if p := n.start(programs.Producer, "run", "-f", "migration.yaml"); p.Wait(n.ctx) != exit {
		n.Fatalf("producer run does not end with %d:\n%s%s", exit, p.Stdout(), p.Stderr())
	}
}

func (n *night) until(what string, reached func() bool) {
	n.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			n.Fatalf("wait until %s: %v", what, n.ctx.Err())
		}
	}
}

// goes follows a link of the page itself: nothing is loaded anew.
func (n *night) goes(hash, heading string) {
	n.Helper()
	n.page.Click(fmt.Sprintf("a[href=%q]", hash))
	n.page.Until(heading, fmt.Sprintf("document.querySelector('h1').textContent.startsWith(%q)", heading))
}

// cell returns the state whose colour the cell of a shard has on the map, as it is painted. The focus is moved there by the keyboard.
func (n *night) cell(ordinal int) string {
	n.Helper()
	n.page.Until("the map", "document.querySelector('.map canvas')")
	return browser.Value[string](n.page, fmt.Sprintf(`(async () => {
		const map = document.querySelector(".map");
		map.focus();
		const press = (key) => { map.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true})); return new Promise((drawn) => setTimeout(drawn, 60)); };
		await press("Home");
		for (let i = 0; i < %d; i++) await press("ArrowRight");
		const ring = document.querySelector(".map .ring");
		const canvas = map.querySelector("canvas");
		const scale = canvas.width / canvas.clientWidth;
		const at = (n) => Math.round((parseFloat(n) + 4) * scale);
		const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
		copy.drawImage(canvas, 0, 0);
		const pixel = copy.getImageData(at(ring.style.left), at(ring.style.top), 1, 1).data;
		const probe = document.createElement("i");
		document.body.append(probe);
		const states = ["planned", "working", "done", "quarantined", "dead", "discarded"];
		const found = states.find((state) => {
			probe.style.color = "var(--state-" + state + ")";
			return getComputedStyle(probe).color === "rgb(" + [...pixel].slice(0, 3).join(", ") + ")";
		});
		probe.remove();
		return found ?? String(pixel);
	})()`, ordinal))
}
