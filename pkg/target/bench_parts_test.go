package target

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// partRows is a window of the size that shards are moved in.
const partRows = 20_000

// A bench copies one window again and again, each time into an empty table.
type bench struct {
	*testing.B
	conn   *pgx.Conn
	entry  *mapping.RowPlan
	window shard.Window
	tx     pgx.Tx
	t      *Tx
	spent  time.Duration
	allocs uint64
	rows   int
}

func newBench(b *testing.B) *bench {
	b.Helper()
	ddl, columns := benchTable()
	conn, _ := open(b, ddl)
	p := &bench{B: b, conn: conn, entry: plan(b, conn, "app.users", 1, columns...)}
	wide(&p.window, p.entry, 0, partRows)
	return p
}

// begin starts a transaction, in nobody's time.
func (p *bench) begin() {
	p.Helper()
	var err error
	p.tx, err = p.conn.Begin(p.Context())
	must(p, err)
	p.t = NewTx(p.conn)
}

func (p *bench) end() {
	p.Helper()
	must(p, p.tx.Rollback(context.WithoutCancel(p.Context())))
	run(p, p.conn, `TRUNCATE app.users`)
}

// measured is the time of the benchmark: what it does with the window's rows.
func (p *bench) measured(do func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent := cpu(p)
	p.StartTimer()
	do()
	p.StopTimer()
	p.spent += cpu(p) - spent
	runtime.ReadMemStats(&after)
	p.allocs += after.Mallocs - before.Mallocs
	p.rows += partRows
}

func (p *bench) report() {
	p.ReportMetric(float64(p.Elapsed().Nanoseconds())/float64(p.rows), "ns/row")
	p.ReportMetric(float64(p.spent.Nanoseconds())/float64(p.rows), "cpu-ns/row")
	p.ReportMetric(float64(p.allocs)/float64(p.rows), "allocs/row")
}

// cpu is the time of the processor that this process has had, without the server's.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkCopy sends a window; its cpu-ns are this process's share of ns.
func BenchmarkCopy(b *testing.B) {
	p := newBench(b)
	for b.Loop() {
		b.StopTimer()
		p.begin()
		p.measured(func() { must(b, p.t.Copy(b.Context(), &p.window)) })
		p.end()
		b.StartTimer()
	}
	p.report()
}

// BenchmarkReadBack reads a window that was copied before, and compares nothing.
func BenchmarkReadBack(b *testing.B) {
	p := newBench(b)
	for b.Loop() {
		b.StopTimer()
		p.begin()
		must(b, p.t.Copy(b.Context(), &p.window))
		back := 0
		p.measured(func() { must(b, p.t.ReadBack(b.Context(), &p.window, func(int, []byte) error { back++; return nil })) })
		if back != partRows {
			b.Fatalf("%d rows came back, of %d", back, partRows)
		}
		p.end()
		b.StartTimer()
	}
	p.report()
}
