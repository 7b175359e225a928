package legacy

import (
	"database/sql"
	"net"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox"
	"rehome/pkg/throttle"
)

// A rig is a legacy server with a replica, whose link can be held.
type rig struct {
	*testing.T
	sandbox.Pair
	legacy          *DB
	source, replica *sql.DB // as root
}

func newRig(t *testing.T) *rig {
	t.Helper()
	pair := sandbox.NewPair(t, true)
	r := &rig{T: t, Pair: pair, legacy: opened(t, pair.Source), source: adminOf(t, configOf(t, pair.Source)), replica: adminOf(t, configOf(t, pair.Replica))}
	r.do(r.source, `CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)`)
	return r
}

func opened(t *testing.T, dsn string) *DB {
	t.Helper()
	db, err := Open(t.Context(), configOf(t, dsn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (r *rig) do(db *sql.DB, statements ...string) {
	r.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(r.Context(), statement); err != nil {
			r.Fatalf("%s: %v", statement, err)
		}
	}
}

func (r *rig) open() *Replica {
	r.Helper()
	replica, err := OpenReplica(r.Context(), configOf(r.T, r.Replica), r.legacy)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = replica.Close() })
	return replica
}

// until asks for the lag twice a second until it is as wanted.
func (r *rig) until(replica *Replica, what string, is func(time.Duration, error) bool) {
	r.Helper()
	tick, late := time.NewTicker(500*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		lag, err := replica.Lag(r.Context())
		if is(lag, err) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			r.Fatalf("the replica is not %s: %s, %v", what, lag, err)
		}
	}
}

func none(lag time.Duration, err error) bool { return err == nil && lag == 0 }

func atLeast(least time.Duration) func(time.Duration, error) bool {
	return func(lag time.Duration, err error) bool { return err == nil && lag >= least }
}

// TestReplica has one pair of servers, as it takes seconds to start them.
func TestReplica(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	replica := r.open() // though it reads from another address than the legacy server's
	if replica.Unseen() != "" {
		t.Errorf("unseen: %s", replica.Unseen())
	}
	r.testLag(replica)
	r.testProof()
	t.Run("one that was made another's is refused from then on", func(t *testing.T) {
		r.do(r.replica, `STOP REPLICA`, `RESET REPLICA ALL`)
		if lag, err := replica.Lag(t.Context()); !throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "which is no replica") {
			t.Errorf("got %s, %v", lag, err)
		}
	})
}

func (r *rig) testLag(replica *Replica) {
	t := r.T
	t.Run("one that keeps up is not behind", func(t *testing.T) {
		r.do(r.source, `INSERT INTO t (v) VALUES (1)`)
		r.until(replica, "with its source", none)
	})
	t.Run("one that cannot write falls behind, and catches up", func(t *testing.T) {
		lock, err := r.replica.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if _, err := lock.ExecContext(t.Context(), `FLUSH TABLES WITH READ LOCK`); err != nil {
			t.Fatal(err)
		}
		r.do(r.source, `INSERT INTO t (v) VALUES (2)`)
		r.until(replica, "2 s behind", atLeast(2*time.Second))
		if _, err := lock.ExecContext(t.Context(), `UNLOCK TABLES`); err != nil {
			t.Fatal(err)
		}
		r.until(replica, "with its source", none)
	})
	t.Run("the lag of one that does not replay is unknown", func(t *testing.T) {
		r.do(r.replica, `STOP REPLICA SQL_THREAD`)
		_, err := replica.Lag(t.Context())
		if err == nil || throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "does not replicate, so that its lag is unknown: I/O thread Yes, SQL thread No") {
			t.Errorf("got %v", err)
		}
		r.do(r.replica, `START REPLICA SQL_THREAD`)
		r.until(replica, "with its source", none)
	})
	t.Run("the lag of one that stumbled is unknown, and the error's number is told without its words", func(t *testing.T) {
		r.do(r.replica, `INSERT INTO t VALUES (1000, 1)`)
		r.do(r.source, `INSERT INTO t VALUES (1000, 2)`)
		r.until(replica, "standing still", func(_ time.Duration, err error) bool {
			return err != nil && strings.Contains(err.Error(), "SQL thread No (error 1062)") && !strings.Contains(err.Error(), "Duplicate")
		})
		r.do(r.replica, `DELETE FROM t WHERE id = 1000`, `START REPLICA SQL_THREAD`)
		r.until(replica, "with its source", none)
	})
	t.Run("one whose link hangs is behind, though it does not say so", func(t *testing.T) {
		r.Link.Hold()
		r.do(r.source, `INSERT INTO t (v) VALUES (3)`)
		r.until(replica, "2 s behind", atLeast(2*time.Second))
		found, err := replica.channels(t.Context())
		if err != nil || len(found) != 1 || !found[0].known || found[0].behind != 0 {
			t.Errorf("the replica says %+v, %v: if it knows by itself, nobody needs to compare positions", found, err)
		}
		r.Link.Release()
		r.until(replica, "with its source", none)
	})
}

func (r *rig) testProof() {
	other := opened(r.T, sandbox.Legacy(r.T)) // whose server_id is that of the source
	follower := opened(r.T, r.Replica)
	for _, c := range []struct {
		name, dsn string // of the replica that is named
		source    *DB
		says      []string
	}{
		{"pitfall 23: the legacy server itself is no replica of it", r.Source, r.legacy, []string{"REPLICA_DSN leads to the legacy server itself", r.legacy.at}},
		{"pitfall 23: a server that replicates from nobody is refused", r.Source, follower, []string{"leads to " + r.legacy.at + ", which is no replica", follower.at}},
		{"pitfall 23: a replica of another server with the same server_id is refused", r.Replica, other,
			[]string{"the replica at " + follower.at + " replicates from " + r.Link.Addr(), other.at}},
	} {
		r.Run(c.name, func(t *testing.T) {
			replica, err := OpenReplica(t.Context(), configOf(t, c.dsn), c.source)
			if err == nil {
				_ = replica.Close()
			}
			if !throttle.IsUnmeasurable(err) {
				t.Fatalf("got %v", err)
			}
			for _, text := range c.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
	r.Run("who may not see the replica's state is told what to grant", func(t *testing.T) {
		r.do(r.replica, `CREATE USER bare@'127.0.0.1' IDENTIFIED BY 'b'`, `GRANT SELECT ON pair.* TO bare@'127.0.0.1'`)
		config := configOf(t, r.Replica)
		config.User, config.Passwd = "bare", "b"
		_, err := OpenReplica(t.Context(), config, r.legacy)
		if !throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "GRANT REPL") {
			t.Errorf("got %v", err)
		}
	})
	r.Run("a server that is not there is no wrong one", func(t *testing.T) {
		config := configOf(t, r.Replica)
		config.Addr = "127.0.0.1:1"
		_, err := OpenReplica(t.Context(), config, r.legacy)
		if err == nil || throttle.IsUnmeasurable(err) || !strings.Contains(err.Error(), "connect to the replica at 127.0.0.1:1") {
			t.Errorf("got %v", err)
		}
	})
}

func TestSameAddress(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		oneMachine bool
		want       bool
	}{
		{"the same address", "10.0.0.1:3306", "10.0.0.1:3306", false, true},
		{"another port", "10.0.0.1:3306", "10.0.0.1:3307", true, false},
		{"another host", "10.0.0.1:3306", "10.0.0.2:3306", true, false},
		{"a name that nobody knows, twice", "Db1.invalid:3306", "db1.invalid:3306", false, true},
		{"two names that nobody knows", "db1.invalid:3306", "db2.invalid:3306", false, false},
		{"loopback on one machine", "127.0.0.1:3306", "127.0.0.1:3306", true, true},
		{"loopback on two", "127.0.0.1:3306", "127.0.0.1:3306", false, false},
		{"a name and its address", "localhost:3306", "127.0.0.1:3306", true, true},
		{"a socket", "/run/mysqld.sock", "127.0.0.1:3306", true, false},
		{"no name", net.JoinHostPort("", "3306"), net.JoinHostPort("", "3306"), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sameAddress(t.Context(), c.a, c.b, c.oneMachine); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
