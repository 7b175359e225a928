package main_test

import (
	"context"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const (
	deskLimit = 3 * time.Minute
	deskLook  = 20 * time.Millisecond
	someValue = "Canary"     // in every row's name; no message may show it
	somePass  = "canarypass" // a password that opens nothing
)

const deskLegacy = `
	CREATE TABLE digits (n INT PRIMARY KEY);
	INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
	CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40), reputation INT NOT NULL);
	INSERT INTO users SELECT 1 + a.n + 10 * b.n, CONCAT('Canary', a.n, b.n), 10 * (a.n + b.n) FROM digits a, digits b;
	CREATE TABLE posts (id INT PRIMARY KEY, owner INT NOT NULL, parent INT, title VARCHAR(40) NOT NULL, KEY (owner));
	INSERT INTO posts SELECT 3 * u.id + d.n, u.id, IF(d.n = 0, NULL, 3 * (101 - u.id)), 'Canary post' FROM users u, digits d WHERE d.n < 3;`

const deskTarget = `
	CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, legacy_id int NOT NULL UNIQUE, name text NOT NULL, reputation int NOT NULL);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, parent_id uuid REFERENCES app.posts, title text NOT NULL);
	CREATE INDEX ON app.posts (author_id);
	CREATE TABLE app.keyless (legacy_id int NOT NULL, name text NOT NULL, reputation int NOT NULL);`

const deskMapping = `name: desk
legacy:
  dsn: ${LEGACY_DSN}
  time_zone: UTC
target:
  dsn: ${TARGET_DSN}
users:
  from: users
  key: id
  shard_rows: 60
waves:
  - name: casual
    where: reputation < 100
  - name: regulars
tables:
  - into: app.users
    from: users
    user: id
    columns:
      id:         {uuid: user, of: id}
      legacy_id:  id
      name:       name
      reputation: reputation
  - into: app.posts
    from: posts
    user: owner
    columns:
      id:         {uuid: post, of: id}
      author_id:  {uuid: user, of: owner}
      parent_id:  {uuid: post, of: parent, missing: to_null}
      title:      title
ignore: {digits: counts for us}
`

// A desk is where an operator sits: a small legacy population, an empty target, and a directory with a mapping.
type desk struct {
	*testing.T
	ctx    context.Context
	dir    programs.Dir
	legacy string
	target string
	env    map[string]string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return newDeskOn(t, sandbox.MariaDB(t), sandbox.Postgres(t))
}

func newDeskOn(t *testing.T, legacy, target string) *desk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deskLimit)
	t.Cleanup(cancel)
	d := &desk{T: t, ctx: ctx, dir: programs.NewDir(t), legacy: legacy, target: target}
	d.env = map[string]string{"LEGACY_DSN": d.legacy, "TARGET_DSN": d.target, "REHOME_SLOTS": "1"}
	d.inLegacy(deskLegacy)
	d.inTarget(deskTarget)
	d.dir.Write(t, "migration.yaml", deskMapping)
	return d
}

// again gives the same desk another test, so that what fails is said of that one.
func (d *desk) again(t *testing.T) *desk {
	other := *d
	other.T = t
	return &other
}

// sibling has the same legacy database, and a target and a directory of its own.
func (d *desk) sibling() *desk {
	d.Helper()
	other := *d
	other.dir, other.target, other.env = programs.NewDir(d.T), sandbox.Postgres(d.T), maps.Clone(d.env)
	other.env["TARGET_DSN"] = other.target
	other.inTarget(deskTarget)
	other.dir.Write(d.T, "migration.yaml", deskMapping)
	return &other
}

func (d *desk) inLegacy(statements string) {
	d.Helper()
	db, err := sandbox.Open(d.legacy)
	if err != nil {
		d.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(d.ctx, statements); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) inTarget(statements string) {
	d.Helper()
	conn, err := pgx.Connect(d.ctx, d.target)
	if err != nil {
		d.Fatal(err)
	}
	defer conn.Close(d.ctx)
	if _, err := conn.Exec(d.ctx, statements); err != nil {
		d.Fatal(err)
	}
}

// changed writes the mapping with some of its texts replaced, old and new in turns.
func (d *desk) changed(name string, oldnew ...string) {
	d.Helper()
	d.dir.Write(d.T, name, replaced(oldnew...))
}

// replaced returns the mapping with some of its texts replaced, old and new in turns.
func replaced(oldnew ...string) string {
	text := deskMapping
	for i := 0; i < len(oldnew); i += 2 {
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return text
}

// holds begins a transaction in the target, and returns what ends it.
func (d *desk) holds(statement string) (release func()) {
	d.Helper()
	conn, err := pgx.Connect(d.ctx, d.target)
	if err != nil {
		d.Fatal(err)
	}
	if _, err := conn.Exec(d.ctx, "BEGIN; "+statement); err != nil {
		d.Fatal(err)
	}
	return func() { _ = conn.Close(d.ctx) } // which rolls back
}

// eventually waits until the target says yes.
func (d *desk) eventually(what, question string) {
	d.Helper()
	d.until(what, func() (yes bool) {
		if err := d.row(question).Scan(&yes); err != nil {
			d.Fatal(err)
		}
		return yes
	})
}

// hears waits until the process has said the text.
func (d *desk) hears(p *programs.Process, text string) {
	d.Helper()
	d.until(text, func() bool { return strings.Contains(p.Stderr(), text) })
}

func (d *desk) until(what string, reached func() bool) {
	d.Helper()
	ticker := time.NewTicker(deskLook)
	defer ticker.Stop()
	for !reached() {
		select {
		case <-ticker.C:
		case <-d.ctx.Done():
			d.Fatalf("wait for %s: %v", what, d.ctx.Err())
		}
	}
}

// start starts a program; the settings come on top of the desk's own, and one that is empty is taken away.
func (d *desk) start(program string, settings map[string]string, args ...string) *programs.Process {
	d.Helper()
	env := maps.Clone(d.env)
	maps.Copy(env, settings)
	var list []string
	for name, value := range env {
		if value != "" {
			list = append(list, name+"="+value)
		}
	}
	return d.dir.Start(d.T, program, list, args...)
}

// ends waits for the end and looks at the exit status and at what the terminal shows: all of says, and nothing that is nobody's business.
func (d *desk) ends(p *programs.Process, exit int, says ...string) {
	d.Helper()
	if got := p.Wait(d.ctx); got != exit {
		d.Errorf("exit status %d, want %d", got, exit)
	}
	shown := p.Stdout() + p.Stderr()
	for _, text := range says {
		if !strings.Contains(shown, text) {
			d.Errorf("nothing says %q", text)
		}
	}
	for _, secret := range d.secrets() {
		if strings.Contains(shown, secret) {
			d.Errorf("%q is shown", secret)
		}
	}
	for _, noise := range []string{"goroutine ", "%!", "Usage:", "<nil>"} {
		if strings.Contains(p.Stderr(), noise) {
			d.Errorf("%q is shown", noise)
		}
	}
	if d.Failed() {
		d.Logf("standard output:\n%s\nstandard error:\n%s", p.Stdout(), p.Stderr())
	}
}

// does runs a program to its end.
func (d *desk) does(program string, args []string, exit int, says ...string) *programs.Process {
	d.Helper()
	p := d.start(program, nil, args...)
	d.ends(p, exit, says...)
	return p
}

func (d *desk) produces(command string, exit int, says ...string) *programs.Process {
	d.Helper()
	return d.does(programs.Producer, strings.Fields(command), exit, says...)
}

func (d *desk) secrets() []string {
	secrets := []string{someValue, somePass}
	for _, dsn := range []string{d.legacy, d.target} {
		u, err := url.Parse(dsn)
		if err != nil {
			d.Fatal(err)
		}
		if password, has := u.User.Password(); has {
			secrets = append(secrets, password)
		}
	}
	return secrets
}

// A world is all that a command could have touched.
type world struct {
	Rows   string
	Shape  []string // of the target's tables
	Ledger bool
	Files  []string
}

func (d *desk) world() world {
	d.Helper()
	w := world{Rows: programs.Dump(d.T, d.target), Shape: d.shape()}
	if err := d.row(`SELECT to_regnamespace('rehome') IS NOT NULL`).Scan(&w.Ledger); err != nil {
		d.Fatal(err)
	}
	entries, err := os.ReadDir(string(d.dir))
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".yaml") {
			w.Files = append(w.Files, e.Name())
		}
	}
	return w
}

// shape lists the constraints and indexes of the target with their definitions.
func (d *desk) shape() []string {
	d.Helper()
	var shape []string
	err := d.row(`
		SELECT array_agg(line ORDER BY line) FROM (
			SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END AS line
			  FROM pg_constraint WHERE connamespace = 'app'::regnamespace
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'app') AS lines`).Scan(&shape)
	if err != nil {
		d.Fatal(err)
	}
	return shape
}

func (d *desk) count(query string) (n int) {
	d.Helper()
	if err := d.row(query).Scan(&n); err != nil {
		d.Fatal(err)
	}
	return n
}

// row asks the target over a connection that ends with the scan.
func (d *desk) row(query string) pgx.Row {
	conn, err := pgx.Connect(d.ctx, d.target)
	if err != nil {
		d.Fatal(err)
	}
	return closingRow{conn.QueryRow(d.ctx, query), conn}
}

type closingRow struct {
	pgx.Row
	conn *pgx.Conn
}

func (r closingRow) Scan(dest ...any) error {
	defer r.conn.Close(context.Background())
	return r.Row.Scan(dest...)
}

// untouched fails the test unless the world is as it was.
func (d *desk) untouched(before world) {
	d.Helper()
	if diff := cmp.Diff(before, d.world()); diff != "" {
		d.Errorf("something was changed or left behind (-before +after):\n%s", diff)
	}
}

// undisturbed returns the rows that a run which nobody disturbs makes of the legacy population as it is now.
func (d *desk) undisturbed() string {
	d.Helper()
	other := d.sibling()
	other.produces("run", 0, "desk: CLEAN")
	return programs.Dump(d.T, other.target)
}

// arrived fails the test unless the target has those rows, its constraints are all back, and the ledger has no shard in work.
func (d *desk) arrived(rows string, shape []string) {
	d.Helper()
	if diff := cmp.Diff(rows, programs.Dump(d.T, d.target)); diff != "" {
		d.Errorf("the target is not that of an undisturbed run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(shape)), d.shape()); diff != "" {
		d.Errorf("the constraints are not what they were (-want +got):\n%s", diff)
	}
	if n := d.count(`SELECT count(*) FROM rehome.shard WHERE state = 'planned' OR holder IS NOT NULL`); n != 0 {
		d.Errorf("%d shards are not done", n)
	}
}
