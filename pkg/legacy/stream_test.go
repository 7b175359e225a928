package legacy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/keyspace"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// many has more rows than the server, the network and the wire hold together.
var many = clause{sql: "SELECT seq, REPEAT('x', 1000) FROM " + sequence(1, 99_999)}

func connectionOf(t *testing.T, conn *sql.Conn) int64 {
	t.Helper()
	id, err := number(t.Context(), conn, clause{sql: "SELECT CONNECTION_ID()"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAStreamThatDoesNotEnd(t *testing.T) {
	f := newFixture(t)
	proxy := sandbox.NewProxy(t, f.config.Addr)
	for name, c := range map[string]struct {
		config func(*mysql.Config)
		during func(cancel context.CancelFunc) error // with the first row
		is     error
	}{
		"when its context ends":                       {during: func(cancel context.CancelFunc) error { cancel(); return nil }, is: context.Canceled},
		"when its context ends, and its reader fails": {during: func(cancel context.CancelFunc) error { cancel(); return errMine }, is: errMine},
		"when its link is cut":                        {during: func(context.CancelFunc) error { proxy.Cut(); return nil }},
		"when the server says nothing for long": {
			config: func(c *mysql.Config) { c.ReadTimeout = 200 * time.Millisecond },
			during: func(context.CancelFunc) error { proxy.Hold(); return nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(proxy.Heal)
			config := f.config.Clone()
			config.Addr = proxy.Addr()
			if c.config != nil {
				c.config(config)
			}
			db, err := Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.pool.SetMaxOpenConns(1)
			s := db.snapshotOf(t)
			before := connectionOf(t, s.conn)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			rows := 0
			err = stream(ctx, s.conn, many, func([]value.Cell) error {
				if rows++; rows == 1 {
					return c.during(cancel)
				}
				return nil
			})
			if err == nil || rows == 99_999 || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("%d rows, %v", rows, err)
			}
			if kind, _ := shard.KindOf(s.failed(err, "read")); c.is != errMine && kind != shard.Outage {
				t.Errorf("it is a %s: %v", kind, err)
			}
			if err := stream(t.Context(), s.conn, clause{sql: "SELECT 1"}, func([]value.Cell) error { return nil }); err == nil {
				t.Error("the connection is used on")
			}
			proxy.Heal()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			conn, err := db.pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if connectionOf(t, conn) == before {
				t.Error("the connection came back from the pool")
			}
		})
	}
}

var errMine = errors.New("mine")

func TestAStreamThatIsGivenUp(t *testing.T) {
	s := newFixture(t).snapshotOf(t)
	before := connectionOf(t, s.conn)
	for name, c := range map[string]struct {
		yield func([]value.Cell) error
		ctx   func(context.Context) context.Context
		is    error
	}{
		"by its reader":                {yield: func([]value.Cell) error { return errMine }, is: errMine},
		"by its context, before it is": {ctx: func(ctx context.Context) context.Context { return ended(ctx) }, is: context.Canceled},
	} {
		t.Run(name+" leaves the connection as it is", func(t *testing.T) {
			ctx := t.Context()
			if c.ctx != nil {
				ctx = c.ctx(ctx)
			}
			if err := stream(ctx, s.conn, many, c.yield); !errors.Is(err, c.is) {
				t.Errorf("got %v", err)
			}
			if connectionOf(t, s.conn) != before {
				t.Error("it is another one")
			}
		})
	}
	t.Run("by a panic of its reader ends the connection", func(t *testing.T) {
		func() {
			defer func() { _ = recover() }()
			_ = stream(t.Context(), s.conn, many, func([]value.Cell) error { panic("mine") })
		}()
		if err := s.conn.PingContext(t.Context()); err == nil {
			t.Error("it is used on")
		}
	})
}

func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func TestTheDriverAndTheWireTakeTurns(t *testing.T) {
	s := newFixture(t).snapshotOf(t)
	if err := stream(t.Context(), s.conn, clause{sql: "SELECT ?"}, nil); err == nil || !strings.Contains(err.Error(), "0 values for 1 parameters") {
		t.Fatalf("got %v", err)
	}
	for i := range 40 {
		if got := readBy(t, s, clause{sql: "SELECT ?, 'by the wire'", args: []any{int64(i)}}); len(got) != 1 || got[0][0] != fmt.Sprintf("%q", fmt.Sprint(i)) {
			t.Fatalf("got %v", got)
		}
		if n, err := number(t.Context(), s.conn, clause{sql: "SELECT ? + 1", args: []any{i}}); err != nil || n != int64(i+1) {
			t.Fatalf("got %d, %v", n, err)
		}
		if i%3 == 0 {
			err := stream(t.Context(), s.conn, clause{sql: "SELECT nothing"}, nil)
			if refused := (*mysql.MySQLError)(nil); !errors.As(err, &refused) || refused.Number != 1054 || string(refused.SQLState[:]) != "42S22" {
				t.Fatalf("got %v", err)
			}
		}
		readBy(t, s, clause{sql: "SELECT CAST('1x' AS SIGNED), CAST('y' AS SIGNED)"})
		if n, err := warningCount(t.Context(), s.conn); err != nil || n != 2 {
			t.Fatalf("%d warnings, %v", n, err)
		}
	}
}

// A stream's memory does not grow with its rows.
func TestAllocationsOfAStream(t *testing.T) {
	f := newFixture(t, `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), at DATETIME(3), n DOUBLE)`,
		`INSERT INTO t SELECT seq, 'text', '2020-01-01' + INTERVAL seq SECOND, seq / 7 FROM `+sequence(1, 20_000))
	s := f.snapshotOf(t)
	users, p := one("v", "at", "n")
	s.users = users
	allocated := func(rows int) int {
		q, part := s.question(p, shard.Slice{Kind: shard.OfUsers}), clause{sql: fmt.Sprintf("id <= %d", rows)}
		r := s.reader(q, func(shard.Row) error { return nil })
		return int(testing.AllocsPerRun(3, func() {
			if err := stream(t.Context(), s.conn, q.rows(part), r.row); err != nil {
				t.Fatal(err)
			}
		}))
	}
	few, lots := allocated(100), allocated(20_000)
	if lots > few+500 {
		t.Errorf("%d allocations for 100 rows, %d for 20,000", few, lots)
	}
}

// Who clears the cells of a wide row has let go of it, while the stream goes on.
func TestAWideRowIsHeldByItsCellsAlone(t *testing.T) {
	s := newFixture(t).snapshotOf(t)
	const size = 40 << 20
	before := heldBytes()
	err := stream(t.Context(), s.conn, clause{sql: fmt.Sprintf("SELECT REPEAT('x', %d)", size)}, func(cells []value.Cell) error {
		if with := heldBytes(); with < before+size {
			t.Errorf("%d bytes are held with the row", with-before)
		}
		clear(cells)
		if without := heldBytes(); without > before+size/2 {
			t.Errorf("%d bytes are held without the row", without-before)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func heldBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestKeysThatAreKept(t *testing.T) {
	var made keyMaker
	type made3 struct {
		key              keyspace.Key
		canonical, clone []byte
	}
	var kept []made3
	for i := range 5000 {
		cells := []value.Cell{value.Cell(fmt.Sprint(i)), value.Cell(strings.Repeat("k", i%70)), {0, byte(i)}}
		k, err := made.key(cells, []keyspace.Kind{keyspace.Text, keyspace.Text, keyspace.Binary})
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, made3{k, made.canonical(k), made.clone(cells[0])})
		if i > 0 { // who appends to a key writes over no other
			before := kept[i-1]
			_ = append(before.key, "written over")
			_ = append(append(before.canonical, "written"...), append(before.clone, "over"...)...)
		}
	}
	for i, k := range kept {
		want := fmt.Sprintf("%d\x1f%s\x1f00%02x", i, strings.Repeat("k", i%70), byte(i))
		if string(k.key.Canonical()) != want || string(k.canonical) != want || string(k.clone) != fmt.Sprint(i) {
			t.Fatalf("key %d became %q, %q, %q", i, k.key, k.canonical, k.clone)
		}
	}
}

// A greeting that offers encryption is answered by the driver itself: what the tap makes of that is under test.
func TestTheWireKeepsOffWhatIsEncrypted(t *testing.T) {
	greeting := packets("\x0a10.11.1-MariaDB\x00" + "\x01\x00\x00\x00" + "12345678\x00" + "\xff\xff\x2d\x02\x00\xff\x81\x15" + strings.Repeat("\x00", 10) +
		"123456789012\x00" + "mysql_native_password\x00")
	greeting = greeting[:3] + "\x00" + greeting[4:]
	for name, want := range map[string]bool{"": true, "skip-verify": false} {
		t.Run("with tls="+name, func(t *testing.T) {
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var serving sync.WaitGroup
			serving.Go(func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, greeting)
				_, _ = conn.Read(make([]byte, 4096)) // and is gone
			})
			config := mysql.NewConfig()
			config.User, config.Passwd, config.Net, config.Addr, config.TLSConfig, config.Logger = "u", "p", "tcp", listener.Addr().String(), name, &mysql.NopLogger{}
			config.DialFunc = dial
			connector, err := mysql.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			var below *tap
			if _, err := connector.Connect(withTap(t.Context(), &below)); err == nil {
				t.Error("it connected")
			}
			_ = listener.Close()
			serving.Wait()
			if below == nil || (below.wire(config) != nil) != want {
				t.Errorf("the wire is used: %v, want %v", !want, want)
			}
		})
	}
}

func TestAConnectionThatMayNotBeUsedAgain(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		before func(*wire)
		yield  func(context.CancelFunc)
		says   string
	}{
		"as its context has ended when all was read":     {yield: func(cancel context.CancelFunc) { cancel() }},
		"as an answer of the server's is not understood": {before: func(w *wire) { w.keptMetadata = !w.keptMetadata }, says: errMalformed.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.snapshotOf(t)
			if c.before != nil {
				c.before(wireOf(t, s))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := stream(ctx, s.conn, clause{sql: "SELECT 1"}, func([]value.Cell) error { c.yield(cancel); return nil })
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v", err)
			}
			if err := s.conn.PingContext(t.Context()); !errors.Is(err, driver.ErrBadConn) {
				t.Errorf("then: %v", err)
			}
		})
	}
}

func TestAStreamMayTakeLongerThanAReadOfIt(t *testing.T) {
	f := newFixture(t)
	config := f.config.Clone()
	config.ReadTimeout, config.WriteTimeout = time.Second, time.Second
	db, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows := 0
	err = stream(t.Context(), db.snapshotOf(t).conn, many, func([]value.Cell) error {
		if rows++; rows == 1 {
			<-time.After(2 * config.ReadTimeout) // the deadline of the read before is over, which is what is under test
		}
		return nil
	})
	if err != nil || rows != 99_999 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func TestAKeeperOfABrokenWireIsBad(t *testing.T) {
	s := newFixture(t).snapshotOf(t)
	err := s.conn.Raw(func(raw any) error {
		k := raw.(*keeper)
		k.wire.broken = true
		if k.IsValid() {
			t.Error("it is valid")
		}
		return k.stream(t.Context(), clause{sql: "SELECT 1"}, nil)
	})
	if !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("got %v", err)
	}
}
