package target

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

func TestRooms(t *testing.T) {
	conn, _ := open(t)
	const mib = 1 << 20
	rooms := func(parts int) (int, Room) {
		t.Helper()
		sessions, each, err := Rooms(t.Context(), conn, parts)
		must(t, err)
		return sessions, each
	}
	var buffers int64
	must(t, conn.QueryRow(t.Context(), `SELECT pg_size_bytes(current_setting('shared_buffers'))`).Scan(&buffers))
	t.Run("on this machine there are no more sessions and processes than it has CPUs, and no more sessions than parts", func(t *testing.T) {
		for parts := range 20 {
			sessions, each := rooms(parts)
			if sessions < 1 || sessions > max(1, parts) || sessions > mostBuilders || sessions*(1+each.Processes) > runtime.NumCPU() {
				t.Errorf("%d parts: %d sessions, each with %d processes", parts, sessions, each.Processes)
			}
		}
	})
	t.Run("together they take no more memory than the server has for its buffers", func(t *testing.T) {
		run(t, conn, `SET maintenance_work_mem = '1MB'`)
		if sessions, each := rooms(1); sessions != 1 || each.Memory != 256*mib {
			t.Errorf("one has %d", each.Memory)
		}
		if sessions, each := rooms(20); int64(sessions)*each.Memory > max(256*mib, buffers) || each.Memory < 256*mib/mostBuilders {
			t.Errorf("each of %d has %d", sessions, each.Memory)
		}
	})
	t.Run("each has at least what the server's settings give everybody", func(t *testing.T) {
		run(t, conn, `SET maintenance_work_mem = '2GB'`)
		if _, each := rooms(20); each.Memory != 2048*mib {
			t.Errorf("each has %d", each.Memory)
		}
	})
	t.Run("a server is here by its socket or a loopback address alone", func(t *testing.T) {
		got := map[string]bool{}
		for _, host := range []string{"/run/postgresql", "localhost", "127.0.0.1", "::1", "10.0.0.7", "target.example", ""} {
			got[host] = here(host)
		}
		want := map[string]bool{"/run/postgresql": true, "localhost": true, "127.0.0.1": true, "::1": true, "10.0.0.7": false, "target.example": false, "": false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestAbandoned has a client go away in the middle of a step that takes a minute.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		part Part
		step func(context.Context, *pgx.Conn, Part) error
	}{
		"an index that is being built": {
			Part{Name: "slow", Kind: Index, Definition: `CREATE INDEX slow ON app.things USING btree (app.slowly(id))`},
			func(ctx context.Context, conn *pgx.Conn, p Part) error {
				return Build(ctx, conn, p, Room{Memory: 64 << 20})
			},
		},
		"a foreign key that is proved as it is added": {
			Part{Name: "slow", Kind: ForeignKey, Constraint: true, Whole: true, AtOnce: true, Definition: `CHECK (app.slowly(id) > 0)`},
			func(ctx context.Context, conn *pgx.Conn, p Part) error {
				_, err := Complete(ctx, conn, p)
				return err
			},
		},
	} {
		t.Run(name+" is given up soon after its client is gone", func(t *testing.T) {
			t.Parallel()
			conn, config := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.things (id int PRIMARY KEY)`, `INSERT INTO app.things VALUES (1)`,
				`CREATE FUNCTION app.slowly(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_catalog.pg_sleep(60); RETURN id; END'`)
			c.part.Table, c.part.Schema = "app.things", "app"
			way := sandbox.NewProxy(t, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
			over := config.Copy()
			over.Port = netip.MustParseAddrPort(way.Addr()).Port()
			own := session(t, over)
			pid := own.PgConn().PID()
			at := func(state string) bool {
				t.Helper()
				var is bool
				must(t, conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE '%slowly%') = ($2 = 'active')`,
					pid, state).Scan(&is))
				return is
			}
			var group errgroup.Group
			group.Go(func() error { return c.step(t.Context(), own, c.part) })
			wait(t, func() bool { return at("active") })
			way.Refuse(true) // as a SIGKILL does: nobody asks the server to cancel
			way.Cut()
			if group.Wait() == nil {
				t.Error("it is done")
			}
			wait(t, func() bool { return at("gone") })
			run(t, conn, `ANALYZE app.things`)
		})
	}
}

// TestTwoBuildersOfOneIndex is about a run that another one follows, of which it does not know yet.
func TestTwoBuildersOfOneIndex(t *testing.T) {
	t.Parallel()
	conn, config := open(t, `CREATE SCHEMA app`, `CREATE TABLE app.things (id int PRIMARY KEY)`)
	part := Part{Table: "app.things", Schema: "app", Name: "same", Kind: Unique, Definition: `CREATE UNIQUE INDEX same ON app.things USING btree (id)`}
	first, second := session(t, config), session(t, config)
	tx, err := first.Begin(t.Context())
	must(t, err)
	run(t, tx, part.Definition)
	var built error
	var group errgroup.Group
	group.Go(func() error {
		built = Build(t.Context(), second, part, Room{Memory: 64 << 20})
		return nil
	})
	pid := second.PgConn().PID()
	wait(t, func() (waits bool) {
		must(t, conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)`, pid).Scan(&waits))
		return waits
	})
	must(t, tx.Commit(t.Context()))
	must(t, group.Wait())
	if kind, cause := shard.KindOf(built); built == nil || kind != shard.Outage {
		t.Errorf("the second comes to %v: %s %q", built, kind, cause)
	}
	must(t, Build(t.Context(), second, part, Room{Memory: 64 << 20}))
}

// wait waits for far shorter than the step takes.
func wait(t *testing.T, until func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !until(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("that takes too long")
		}
	}
}

// TestSeveralSessionsPutBack has as many sessions as there are parts do each step at the same time, as far as that may be.
func TestSeveralSessionsPutBack(t *testing.T) {
	conn, config := open(t, community...)
	before := dump(t, config)
	parts := detachable(t, conn, fed...)
	detach(t, conn, parts)
	together := func(step func(*pgx.Conn, Part) error, of func(Part) bool) {
		t.Helper()
		var group errgroup.Group
		for _, p := range parts {
			if !of(p) {
				continue
			}
			group.Go(func() error {
				own, err := Connect(t.Context(), config, "test")
				if err != nil {
					return err
				}
				defer own.Close(t.Context())
				return step(own, p)
			})
		}
		must(t, group.Wait())
	}
	foreign := func(p Part) bool { return p.Kind == ForeignKey }
	index := func(p Part) bool { return !foreign(p) }
	room := Room{Memory: 64 << 20}
	for range 2 { // the second time it is done
		together(func(own *pgx.Conn, p Part) error { return Build(t.Context(), own, p, room) }, index)
	}
	proved := map[string]bool{}
	Order(parts)
	for _, p := range parts {
		done, err := Complete(t.Context(), conn, p)
		must(t, err)
		proved[p.Name] = done
	}
	together(func(own *pgx.Conn, p Part) error { return Prove(t.Context(), own, p, room) }, func(p Part) bool { return p.Name == "Author" || p.Name == "users_best" })
	must(t, Prove(t.Context(), conn, parts[slices.IndexFunc(parts, func(p Part) bool { return p.Name == "parent" })], room))
	if proved["Author"] || proved["users_best"] || proved["parent"] || !proved["old"] {
		t.Errorf("proved before they were: %v", proved)
	}
	if diff := cmp.Diff(before, dump(t, config)); diff != "" {
		t.Error(diff)
	}
}
