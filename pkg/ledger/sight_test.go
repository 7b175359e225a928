package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// letGo discards a dead shard with the users in it.
func (b *bench) letGo(l *Ledger, id shard.ID, users ...string) {
	b.t.Helper()
	_, err := l.Discard(b.t.Context(), id, "test", "somebody", func(context.Context, *Discarding) (LeftOut, error) {
		return LeftOut{Users: keys(users...), Tables: []shard.Table{{Source: int64(len(users)), Read: int64(len(users)), LeftOut: int64(len(users))}}}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// die has a claimed shard die at once.
func (b *bench) die(claim Claim) {
	b.t.Helper()
	_, err := b.Failed(b.t.Context(), claim, Failure{Kind: shard.Data, Cause: "unique:app.users.key", Error: "told", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Limit: 1})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestShardMap(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m, conn := b.plan("m"), b.connect()
	b.plan("other")
	b.beat()
	wants := func(name string, marks ...Mark) *ShardMap {
		t.Helper()
		got, err := b.ShardMap(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&ShardMap{Run: m.Run, Marks: marks, Waves: make([]int32, len(marks))}, got, cmpopts.IgnoreFields(ShardMap{}, "Waves", "Deaths")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		return got
	}
	first := wants("planned", MarkPlanned, MarkPlanned, MarkPlanned)
	if !cmp.Equal(first.Waves, []int32{0, 0, 1}) || first.Deaths != 0 {
		t.Errorf("waves %v, deaths %d", first.Waves, first.Deaths)
	}
	b.move(conn, id(m, 0), []string{"1", "2"})
	b.move(conn, id(m, 1), []string{"3", "4"}, "4")
	claim := b.claim(conn, id(m, 2), Claimed)
	wants("done, with somebody quarantined, and in work", MarkDone, MarkQuarantined, MarkWorking)
	b.die(claim)
	dead := wants("dead", MarkDone, MarkQuarantined, MarkDead)
	if _, err := b.Republish(t.Context(), id(m, 2), "somebody"); err != nil {
		t.Fatal(err)
	}
	again := id(m, 2)
	again.Generation = 1
	b.die(b.claim(conn, again, Claimed))
	if anew := wants("dead again", MarkDone, MarkQuarantined, MarkDead); anew.Deaths == dead.Deaths {
		t.Error("that it has died again cannot be told")
	}
	b.letGo(b.Ledger, again)
	wants("discarded", MarkDone, MarkQuarantined, MarkDiscarded)
	again.Generation = 2
	if _, err := b.Republish(t.Context(), again, "somebody"); err != nil {
		t.Fatal(err)
	}
	again.Generation = 3
	claim = b.claim(conn, again, Claimed)
	b.exec(`UPDATE rehome.worker SET beat = beat - interval '1 minute'`)
	wants("of a worker that is not heard of any more", MarkDone, MarkQuarantined, MarkPlanned)
	if _, err := b.Split(t.Context(), claim, keyspace.Key{"3"}); err != nil {
		t.Fatal(err)
	}
	b.exec(`INSERT INTO rehome.shard SELECT migration, 7, 0, 'audit', wave, entry, NULL, NULL, 0, 0, 0, 0, -1, 'planned', mapping_hash FROM rehome.shard WHERE ordinal = 0 AND migration = 'm'`)
	wants("split, and no audits", MarkDone, MarkQuarantined, MarkSplit, MarkPlanned, MarkPlanned)
	if _, err := b.ShardMap(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a migration that there is not: %v", err)
	}
}

func TestInWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m, conn := b.plan("m"), b.connect()
	b.beat()
	if held, now, err := b.InWork(t.Context(), "m"); err != nil || len(held) > 0 || time.Since(now).Abs() > time.Minute {
		t.Errorf("nobody: %v, %s, %v", held, now, err)
	}
	b.claim(conn, id(m, 2), Claimed)
	held, _, err := b.InWork(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]HeldShard{{Ordinal: 2, Attempt: 1, Wave: 1, Rows: 10, Holder: b.holder}}, held, cmpopts.IgnoreFields(HeldShard{}, "For")); diff != "" {
		t.Error(diff)
	}
	if held[0].For < 0 || held[0].For > time.Minute {
		t.Errorf("for %s", held[0].For)
	}
}

func TestShardStory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m, conn := b.plan("m"), b.connect()
	b.beat()
	story := func(ordinal int) *ShardStory {
		t.Helper()
		s, err := b.ShardStory(t.Context(), "m", ordinal)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	if s := story(0); s.State != shard.Done || s.Receipt == nil || s.Receipt.Users.Quarantined != 1 || s.Attempts != 1 || s.DoneAt == nil || s.ClaimedAt == nil || s.Host != "" {
		t.Errorf("done: %+v", s)
	}
	claim := b.claim(conn, id(m, 1), Claimed)
	if s := story(1); s.State != shard.Planned || s.Host != "here" || s.ClaimedAt == nil || len(s.Events) != 0 {
		t.Errorf("in work: %+v", s)
	}
	b.die(claim)
	if s := story(1); s.State != shard.Dead || s.Cause != "unique:app.users.key" || s.Error != "told" || s.Failures != 1 || s.TraceID == "" || s.Host != "" ||
		len(s.Events) != 1 || s.Events[0].What != "dead" {
		t.Errorf("dead: %+v", s)
	}
	claim = b.claim(conn, id(m, 2), Claimed)
	if _, err := b.Split(t.Context(), claim, keyspace.Key{"2"}); err != nil {
		t.Fatal(err)
	}
	if s := story(2); s.State != shard.Split || !cmp.Equal(s.Children, []int32{3, 4}) {
		t.Errorf("split: %+v", s)
	}
	if s := story(4); s.Parent != 2 || s.Generation != 0 {
		t.Errorf("a child: %+v", s)
	}
	if _, err := b.ShardStory(t.Context(), "m", 5); !errors.Is(err, ErrNotFound) {
		t.Errorf("a shard that there is not: %v", err)
	}
}

// A role that has just what Rights names can do all that it is for, and one of them less it cannot.
func TestRights(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m, conn := b.plan("m"), b.connect()
	b.beat()
	role := "rights_" + query[string](b, `SELECT current_database()`)
	b.exec(`CREATE ROLE ` + role)
	t.Cleanup(func() {
		for _, statement := range []string{`DROP OWNED BY `, `DROP ROLE `} {
			if _, err := conn.Exec(context.Background(), statement+role); err != nil {
				t.Error(err)
			}
		}
	})
	b.exec(`GRANT USAGE ON SCHEMA rehome TO ` + role + `; GRANT SELECT ON ALL TABLES IN SCHEMA rehome TO ` + role)
	config, err := pgxpool.ParseConfig(b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l := Open(pool)
	rights := func() Rights {
		t.Helper()
		r, err := l.Rights(t.Context())
		if err != nil || r.Role != role {
			t.Fatalf("%+v, %v", r, err)
		}
		return r
	}
	r := rights()
	if len(r.Pause) != 4 || len(r.Dead) != 6 {
		t.Errorf("a role that only reads lacks %q and %q", r.Pause, r.Dead)
	}
	if err := l.Pause(t.Context(), "m", "test", false); !Lacks(err) {
		t.Errorf("a pause: %v", err)
	}
	for _, statement := range r.Pause {
		b.exec(statement)
	}
	if err := errors.Join(l.Pause(t.Context(), "m", "test", true), l.Resume(t.Context(), "m")); err != nil {
		t.Error(err)
	}
	if r := rights(); len(r.Pause) != 0 || len(r.Dead) != 4 {
		t.Errorf("a role that pauses lacks %q and %q", r.Pause, r.Dead)
	}
	b.die(b.claim(conn, id(m, 0), Claimed))
	if _, err := l.Republish(t.Context(), id(m, 0), "x"); !Lacks(err) {
		t.Errorf("to republish: %v", err)
	}
	for _, statement := range r.Dead {
		b.exec(statement)
	}
	next := id(m, 0)
	for _, what := range []string{"republished", "discarded", "republished"} {
		if what == "discarded" {
			b.die(b.claim(conn, next, Claimed))
			b.letGo(l, next, "1", "2")
		} else if v, err := l.Republish(t.Context(), next, "x"); err != nil || !v.Again {
			t.Fatalf("%s: %+v, %v", what, v, err)
		}
		next.Generation++
	}
	if r := rights(); len(r.Pause)+len(r.Dead) != 0 {
		t.Errorf("a role that has all lacks %+v", r)
	}
	for _, statement := range append(r.Pause, r.Dead...) {
		revoke := strings.Replace(strings.Replace(statement, "GRANT", "REVOKE", 1), " TO ", " FROM ", 1)
		b.exec(revoke)
		if r := rights(); len(r.Pause)+len(r.Dead) == 0 {
			t.Errorf("%s is not noticed", revoke)
		}
		b.exec(statement)
	}
}
