package target

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/sandbox"
	"rehome/pkg/throttle"
)

func superuser(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func perform(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// lagIs asks a few times a second until the lag is as wanted.
func lagIs(t *testing.T, s *Standbys, db DB, what string, is func(time.Duration, error) bool) {
	t.Helper()
	tick, late := time.NewTicker(200*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		lag, err := s.Lag(t.Context(), db)
		if is(lag, err) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the standby is not %s: %s, %v", what, lag, err)
		}
	}
}

func TestStandbys(t *testing.T) {
	t.Parallel()
	opts := sandbox.Options{Fast: true, BufferPool: 16}
	server, err := sandbox.StartPostgres(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	primary := superuser(t, server.DSN("postgres"))
	perform(t, primary, `CREATE TABLE t (n int)`)
	t.Run("a lag that nobody has cannot be limited", func(t *testing.T) {
		if _, err := new(Standbys).Lag(t.Context(), primary); !throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "no standby replicates from the target") {
			t.Errorf("got %v", err)
		}
	})
	standby, err := sandbox.StartStandby(t.Context(), server, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = standby.Close() })
	replica := superuser(t, standby.DSN("postgres"))
	var s Standbys
	upToDate := func(lag time.Duration, err error) bool { return err == nil && lag < 500*time.Millisecond }
	lagIs(t, &s, primary, "up to date", upToDate)
	t.Run("one that has stopped replaying falls behind, and catches up", func(t *testing.T) {
		perform(t, replica, `SELECT pg_wal_replay_pause()`)
		perform(t, primary, `INSERT INTO t VALUES (1)`)
		lagIs(t, &s, primary, "2 s behind", func(lag time.Duration, err error) bool { return err == nil && lag >= 2*time.Second })
		var told *time.Duration
		if err := primary.QueryRow(t.Context(), `SELECT replay_lag FROM pg_stat_replication`).Scan(&told); err != nil || told != nil && *told > time.Second {
			t.Errorf("the server itself says %v, %v: if it knows by now, nobody needs to compare positions", told, err)
		}
		perform(t, replica, `SELECT pg_wal_replay_resume()`)
		lagIs(t, &s, primary, "up to date", upToDate)
	})
	t.Run("a role that does not see standbys is told so", func(t *testing.T) {
		perform(t, primary, `CREATE ROLE blind`, `SET ROLE blind`)
		defer perform(t, primary, `RESET ROLE`)
		_, err := new(Standbys).Lag(t.Context(), primary)
		if !throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "role blind of the target sees no lag of standbys: GRANT pg_read_all_stats") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one that is gone is the furthest behind", func(t *testing.T) {
		if err := standby.Stop(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		lagIs(t, &s, primary, "gone", func(_ time.Duration, err error) bool {
			return err != nil && !throttle.IsUnmeasurable(err) && strings.Contains(err.Error(), "standby walreceiver at 127.0.0.1 of the target was there and is not any more")
		})
		if err := standby.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		lagIs(t, &s, primary, "up to date", upToDate)
	})
}

func TestWithout(t *testing.T) {
	for _, c := range []struct{ name, all, some, want string }{
		{"nothing is missing", "a b b", "a b b", ""},
		{"one of two with one name is", "a b b", "b a", "b"},
		{"one that came is not", "a", "a c", ""},
		{"all are", "a b", "", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			some := strings.Fields(c.some)
			got := without(strings.Fields(c.all), some)
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" || strings.Join(some, " ") != c.some {
				t.Errorf("%s, %s", diff, some)
			}
		})
	}
}

func TestActiveBackends(t *testing.T) {
	t.Parallel()
	dsn := sandbox.Postgres(t)
	conn := superuser(t, dsn)
	// Other tests share the server: who is looked for is told by what it waits for.
	count := func(t *testing.T) int {
		t.Helper()
		n, err := ActiveBackends(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("who works counts, who waits for the client in a COPY does not", func(t *testing.T) {
		server, err := sandbox.StartPostgres(t.Context(), sandbox.Options{Fast: true, BufferPool: 16})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		conn = superuser(t, server.DSN("postgres"))
		if n := count(t); n != 0 {
			t.Fatalf("%d active in a server of its own", n)
		}
		perform(t, conn, `CREATE TABLE t (v text)`)
		rests, works := superuser(t, server.DSN("postgres")), superuser(t, server.DSN("postgres"))
		feed := &pause{begun: make(chan struct{}), over: make(chan struct{})}
		var busy errgroup.Group
		busy.Go(func() error { _, err := rests.PgConn().CopyFrom(t.Context(), feed, `COPY t FROM STDIN`); return err })
		<-feed.begun
		busy.Go(func() error { _, err := works.Exec(t.Context(), `SELECT pg_sleep(1)`); return err })
		var state string
		for tick, late := time.NewTicker(20*time.Millisecond), time.After(10*time.Second); count(t) != 1; {
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%d active, want the one that works", count(t))
			}
		}
		if err := conn.QueryRow(t.Context(), `SELECT state FROM pg_stat_activity WHERE query LIKE 'COPY%'`).Scan(&state); err != nil || state != "active" {
			t.Errorf("the server calls a COPY that rests %q, %v", state, err)
		}
		close(feed.over)
		if err := busy.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a role that sees only itself is told so", func(t *testing.T) {
		conn := superuser(t, dsn)
		perform(t, conn, `CREATE ROLE blind_too`, `SET ROLE blind_too`)
		defer perform(t, conn, `RESET ROLE`, `DROP ROLE blind_too`)
		_, err := ActiveBackends(t.Context(), conn)
		if !throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "role blind_too of the target sees only its own sessions: GRANT pg_read_all_stats") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a member of pg_monitor sees all", func(t *testing.T) {
		conn := superuser(t, dsn)
		perform(t, conn, `CREATE ROLE sees_all IN ROLE pg_monitor`, `SET ROLE sees_all`)
		defer perform(t, conn, `RESET ROLE`, `DROP ROLE sees_all`)
		if _, err := ActiveBackends(t.Context(), conn); err != nil {
			t.Error(err)
		}
	})
}

// A pause is the data of a COPY whose client rests.
type pause struct{ begun, over chan struct{} }

func (p *pause) Read([]byte) (int, error) {
	close(p.begun)
	<-p.over
	return 0, io.EOF
}
