package bench

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// An arena has the servers on which the contestants meet, and the legacy population.
type arena struct {
	testing.TB
	shape
	servers *sandbox.Sandbox
	rows    int // of all tables
	loads   int
	files   string // for COPY: a directory of rows, with the keys of the legacy database and with others
}

const arenaDatabase = "legacy"

// arenaSettings keep from PostgreSQL what one load would meet by chance, and the next would not.
var arenaSettings = []string{"-c", "max_wal_size=8GB", "-c", "checkpoint_timeout=1h", "-c", "autovacuum=off"}

// newArena makes a population of about so many rows.
func newArena(b testing.TB, s shape, rows int) *arena {
	b.Helper()
	programs.Build(b) // in nobody's time
	settings := arenaSettings
	if os.Getenv("REHOME_BENCH_PROFILE") != "" {
		settings = slices.Concat(arenaSettings, profileSettings)
	}
	servers, err := sandbox.Start(b.Context(), sandbox.Options{Fast: true, BufferPool: 1024, PostgresArgs: settings})
	if err != nil {
		b.Fatal(err)
	}
	// Where the server itself can read.
	a := &arena{TB: b, shape: s, servers: servers, files: filepath.Join(servers.Target.Dir(), "files")}
	b.Cleanup(a.close)
	a.must(os.Mkdir(a.files, 0o755))
	a.must(servers.Create(b.Context(), arenaDatabase, "unused"))
	a.populate(rows)
	return a
}

// dump writes the rows as the legacy database has them.
func (a *arena) dump() {
	a.Helper()
	for _, table := range a.tables {
		a.shell(new(cost), a.mariadb(table)+" > "+a.file(a.shape, table))
	}
}

// close gives the disk back at once: the next arena needs it.
func (a *arena) close() {
	if err := a.servers.Close(); err != nil {
		a.Error(err)
	}
}

func (a *arena) populate(rows int) {
	a.Helper()
	db, err := sandbox.Open(a.servers.LegacyDSN(arenaDatabase))
	a.must(err)
	defer db.Close()
	conn, err := db.Conn(a.Context())
	a.must(err)
	defer conn.Close()
	// Neither a binlog nor undo of the whole population: it is made at once or not at all.
	for _, statement := range append([]string{`SET sql_log_bin = 0, unique_checks = 0, foreign_key_checks = 0`}, a.legacy(rows)...) {
		_, err := conn.ExecContext(a.Context(), statement)
		a.must(err)
	}
	for _, table := range a.tables {
		var n int
		a.must(conn.QueryRowContext(a.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		a.rows += n
	}
}

func (a *arena) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// meet has a contestant load an empty target, in one of its ways. With keep, the rows that are there at the end become files for COPY.
func (a *arena) meet(c contestant, w way, keep bool) cost {
	a.Helper()
	a.loads++
	name, ctx := fmt.Sprintf("load_%d", a.loads), a.Context()
	admin := a.connect("postgres")
	defer admin.Close(context.WithoutCancel(ctx))
	a.exec(admin, "CREATE DATABASE "+name+" TEMPLATE template0")
	conn := a.connect(name)
	a.exec(conn, c.target)
	a.exec(conn, "CHECKPOINT")
	out := a.measured(func(c *cost) { w.load(c, a.servers.TargetDSN(name)) })
	a.counted(c, conn)
	if keep {
		a.keep(c, conn)
	}
	a.must(conn.Close(ctx))
	a.exec(admin, "DROP DATABASE "+name+" WITH (FORCE)")
	return out
}

func (a *arena) measured(load func(*cost)) (c cost) {
	a.Helper()
	legacy, target, start := familyTime(a.servers.Legacy.PID()).Seconds(), familyTime(a.servers.Target.PID()).Seconds(), time.Now()
	load(&c)
	c.Wall = time.Since(start).Seconds()
	c.MariaDB = familyTime(a.servers.Legacy.PID()).Seconds() - legacy
	c.Target = familyTime(a.servers.Target.PID()).Seconds() - target
	return c
}

// counted makes sure that all rows are there.
func (a *arena) counted(c contestant, conn *pgx.Conn) {
	a.Helper()
	var rows int
	for _, table := range c.tables {
		var n int
		a.must(conn.QueryRow(a.Context(), "SELECT count(*) FROM app."+table).Scan(&n))
		rows += n
	}
	if rows != a.rows {
		a.Fatalf("%s has brought %d rows of %d", c.name, rows, a.rows)
	}
}

// keep writes the rows, in the order in which the target has them.
func (a *arena) keep(c contestant, conn *pgx.Conn) {
	a.Helper()
	for _, table := range c.tables {
		file, err := os.Create(a.file(c.shape, table))
		a.must(err)
		_, err = conn.PgConn().CopyTo(a.Context(), file, "COPY app."+table+" TO STDOUT (NULL 'NULL')")
		a.must(err)
		a.must(file.Close())
	}
}

// file is where the rows of a table are, with the keys that the shape has.
func (a *arena) file(s shape, table string) string { return filepath.Join(a.files, table+s.keys) }

func (a *arena) connect(database string) *pgx.Conn {
	a.Helper()
	conn, err := pgx.Connect(a.Context(), a.servers.TargetDSN(database))
	a.must(err)
	return conn
}

func (a *arena) exec(conn *pgx.Conn, statement string) {
	a.Helper()
	_, err := conn.Exec(a.Context(), statement)
	a.must(err)
}

func (a *arena) parse(dsn string) *url.URL {
	a.Helper()
	u, err := url.Parse(dsn)
	a.must(err)
	return u
}
