package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// A contestant brings all rows to the target of its shape.
type contestant struct {
	name string
	shape
	ways []way // of which it takes the one that was the fastest when all were tried
	keep bool  // what it has brought is for COPY, too: nobody else makes such keys
}

// A way is how a contestant can be used.
type way struct {
	name string
	load func(c *cost, dsn string)
}

// contestants are those who meet, or those of them whom REHOME_BENCH_CONTESTANTS names.
func (a *arena) contestants() []contestant {
	uuids, ordered := a.uuids(), a.ordered()
	all := []contestant{
		{"rehome", a.shape, a.rehome(a.shape), false},
		{"rehome UUIDv5", uuids, a.rehome(uuids), true},
		{"rehome ordered", ordered, a.rehome(ordered), true},
		{"pgloader", a.shape, a.pgloader(), false},
		{"pgloader" + inPlace, a.shape, a.pgloader()[:1], false},
		{"mariadb | psql", a.shape, a.pipe(), false},
		{"mariadb | psql" + inPlace, a.shape, a.pipe()[:1], false},
		{"COPY", a.shape, a.floor(a.shape), false},
		{"COPY UUIDv5", uuids, a.floor(uuids), false},
		{"COPY ordered", ordered, a.floor(ordered), false},
	}
	if chosen, some := os.LookupEnv("REHOME_BENCH_CONTESTANTS"); some {
		names := strings.Split(chosen, ",")
		all = slices.DeleteFunc(all, func(c contestant) bool { return !slices.Contains(names, c.name) })
	}
	return all
}

// inPlace marks who loads into the tables just as they are, as most people do; rehome and pgloader can take the indexes off for themselves.
const inPlace = " (indexes in place)"

// try has a contestant load once in each of its ways, and leaves it the fastest. Afterwards nobody finds anything cold.
func (a *arena) try(c *contestant) {
	a.Helper()
	var best cost
	var fastest way
	for i, w := range c.ways {
		got := a.meet(*c, w, c.keep)
		record(a, "trial", map[string]any{"shape": a.name, "contestant": c.name, "way": w.name, "rows": a.rows, "cost": got})
		if i == 0 || got.Wall < best.Wall {
			best, fastest = got, w
		}
	}
	c.ways = []way{fastest}
}

// rehome runs the whole migration in one process, as on one machine, to a clean verdict.
func (a *arena) rehome(s shape) []way {
	return []way{{"run", func(c *cost, dsn string) { a.ran(c, a.migration(s, dsn)) }}}
}

// migration is the command that runs the whole migration in one process.
func (a *arena) migration(s shape, dsn string) *exec.Cmd {
	a.Helper()
	dir := a.TempDir()
	a.must(os.WriteFile(filepath.Join(dir, "migration.yaml"), []byte(s.mapping()), 0o600))
	cmd := exec.CommandContext(a.Context(), filepath.Join(programs.Build(a), programs.Producer), "run")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LEGACY_DSN=" + a.servers.LegacyDSN(arenaDatabase), "TARGET_DSN=" + dsn}
	return cmd
}

// pgloader can take the indexes off and make them again by itself, several at a time. Fewer rows in memory than the 100,000 that it takes else make it faster, and keep its
// heap from being exhausted by a million wide rows; several readers of one table, on two processors, do not.
func (a *arena) pgloader() []way {
	return []way{
		{"with the indexes", func(c *cost, dsn string) { a.pgload(c, dsn, "prefetch rows = 10000") }},
		{"drop indexes", func(c *cost, dsn string) { a.pgload(c, dsn, "drop indexes, prefetch rows = 10000") }},
		{"drop indexes, workers = 8, concurrency = 2", func(c *cost, dsn string) {
			a.pgload(c, dsn, "drop indexes, workers = 8, concurrency = 2, prefetch rows = 10000")
		}},
	}
}

func (a *arena) pgload(c *cost, dsn, options string) {
	a.Helper()
	program, err := exec.LookPath(sandbox.Pgloader)
	a.must(err)
	file, u := filepath.Join(a.TempDir(), "load"), a.parse(dsn)
	u.Scheme, u.RawQuery = "postgresql", ""
	a.must(os.WriteFile(file, fmt.Appendf(nil, `LOAD DATABASE FROM %s INTO %s
		WITH data only, create no tables, include no drop, reset no sequences, %s
		ALTER SCHEMA '%s' RENAME TO 'app';`, a.servers.LegacyDSN(arenaDatabase), u, options, arenaDatabase), 0o600))
	a.ran(c, exec.CommandContext(a.Context(), program, "--no-ssl-cert-verification", "--root-dir", filepath.Dir(file), file))
}

// pipe verifies nothing, and cannot be begun again.
func (a *arena) pipe() []way {
	return a.indexed(func(c *cost, dsn string) {
		for _, table := range a.tables {
			a.shell(c, a.mariadb(table)+" | "+a.psql(dsn, "COPY app."+table+" FROM STDIN (NULL 'NULL')"))
		}
	})
}

// floor is what PostgreSQL needs for the rows of the shape alone: it reads the files itself.
func (a *arena) floor(s shape) []way {
	return a.indexed(func(c *cost, dsn string) {
		for _, table := range a.tables {
			a.shell(c, a.psql(dsn, "COPY app."+table+" FROM '"+a.file(s, table)+"' (NULL 'NULL')"))
		}
	})
}

// indexed loads with the secondary indexes in place, or makes them after: rehome and pgloader choose for themselves.
func (a *arena) indexed(load func(c *cost, dsn string)) []way {
	return []way{
		{"with the indexes", load},
		{"indexes after", func(c *cost, dsn string) {
			conn, err := pgx.Connect(a.Context(), dsn)
			a.must(err)
			defer conn.Close(context.WithoutCancel(a.Context()))
			indexes := a.takeIndexes(conn)
			load(c, dsn)
			for _, statement := range indexes {
				a.exec(conn, statement)
			}
		}},
	}
}

// takeIndexes drops the secondary indexes, and returns the statements that make them.
func (a *arena) takeIndexes(conn *pgx.Conn) (definitions []string) {
	a.Helper()
	var names []string
	a.must(conn.QueryRow(a.Context(), `
		SELECT array_agg(indexrelid::regclass::text), array_agg(pg_get_indexdef(indexrelid))
		  FROM pg_index WHERE NOT indisprimary AND indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'app'::regnamespace)`).Scan(&names, &definitions))
	for _, name := range names {
		a.exec(conn, "DROP INDEX "+name)
	}
	return definitions
}

// mariadb is the command that writes a table as COPY reads it.
func (a *arena) mariadb(table string) string {
	u := a.parse(a.servers.LegacyDSN(arenaDatabase))
	password, _ := u.User.Password()
	return fmt.Sprintf("mariadb --no-defaults --quick --batch --skip-column-names --default-character-set=utf8mb4 --host=%s --port=%s --user=%s --password=%s --execute='SELECT * FROM %s' %s",
		u.Hostname(), u.Port(), u.User.Username(), password, table, arenaDatabase)
}

// psql is the command that runs a statement; it is the program itself, since Debian's psql is a script that takes time to find it.
func (a *arena) psql(dsn, statement string) string {
	a.Helper()
	program, err := sandbox.PostgresProgram("psql")
	a.must(err)
	return fmt.Sprintf("%s --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname='%s' --command=\"%s\"", program, dsn, statement)
}
