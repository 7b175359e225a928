package legacy

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// benchRows is how many rows a shape has. What is measured is told by the row.
const benchRows = 60_000

// digits are expressions over the number seq of a row.
var wideTable = []string{
	`CREATE TABLE users (
		id INT PRIMARY KEY, username VARCHAR(40) NOT NULL, email VARCHAR(80) NOT NULL, password_hash CHAR(60) NOT NULL, first_name VARCHAR(40),
		last_name VARCHAR(40), about TEXT, website VARCHAR(100), location VARCHAR(60), birthday DATE, created_at DATETIME NOT NULL,
		last_seen DATETIME, reputation INT NOT NULL, views INT NOT NULL, is_active TINYINT(1) NOT NULL, score DECIMAL(10,2) NOT NULL, account CHAR(36) NOT NULL)`,
	`INSERT INTO users SELECT seq, CONCAT('user_', seq), CONCAT('user.', seq, '@mail', seq % 97, '.example.org'), CONCAT('$2y$10$', SHA1(seq), LEFT(MD5(seq), 13)),
		ELT(1 + seq % 7, 'Ada', 'Grace', 'Edsger', 'Barbara', 'Niklaus', 'Zoë', 'Łukasz'), IF(seq % 11 = 0, NULL, CONCAT('Sürname ', seq % 5000)),
		IF(seq % 3 = 0, NULL, REPEAT('lives by the sea, reads a lot. ', 1 + seq % 8)), IF(seq % 4 = 0, NULL, CONCAT('https://www.example.org/people/', seq)),
		ELT(1 + seq % 5, 'Zürich', 'São Paulo', 'Kraków', '東京', NULL), IF(seq % 9 = 0, NULL, '1960-01-01' + INTERVAL seq % 15000 DAY),
		'2009-01-01' + INTERVAL seq SECOND, IF(seq % 6 = 0, NULL, '2020-01-01' + INTERVAL seq SECOND), seq * 7919 % 100000, seq * 31 % 5000, seq % 5 <> 0,
		(seq * 37 % 1000000) / 100, INSERT(INSERT(INSERT(INSERT(MD5(seq + 7), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-') FROM ` + sequence(1, benchRows),
}

var widePlan = mapping.RowPlan{Into: "app.users", From: "users", Source: "users", SourceName: "users", User: "id", SourceKey: []string{"`users`.`id`"},
	SourceKinds: integerKey, Select: []string{"id", "username", "email", "password_hash", "first_name", "last_name", "about", "website", "location", "birthday",
		"created_at", "last_seen", "reputation", "views", "is_active", "score", "account"}}

// socialTable has ten comments of each user.
var socialTable = []string{
	`CREATE TABLE users (id INT PRIMARY KEY)`,
	`INSERT INTO users SELECT seq FROM ` + sequence(1, benchRows/10),
	`CREATE TABLE comments (id INT PRIMARY KEY, user_id INT NOT NULL, post_id INT NOT NULL, body VARCHAR(200) NOT NULL, created DATETIME NOT NULL, KEY (user_id))`,
	fmt.Sprintf(`INSERT INTO comments SELECT seq, 1 + (seq * 104729) %% %d, 1 + seq %% 3000, REPEAT('yes, but ', 1 + seq %% 12), '2017-01-01' + INTERVAL seq SECOND FROM `,
		benchRows/10) + sequence(1, benchRows),
}

var socialPlan = mapping.RowPlan{Into: "app.comments", From: "comments", Source: "comments", SourceName: "comments", User: "user_id",
	SourceKey: []string{"`comments`.`id`"}, SourceKinds: integerKey, Select: []string{"id", "user_id", "post_id", "body", "created"}}

// compressing is the database over a connection that the driver alone can read.
func (f fixture) compressing(t testing.TB) *DB {
	t.Helper()
	config := f.config.Clone()
	if err := config.Apply(mysql.EnableCompression(true)); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func BenchmarkRows(b *testing.B) {
	users := mapping.Keyspace{From: "users", Key: "id", Kinds: []keyspace.Kind{keyspace.Integer}, Table: "users"}
	for _, shape := range []struct {
		name  string
		table []string
		plan  *mapping.RowPlan
	}{{"wide", wideTable, &widePlan}, {"social", socialTable, &socialPlan}} {
		b.Run(shape.name, func(b *testing.B) {
			f := newFixture(b, shape.table...)
			for _, way := range []string{"wire", "driver"} {
				b.Run(way, func(b *testing.B) {
					s := f.snapshot(b, Reading{Users: users})
					if way == "driver" {
						byDriver(b, s)
					}
					measureRows(b, s, shape.plan)
				})
			}
		})
	}
}

// byDriver has the snapshot's connection stream by the driver.
func byDriver(t testing.TB, s *Snapshot) {
	t.Helper()
	if err := s.conn.Raw(func(raw any) error { raw.(*keeper).wire = nil; return nil }); err != nil {
		t.Fatal(err)
	}
}

func measureRows(b *testing.B, s *Snapshot, p *mapping.RowPlan) {
	b.Helper()
	rows := 0
	count := func(r shard.Row) error { rows++; return nil }
	read := func() {
		if err := s.Rows(b.Context(), p, shard.Slice{Kind: shard.OfUsers}, count); err != nil {
			b.Fatal(err)
		}
	}
	read()
	rows = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent := spentOf(b)
	for b.Loop() {
		read()
	}
	spent = spentOf(b) - spent
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(spent.Nanoseconds())/float64(rows), "cpu-ns/row")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(rows), "allocs/row")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(rows), "B/row")
}

// spentOf is the CPU time of this process, without that of the servers.
func spentOf(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
