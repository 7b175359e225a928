package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/sandbox/programs"
)

const moveLimit = 9 * time.Minute

// A moved is a population that was migrated by the real programs, in one process.
type moved struct {
	*testing.T
	ctx            context.Context
	dir            programs.Dir
	legacy, target string
	conn           *pgx.Conn
}

// newMoved migrates a generated community.
func newMoved(t *testing.T, users int) *moved {
	t.Helper()
	m := newPlace(t)
	if _, err := community.Generate(m.ctx, m.legacy, community.Options{Users: users, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	m.inTarget(community.Schema())
	m.migrate(string(community.Mapping()))
	return m
}

// newPlace is two empty databases.
func newPlace(t *testing.T) *moved {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), moveLimit)
	t.Cleanup(cancel)
	m := &moved{T: t, ctx: ctx, dir: programs.NewDir(t), legacy: sandbox.MariaDB(t), target: sandbox.Postgres(t)}
	var err error
	if m.conn, err = pgx.Connect(ctx, m.target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close(context.WithoutCancel(ctx)) })
	return m
}

// migrate runs the mapping; that the end is unclean is what some of the tests are about.
func (m *moved) migrate(mapping string) {
	m.Helper()
	m.dir.Write(m.T, "migration.yaml", mapping)
	p := m.start(programs.Producer, "run")
	if got := p.Wait(m.ctx); got != 0 && got != 4 {
		m.Fatalf("producer run ends with %d:\n%s%s", got, p.Stdout(), p.Stderr())
	}
}

func (m *moved) start(program string, args ...string) *programs.Process {
	m.Helper()
	return m.dir.Start(m.T, program, m.env(), args...)
}

// env is what the programs need to know, and waits that are as short as a test.
func (m *moved) env() []string {
	return []string{"LEGACY_DSN=" + m.legacy, "TARGET_DSN=" + m.target, "REHOME_SLOTS=2", "REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s"}
}

func (m *moved) inTarget(statements string) {
	m.Helper()
	if _, err := m.conn.Exec(m.ctx, statements); err != nil {
		m.Fatalf("%s: %v", statements, err)
	}
}

func (m *moved) inLegacy(statements string) {
	m.Helper()
	db, err := sandbox.Open(m.legacy)
	if err != nil {
		m.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(m.ctx, statements); err != nil {
		m.Fatal(err)
	}
}

// one returns the one text that the query yields.
func (m *moved) one(query string) (text string) {
	m.Helper()
	if err := m.conn.QueryRow(m.ctx, query).Scan(&text); err != nil {
		m.Fatalf("%s: %v", query, err)
	}
	return text
}

// audited is what the tests read of an audit's report.
type audited struct {
	Verdict string
	Tables  []struct {
		Into             string
		Rows, Identical  int64
		ByRule           int64 `json:"by_rule"`
		Changed, Deleted int64
		Added, Wrong     int64
		LegacyChanged    int64 `json:"legacy_changed"`
		LegacyGone       int64 `json:"legacy_gone"`
		LegacyNew        int64 `json:"legacy_new"`
	}
	NewUsers int64 `json:"new_users"`
	Findings []struct {
		Class, Table, User, Row, Legacy string
		Columns                         []string
	}
	Repair *struct {
		Units     int
		Conflicts []struct {
			Table, Kind string
			Settled     bool
			Rows        int64
		}
	}
}

// audit audits, and fails the test unless it ends with the given status.
func (m *moved) audit(exit int, args ...string) (r audited) {
	m.Helper()
	p := m.start(programs.Aggregator, append([]string{"audit", "--output", "json"}, args...)...)
	if got := p.Wait(m.ctx); got != exit {
		m.Fatalf("audit %v ends with %d, want %d:\n%s%s", args, got, exit, p.Stdout(), p.Stderr())
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &r); err != nil {
		m.Fatalf("%v:\n%s%s", err, p.Stdout(), p.Stderr())
	}
	return r
}

// found spells the findings, without those of the classes left out.
func (r *audited) found() (lines []string) {
	for _, f := range r.Findings {
		lines = append(lines, strings.Join(append([]string{f.Class, f.Table, "user=" + f.User, "row=" + f.Row}, f.Columns...), " "))
	}
	slices.Sort(lines)
	return lines
}

// mutate does in the target, behind rehome's back, what an audit has to find, and returns what it has to say.
func (m *moved) mutate() []string {
	m.Helper()
	user := func(id string) string { return m.one(`SELECT legacy_id::text FROM app.users WHERE id = '` + id + `'`) }
	flipped := m.one(`SELECT id::text FROM app.posts WHERE author_id IS NOT NULL AND length(body) > 3 ORDER BY id LIMIT 1`)
	flippedOf := user(m.one(`SELECT author_id::text FROM app.posts WHERE id = '` + flipped + `'`))
	m.inTarget(`UPDATE app.posts SET body = overlay(body placing chr(ascii(substr(body, 2)) # 1) from 2 for 1) WHERE id = '` + flipped + `'`)
	deleted := m.one(`SELECT id::text FROM app.orders WHERE user_id IS NOT NULL ORDER BY id LIMIT 1`)
	deletedOf := user(m.one(`SELECT user_id::text FROM app.orders WHERE id = '` + deleted + `'`))
	m.inTarget(`DELETE FROM app.orders WHERE id = '` + deleted + `'`)
	a := m.one(`SELECT min(id::text) FROM app.users WHERE reputation = (SELECT max(reputation) FROM app.users)`)
	b := m.one(`SELECT min(id::text) FROM app.users WHERE reputation = (SELECT min(reputation) FROM app.users)`)
	m.inTarget(`UPDATE app.users AS u SET reputation = o.reputation FROM app.users AS o
		WHERE (u.id, o.id) IN (('` + a + `', '` + b + `'), ('` + b + `', '` + a + `'))`)
	added := user(a)
	m.inTarget(`INSERT INTO app.settings (user_id, key, value) VALUES ('` + a + `', 'a-row-of-its-own', 'kept')`)
	linked := m.one(`SELECT id::text FROM app.comments WHERE author_id IS NOT NULL AND author_id <> '` + a + `' ORDER BY id LIMIT 1`)
	linkedOf := user(m.one(`SELECT author_id::text FROM app.comments WHERE id = '` + linked + `'`))
	m.inTarget(`UPDATE app.comments SET author_id = '` + a + `' WHERE id = '` + linked + `'`)
	want := []string{
		fmt.Sprintf("changed app.posts user=%s row=%s body", flippedOf, flipped),
		fmt.Sprintf("deleted app.orders user=%s row=%s", deletedOf, deleted),
		fmt.Sprintf("changed app.users user=%s row=%s reputation", user(a), a),
		fmt.Sprintf("changed app.users user=%s row=%s reputation", user(b), b),
		fmt.Sprintf("added app.settings user=%s", added),
		fmt.Sprintf("changed app.comments user=%s row=%s author_id", linkedOf, linked),
	}
	slices.Sort(want)
	return want
}

func TestAudit(t *testing.T) {
	m := newMoved(t, 150)
	arrived := programs.Dump(t, m.target)
	t.Run("what was just migrated is the same on both sides, to the last row", func(t *testing.T) {
		r := m.audit(0)
		if r.Verdict != "same" || len(r.Findings) > 0 {
			t.Errorf("%s, %v", r.Verdict, r.found())
		}
		for _, table := range r.Tables {
			want := m.one(`SELECT count(*)::text FROM ` + table.Into)
			if got := fmt.Sprint(table.Rows); got != want || table.Identical+table.ByRule != table.Rows {
				t.Errorf("%s has %s rows: %+v", table.Into, want, table)
			}
		}
	})
	want := m.mutate()
	mutated := programs.Dump(t, m.target)
	t.Run("each row that the target itself has changed is found and named", func(t *testing.T) {
		r := m.audit(3)
		got := r.found()
		for i := range got { // the row's key is no number, so that it stands as a hash
			if strings.HasPrefix(got[i], "added app.settings") {
				got[i], _, _ = strings.Cut(got[i], " row=")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what the audit finds (-want +got):\n%s", diff)
		}
	})
	t.Run("a repair reports all of them as conflicts, and touches nothing", func(t *testing.T) {
		r := m.audit(3, "--repair")
		rows := int64(0)
		for _, c := range r.Repair.Conflicts {
			if rows += c.Rows; c.Settled {
				t.Errorf("%+v", c)
			}
		}
		if rows != int64(len(want)) {
			t.Errorf("%d rows are in conflict, want %d: %+v", rows, len(want), r.Repair.Conflicts)
		}
		if diff := cmp.Diff(mutated, programs.Dump(t, m.target)); diff != "" {
			t.Errorf("the target has changed:\n%s", diff)
		}
	})
	t.Run("told that the legacy database wins, it brings the target back to the byte, and keeps what gave way", func(t *testing.T) {
		r := m.audit(0, "--repair", "--on-conflict", "legacy")
		if diff := cmp.Diff(arrived, programs.Dump(t, m.target)); diff != "" {
			t.Errorf("the target is not what it was:\n%s", diff)
		}
		if len(r.Findings) > 0 {
			t.Errorf("%v", r.found())
		}
		if p := m.start(programs.Producer, "run"); p.Wait(m.ctx) != 0 {
			t.Errorf("the run behind the repair ends with %d:\n%s%s", p.Wait(m.ctx), p.Stdout(), p.Stderr())
		}
		if diff := cmp.Diff(arrived, programs.Dump(t, m.target)); diff != "" {
			t.Errorf("the run behind the repair has changed the target:\n%s", diff)
		}
		if got := m.one(`SELECT count(*)::text FROM rehome.original WHERE rule = 'conflict' AND position('a-row-of-its-own'::bytea IN bytes) > 0`); got != "1" {
			t.Errorf("%s originals of the row that was added", got)
		}
	})
}

func TestAuditOfAChangedLegacyDatabase(t *testing.T) {
	m := newMoved(t, 100)
	user := func(n int) string {
		return m.one(fmt.Sprintf(`SELECT legacy_id::text FROM app.users ORDER BY legacy_id OFFSET %d LIMIT 1`, n))
	}
	changed, named := user(5), user(9)
	order := m.one(`SELECT number::text FROM app.orders WHERE user_id IS NOT NULL ORDER BY number LIMIT 1`)
	m.inLegacy(`UPDATE users SET reputation = reputation + 1 WHERE id = ` + changed)
	m.inLegacy(`DELETE FROM orders WHERE id = ` + order)
	m.inLegacy(`INSERT INTO comments (id, post_id, user_id, body, score, created)
		SELECT 900000001, post_id, ` + named + `, 'said since', 0, '2024-01-01 00:00:00' FROM comments LIMIT 1`)
	m.inLegacy(`INSERT INTO users SELECT * FROM users WHERE id = -1`)
	t.Run("rows that changed in the legacy database are told apart from rows that are wrong", func(t *testing.T) {
		r := m.audit(4)
		classes := map[string]int{}
		for _, f := range r.Findings {
			classes[f.Class+" "+f.Table]++
		}
		want := map[string]int{"legacy_changed app.users": 1, "legacy_gone app.orders": 1, "legacy_new app.comments": 1}
		if diff := cmp.Diff(want, classes); diff != "" {
			t.Errorf("what the audit finds (-want +got):\n%s", diff)
		}
	})
	t.Run("a repair brings them over, and nothing is left to be found", func(t *testing.T) {
		r := m.audit(0, "--repair")
		if r.Verdict != "same" || r.Repair.Units != 3 || len(r.Repair.Conflicts) > 0 {
			t.Errorf("%s, %+v, %v", r.Verdict, r.Repair, r.found())
		}
		if got := m.one(`SELECT count(*)::text FROM app.orders WHERE number = ` + order); got != "0" {
			t.Error("the row that is gone still stands")
		}
	})
}
