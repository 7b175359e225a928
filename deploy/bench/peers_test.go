package bench

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

// BenchmarkPeers brings the same rows to the same tables by rehome and by its peers in turn, several rounds, and prints medians and ratios. REHOME_BENCH_ROWS
// names another number of rows than a million, REHOME_BENCH_ROUNDS another one of rounds than 5, REHOME_BENCH_CONTESTANTS who meets, with commas, where not
// all, and REHOME_BENCH_PROFILE a directory for the profile of one more load by rehome.
func BenchmarkPeers(b *testing.B) {
	rows, rounds := number(b, "REHOME_BENCH_ROWS", 1_000_000), number(b, "REHOME_BENCH_ROUNDS", 5)
	for _, s := range []shape{wide, social} {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				a := newArena(b, s, rows)
				costs := map[string][]cost{}
				contestants := a.contestants()
				for round := range rounds {
					for i := range contestants {
						c := contestants[(i+round)%len(contestants)] // none is always the first
						costs[c.name] = append(costs[c.name], a.meet(c))
					}
				}
				a.table(contestants, costs)
				if dir := os.Getenv("REHOME_BENCH_PROFILE"); dir != "" {
					a.profile(dir)
				}
			}
		})
	}
}

func number(b *testing.B, name string, standard int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", name, err)
	}
	return n
}

// An arena has the servers on which the contestants meet, and the legacy population.
type arena struct {
	testing.TB
	shape
	servers *sandbox.Sandbox
	rows    int
	loads   int
	files   string // of the rows as text, for COPY
}

const arenaDatabase = "legacy"

func newArena(b testing.TB, s shape, rows int) *arena {
	b.Helper()
	programs.Build(b) // in nobody's time
	settings := []string{"-c", "max_wal_size=8GB"}
	if os.Getenv("REHOME_BENCH_PROFILE") != "" {
		settings = append(settings, profileSettings...)
	}
	servers, err := sandbox.Start(b.Context(), sandbox.Options{Fast: true, BufferPool: 1024, PostgresArgs: settings})
	if err != nil {
		b.Fatal(err)
	}
	a := &arena{TB: b, shape: s, servers: servers, rows: rows, files: b.TempDir()}
	b.Cleanup(func() {
		if err := servers.Close(); err != nil {
			b.Error(err)
		}
	})
	a.must(servers.Create(b.Context(), arenaDatabase, "unused"))
	db, err := sandbox.Open(servers.LegacyDSN(arenaDatabase))
	a.must(err)
	defer db.Close()
	for _, statement := range s.legacy(rows) {
		_, err := db.ExecContext(b.Context(), statement)
		a.must(err)
	}
	for _, table := range s.tables {
		a.shell(new(cost), a.mariadb(table)+" > "+filepath.Join(a.files, table))
	}
	return a
}

func (a *arena) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// A contestant brings all rows to the target of its shape.
type contestant struct {
	name string
	shape
	load func(c *cost, dsn string)
}

func (a *arena) contestants() []contestant {
	uuids := a.uuids()
	all := []contestant{
		{"rehome", a.shape, a.rehome(a.shape)},
		{"rehome UUIDv5", uuids, a.rehome(uuids)},
		{"pgloader", a.shape, a.pgloader},
		{"mariadb | psql", a.shape, a.pipe},
		{"COPY from a file", a.shape, a.floor},
	}
	if chosen, some := os.LookupEnv("REHOME_BENCH_CONTESTANTS"); some {
		all = slices.DeleteFunc(all, func(c contestant) bool { return !slices.Contains(strings.Split(chosen, ","), c.name) })
	}
	return all
}

// meet has a contestant load an empty target.
func (a *arena) meet(c contestant) cost {
	a.Helper()
	a.loads++
	name := fmt.Sprintf("load_%d", a.loads)
	ctx := a.Context()
	admin, err := pgx.Connect(ctx, a.servers.TargetDSN("postgres"))
	a.must(err)
	defer admin.Close(context.WithoutCancel(ctx))
	exec := func(conn *pgx.Conn, statement string) {
		_, err := conn.Exec(ctx, statement)
		a.must(err)
	}
	exec(admin, "CREATE DATABASE "+name+" TEMPLATE template0")
	dsn := a.servers.TargetDSN(name)
	conn, err := pgx.Connect(ctx, dsn)
	a.must(err)
	exec(conn, c.target)
	exec(conn, "CHECKPOINT")
	var out cost
	legacy, target, start := serverTime(a, a.servers.Legacy.PID()), serverTime(a, a.servers.Target.PID()), time.Now()
	c.load(&out, dsn)
	out.Wall = time.Since(start).Seconds()
	out.MariaDB = serverTime(a, a.servers.Legacy.PID()) - legacy
	out.Target = serverTime(a, a.servers.Target.PID()) - target
	var rows int
	for _, table := range c.tables {
		var n int
		a.must(conn.QueryRow(ctx, "SELECT count(*) FROM app."+table).Scan(&n))
		rows += n
	}
	if rows < a.rows*9/10 {
		a.Fatalf("%s has brought %d rows of %d", c.name, rows, a.rows)
	}
	a.rows = rows
	a.must(conn.Close(ctx))
	exec(admin, "DROP DATABASE "+name+" WITH (FORCE)")
	record(a, "peers", map[string]any{"shape": a.name, "contestant": c.name, "rows": rows, "cost": out})
	return out
}

// rehome runs the whole migration in one process, as on one machine, to a clean verdict.
func (a *arena) rehome(s shape) func(*cost, string) {
	return func(c *cost, dsn string) {
		a.Helper()
		a.ran(c, a.migration(s, dsn))
	}
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

func (a *arena) pgloader(c *cost, dsn string) {
	a.Helper()
	program, err := exec.LookPath("pgloader")
	a.must(err)
	file := filepath.Join(a.TempDir(), "load")
	u := a.parse(dsn)
	u.Scheme, u.RawQuery = "postgresql", ""
	a.must(os.WriteFile(file, fmt.Appendf(nil, `LOAD DATABASE FROM %s INTO %s
		WITH data only, create no tables, include no drop, drop indexes, reset no sequences
		ALTER SCHEMA '%s' RENAME TO 'app';`, a.servers.LegacyDSN(arenaDatabase), u, arenaDatabase), 0o600))
	cmd := exec.CommandContext(a.Context(), program, "--no-ssl-cert-verification", "--root-dir", filepath.Dir(file), file)
	a.ran(c, cmd)
}

// pipe verifies nothing, and cannot be begun again.
func (a *arena) pipe(c *cost, dsn string) {
	a.Helper()
	for _, table := range a.tables {
		a.shell(c, a.mariadb(table)+" | "+a.psql(dsn, table))
	}
}

func (a *arena) floor(c *cost, dsn string) {
	a.Helper()
	for _, table := range a.tables {
		a.shell(c, a.psql(dsn, table)+" < "+filepath.Join(a.files, table))
	}
}

// mariadb is the command that writes a table as COPY reads it.
func (a *arena) mariadb(table string) string {
	u := a.parse(a.servers.LegacyDSN(arenaDatabase))
	password, _ := u.User.Password()
	return fmt.Sprintf("mariadb --no-defaults --quick --batch --skip-column-names --default-character-set=utf8mb4 --host=%s --port=%s --user=%s --password=%s --execute='SELECT * FROM %s' %s",
		u.Hostname(), u.Port(), u.User.Username(), password, table, arenaDatabase)
}

func (a *arena) psql(dsn, table string) string {
	return fmt.Sprintf("psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname='%s' --command=\"COPY app.%s FROM STDIN (NULL 'NULL')\"", dsn, table)
}

func (a *arena) parse(dsn string) *url.URL {
	u, err := url.Parse(dsn)
	a.must(err)
	return u
}

func (a *arena) shell(c *cost, command string) {
	a.Helper()
	a.ran(c, exec.CommandContext(a.Context(), "bash", "-o", "pipefail", "-c", command))
}

// ran runs a command to its end and adds what it has spent.
func (a *arena) ran(c *cost, cmd *exec.Cmd) {
	a.Helper()
	output, err := cmd.CombinedOutput()
	if err != nil {
		a.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, output)
	}
	c.spent(cmd.ProcessState)
}

// table prints the medians, each beside what it is of rehome's and of the floor's.
func (a *arena) table(contestants []contestant, costs map[string][]cost) {
	a.Helper()
	median := func(name string, of func(cost) float64) float64 {
		var all []float64
		for _, c := range costs[name] {
			all = append(all, of(c))
		}
		if slices.Sort(all); len(all) == 0 {
			return math.NaN()
		}
		return all[len(all)/2]
	}
	wall := func(c cost) float64 { return c.Wall }
	own := func(c cost) float64 { return c.Own }
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s: %d rows, medians of %d\n%-20s %8s %10s %9s %9s %9s %9s %9s %12s\n", a.name, a.rows, len(costs["rehome"]),
		"", "wall s", "rows/s", "/ rehome", "/ floor", "own CPU", "MariaDB", "Postgres", "own MiB")
	for _, c := range contestants {
		w := median(c.name, wall)
		fmt.Fprintf(&out, "%-20s %8.2f %10.0f %9.2f %9.2f %9.2f %9.2f %9.2f %12.0f\n", c.name, w, float64(a.rows)/w, w/median("rehome", wall), w/median("COPY from a file", wall),
			median(c.name, own), median(c.name, func(c cost) float64 { return c.MariaDB }), median(c.name, func(c cost) float64 { return c.Target }),
			median(c.name, func(c cost) float64 { return c.Memory }))
	}
	fmt.Println(out.String()) //nolint:forbidigo // what a benchmark is for
}
