package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

const interrupted = 130

// pool holds the servers that the tests of one process share.
type pool struct {
	mu        sync.Mutex
	open      bool
	databases int
	dir       *home
	mariadb   *MariaDBServer
	mysql     *MySQLServer
	postgres  *PostgresServer
}

var shared pool

// Main runs a package's tests, stops at the end, and after SIGINT and SIGTERM, what they started, and exits with their
// code. It stands alone in TestMain. In a child process that NATS started it is the NATS server instead.
func Main(m *testing.M) {
	if where := os.Getenv(natsEnv); where != "" {
		os.Exit(serveNATS(where))
	}
	shared.mu.Lock()
	shared.open = true
	shared.mu.Unlock()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	keepRunning := context.AfterFunc(ctx, func() {
		shared.close()
		os.Exit(interrupted)
	})
	code := m.Run()
	keepRunning()
	stop()
	shared.close()
	os.Exit(code)
}

// Address returns an address of loopback, HOST:PORT, that nobody listened on a moment ago, for a program of the test to listen on.
func Address(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return loopback(port)
}

// MariaDB returns the DSN of a new, empty database (utf8mb4) on the MariaDB that the tests of this process share, and
// drops it when t ends. A server that cannot be started fails t.
func MariaDB(t testing.TB) string {
	t.Helper()
	server, n, err := shared.maria(t.Context())
	if err != nil {
		t.Fatalf("start a MariaDB for this test: %v", err)
	}
	return legacyDatabase(t, &server.legacyServer, n)
}

// MySQL is MariaDB's counterpart on a MySQL server, for which REHOME_MYSQLD names the program.
func MySQL(t testing.TB) string {
	t.Helper()
	server, n, err := shared.mySQL(t.Context())
	if err != nil {
		t.Fatalf("start a MySQL for this test: %v", err)
	}
	return legacyDatabase(t, &server.legacyServer, n)
}

func legacyDatabase(t testing.TB, server *legacyServer, n int) string {
	t.Helper()
	name := fmt.Sprintf("db_%d", n)
	if err := server.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create legacy database %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := server.exec(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Errorf("drop legacy database %s: %v", name, err)
		}
	})
	return server.DSN(name)
}

// Postgres returns the DSN of a new, empty database on the PostgreSQL that the tests of this process share, and drops it
// when t ends, whoever is still connected. A server that cannot be started fails t.
func Postgres(t testing.TB) string {
	t.Helper()
	server, n, err := shared.target(t.Context())
	if err != nil {
		t.Fatalf("start a PostgreSQL for this test: %v", err)
	}
	name := fmt.Sprintf("db_%d", n)
	if err := server.exec(t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("create target database %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := server.exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop target database %s: %v", name, err)
		}
	})
	return server.DSN(name)
}

// Directory returns a directory for what the tests of this process share, such as programs that they run; it is removed when
// all of them have ended.
func Directory(t testing.TB) string {
	t.Helper()
	dir, err := shared.directory()
	if err != nil {
		t.Fatalf("make a directory for the tests: %v", err)
	}
	return dir
}

func (p *pool) directory() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return "", err
	}
	if p.dir == nil {
		dir, err := newHome("")
		if err != nil {
			return "", err
		}
		p.dir = dir
	}
	return p.dir.path, nil
}

func (p *pool) maria(ctx context.Context) (_ *MariaDBServer, database int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return nil, 0, err
	}
	if p.mariadb == nil {
		if p.mariadb, err = StartMariaDB(ctx, Options{Fast: true}); err != nil {
			return nil, 0, err
		}
	}
	p.databases++
	return p.mariadb, p.databases, nil
}

func (p *pool) mySQL(ctx context.Context) (_ *MySQLServer, database int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return nil, 0, err
	}
	if p.mysql == nil {
		if p.mysql, err = StartMySQL(ctx, Options{Fast: true}); err != nil {
			return nil, 0, err
		}
	}
	p.databases++
	return p.mysql, p.databases, nil
}

func (p *pool) target(ctx context.Context) (_ *PostgresServer, database int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.usable(); err != nil {
		return nil, 0, err
	}
	if p.postgres == nil {
		if p.postgres, err = StartPostgres(ctx, Options{Fast: true}); err != nil {
			return nil, 0, err
		}
	}
	p.databases++
	return p.postgres, p.databases, nil
}

func (p *pool) usable() error {
	if !p.open {
		return fmt.Errorf("the package's TestMain does not call sandbox.Main, or its tests are over")
	}
	return nil
}

// close reports to stderr alone: the tests' verdict is their own.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = false
	both := Sandbox{Legacy: p.mariadb, Target: p.postgres}
	err := both.Close()
	if p.mysql != nil {
		err = errors.Join(err, p.mysql.Close())
	}
	if p.dir != nil {
		err = errors.Join(err, p.dir.remove())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
