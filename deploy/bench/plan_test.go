package bench

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// A census is a population that is planned: so many users, and rows that hang off them.
type census struct{ users, posts int }

// censuses are planned in turn: users alone, and users with ten times as many rows.
var censuses = []census{{1_000_000, 0}, {1_000_000, 10_000_000}}

// BenchmarkPlan plans a population in a database that has it in memory, and beside that counts the same index entries with one bare statement for each
// table. Rounds alternate. REHOME_BENCH_ROUNDS names another number of rounds than 5, REHOME_BENCH_USERS another one of users than a million.
func BenchmarkPlan(b *testing.B) {
	rounds, users := number(b, "REHOME_BENCH_ROUNDS", 5), number(b, "REHOME_BENCH_USERS", 1_000_000)
	for _, c := range censuses {
		c = census{users, c.posts / c.users * users}
		b.Run(fmt.Sprintf("users=%d,rows=%d", c.users, c.posts), func(b *testing.B) {
			p := newPlanned(b, c)
			for b.Loop() {
				var plans, counts []float64
				for range rounds + 1 { // the first of each makes it warm
					counts = append(counts, p.count())
					plans = append(plans, p.plan())
				}
				seconds, bare, ratio := median(plans[1:]), median(counts[1:]), over(plans[1:], counts[1:])
				b.ReportMetric(seconds.Median, "plan-s")
				b.ReportMetric(bare.Median, "count-s")
				b.ReportMetric(ratio.Median, "ratio")
				record(b, "plan", map[string]any{"users": c.users, "child_rows": c.posts, "plan_s": seconds, "count_s": bare, "ratio": ratio,
					"shards": p.shards, "peak_heap_mib": p.heap >> 20, "cpus": runtime.NumCPU()})
			}
		})
	}
}

// A planned population can be planned again and again.
type planned struct {
	testing.TB
	census
	admin   *sql.DB
	legacy  *legacy.DB
	mapping *mapping.Compiled
	shards  int
	heap    uint64 // most bytes that were in use behind a plan
}

func newPlanned(b testing.TB, c census) *planned {
	b.Helper()
	p := &planned{TB: b, census: c}
	server, err := sandbox.StartMariaDB(b.Context(), sandbox.Options{Fast: true, BufferPool: 2048})
	p.must(err)
	b.Cleanup(func() { p.must(server.Close()) })
	first, err := sandbox.Open(server.DSN(""))
	p.must(err)
	_, err = first.ExecContext(b.Context(), `CREATE DATABASE `+arenaDatabase)
	p.must(err)
	p.must(first.Close())
	p.admin, err = sandbox.Open(server.DSN(arenaDatabase))
	p.must(err)
	b.Cleanup(func() { _ = p.admin.Close() })
	for _, statement := range c.statements() {
		_, err := p.admin.ExecContext(b.Context(), statement)
		p.must(err)
	}
	dsn, err := settings.ParseMySQL(server.DSN(arenaDatabase))
	p.must(err)
	p.legacy, err = legacy.Open(b.Context(), dsn.Config())
	p.must(err)
	b.Cleanup(func() { _ = p.legacy.Close() })
	p.compile()
	return p
}

func (p *planned) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// statements make the population. Posts of one user lie far from each other, as they were written over the years.
func (c census) statements() []string {
	all := []string{
		`SET SESSION sql_log_bin = 0`,
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(80) NOT NULL, joined DATETIME NOT NULL)`,
		fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq), CONCAT('user.', seq, '@example.org'), '2015-03-01' + INTERVAL seq SECOND
			FROM seq_1_to_%d`, c.users),
		`CREATE TABLE posts (id INT PRIMARY KEY, user_id INT, title VARCHAR(80) NOT NULL)`,
	}
	if c.posts > 0 {
		all = append(all, fmt.Sprintf(`INSERT INTO posts SELECT seq, 1 + (seq * 7919) %% %d, CONCAT('about ', seq) FROM seq_1_to_%d`, c.users, c.posts))
	}
	return append(all, `ALTER TABLE posts ADD KEY (user_id)`, `ANALYZE TABLE users, posts`)
}

const plannedMapping = `name: planned
users: {from: users, key: id}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}, ignore: {email: not asked for, joined: not asked for}}
  - {into: app.posts, from: posts, user: user_id, columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: user_id}, title: title}}
`

// compile compiles the mapping against a target that exists on paper alone.
func (p *planned) compile() {
	p.Helper()
	file, faults := mapping.Parse("planned.yaml", []byte(plannedMapping), os.LookupEnv)
	p.must(faults.Err())
	from, err := p.legacy.Catalog(p.Context())
	p.must(err)
	uuid, text := value.TargetType{OID: 2950, Name: "uuid", Kind: 'b', Typmod: -1}, value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}
	table := func(name string, columns ...mapping.TargetColumn) mapping.TargetTable {
		return mapping.TargetTable{Schema: "app", Name: name, Kind: 'r', Columns: columns,
			Uniques: []mapping.Unique{{Name: name + "_pkey", Columns: []string{"id"}, Primary: true}}}
	}
	id := mapping.TargetColumn{Name: "id", Type: uuid, NotNull: true}
	to := &mapping.TargetCatalog{Server: "PostgreSQL", Tables: []mapping.TargetTable{
		table("users", id, mapping.TargetColumn{Name: "name", Type: text}),
		table("posts", id, mapping.TargetColumn{Name: "author_id", Type: uuid}, mapping.TargetColumn{Name: "title", Type: text}),
	}}
	p.mapping, _, err = mapping.Compile(p.Context(), file, from, to)
	p.must(err)
}

// plan plans, and returns how many seconds that took.
func (p *planned) plan() float64 {
	p.Helper()
	began := time.Now()
	made, err := plan.Make(p.Context(), p.mapping, p.legacy, shard.ID{Migration: "planned"})
	p.must(err)
	took := time.Since(began)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p.shards, p.heap = len(made.Shards), max(p.heap, memory.HeapInuse)
	if made.Users != int64(p.users) || made.Rows[1] != int64(p.posts) {
		p.Fatalf("%d users and %d rows are planned, of %d and %d", made.Users, made.Rows[1], p.users, p.posts)
	}
	return took.Seconds()
}

// count counts the entries of the indexes that a plan has to look at, and returns how many seconds that took.
func (p *planned) count() float64 {
	p.Helper()
	began := time.Now()
	for _, query := range []string{`SELECT COUNT(*) FROM users FORCE INDEX (PRIMARY)`, `SELECT COUNT(*) FROM posts FORCE INDEX (user_id)`} {
		var n int64
		p.must(p.admin.QueryRowContext(context.WithoutCancel(p.Context()), query).Scan(&n))
	}
	return time.Since(began).Seconds()
}
