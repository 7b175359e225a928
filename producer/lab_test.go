package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const (
	labLimit = 2 * time.Minute
	labHead  = `name: lab
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
stop: {quarantined: 100%}
waves: [{name: all}]
`
	labUsers = `users: {from: users, key: id, shard_rows: 2}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name, lid: id}}
`
)

// labBeside is labHead for tests that run beside others, which write to the server, too.
var labBeside = strings.Replace(labHead, "time_zone: UTC}", "time_zone: UTC, accept_unproved: others write there}", 1)

// A lab is a small migration that somebody thought up to break it.
type lab struct {
	*testing.T
	ctx            context.Context
	dir            programs.Dir
	legacy, target string
	conn           *pgx.Conn
	said           string // by the last command, on both outputs
}

func newLab(t *testing.T, legacy, target, mapping string) *lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), labLimit)
	t.Cleanup(cancel)
	l := &lab{T: t, ctx: ctx, dir: programs.NewDir(t), legacy: sandbox.Legacy(t), target: sandbox.Postgres(t)}
	l.inLegacy(legacy)
	l.connect()
	l.inTarget(target)
	l.dir.Write(t, "migration.yaml", mapping)
	return l
}

func (l *lab) connect() {
	l.Helper()
	var err error
	if l.conn, err = pgx.Connect(l.ctx, l.target); err != nil {
		l.Fatal(err)
	}
	conn := l.conn
	l.Cleanup(func() { conn.Close(context.WithoutCancel(l.ctx)) })
}

func (l *lab) inLegacy(statements string) {
	l.Helper()
	db := l.openLegacy()
	defer db.Close()
	if _, err := db.ExecContext(l.ctx, statements); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) openLegacy() *sql.DB {
	l.Helper()
	db, err := sandbox.Open(l.legacy)
	if err != nil {
		l.Fatal(err)
	}
	return db
}

func (l *lab) inTarget(statements string) {
	l.Helper()
	if _, err := l.conn.Exec(l.ctx, statements); err != nil {
		l.Fatal(err)
	}
}

// ask returns the one text that the query yields.
func (l *lab) ask(query string) (text string) {
	l.Helper()
	if err := l.conn.QueryRow(l.ctx, `SELECT coalesce((`+query+`)::text, '')`).Scan(&text); err != nil {
		l.Fatalf("%s: %v", query, err)
	}
	return text
}

func (l *lab) holds(want, query string) {
	l.Helper()
	if got := l.ask(query); got != want {
		l.Errorf("%s: %s, want %s", query, got, want)
	}
}

func (l *lab) start(pauseAt string, args ...string) *programs.Process {
	l.Helper()
	return l.dir.Start(l.T, programs.Producer, []string{"LEGACY_DSN=" + l.legacy, "TARGET_DSN=" + l.target, "NATS_URL=", "REHOME_SLOTS=1",
		"REHOME_PAUSE_AT=" + pauseAt, "REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s"}, args...)
}

// does runs a command of the producer, which must end with the given status and say so.
func (l *lab) does(command string, exit int, says ...string) {
	l.Helper()
	p := l.start("", strings.Fields(command)...)
	got := p.Wait(l.ctx)
	l.said = p.Stdout() + p.Stderr()
	if got != exit {
		l.Fatalf("producer %s ends with %d, want %d:\n%s", command, got, exit, l.said)
	}
	for _, text := range says {
		if !strings.Contains(l.said, text) {
			l.Errorf("producer %s does not say %q:\n%s", command, text, l.said)
		}
	}
}

// reports runs the migration and returns its report, without what each table has cost, which is another each time.
func (l *lab) reports(exit int) (r report.Report) {
	l.Helper()
	p := l.start("", "run", "--format", "json")
	if got := p.Wait(l.ctx); got != exit {
		l.Fatalf("producer run ends with %d, want %d:\n%s%s", got, exit, p.Stdout(), p.Stderr())
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &r); err != nil {
		l.Fatal(err)
	}
	for i := range r.Tables {
		r.Tables[i].Bytes, r.Tables[i].Seconds = 0, 0
	}
	return r
}

// dies kills a run at the point, and waits until the server has noticed.
func (l *lab) dies(point string) {
	l.Helper()
	l.diesIn(point, "run")
}

func (l *lab) diesIn(point string, args ...string) {
	l.Helper()
	p := l.start(point, args...)
	p.Paused(l.ctx)
	p.Kill()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for l.ask(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'rehome/%'`) != "0" {
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			l.Fatal("the sessions of a killed run live on")
		}
		l.inTarget(`SELECT pg_stat_clear_snapshot()`) // in a transaction the first look would hold for all
	}
}

// parts lists the constraints and indexes of the target.
func (l *lab) parts() []string {
	l.Helper()
	rows, err := l.conn.Query(l.ctx, `
		SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'app'::regnamespace
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'app'`)
	if err != nil {
		l.Fatal(err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		l.Fatal(err)
	}
	slices.Sort(parts)
	return parts
}

// keeps fails the test unless the constraints and indexes are those.
func (l *lab) keeps(parts []string) {
	l.Helper()
	if diff := cmp.Diff(parts, l.parts()); diff != "" {
		l.Errorf("the constraints and indexes are not what they were (-want +got):\n%s", diff)
	}
}
