package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox/programs"
)

const shardsMapping = `name: bench
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: id, shard_rows: 1}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}, name: name}}
`

const shardsTarget = `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY, name text NOT NULL)`

// BenchmarkShards plans, publishes, moves, tallies and reports so many shards of one row each. REHOME_BENCH_SHARDS names other numbers than
// 10,000, with commas.
func BenchmarkShards(b *testing.B) {
	numbers := []string{"10000"}
	if chosen := os.Getenv("REHOME_BENCH_SHARDS"); chosen != "" {
		numbers = strings.Split(chosen, ",")
	}
	for _, text := range numbers {
		b.Run(text, func(b *testing.B) {
			shards, err := strconv.Atoi(text)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				moveShards(b, shards)
			}
		})
	}
}

func moveShards(b *testing.B, shards int) {
	r := newRig(b, []string{
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)`,
		fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq) FROM seq_1_to_%d`, shards), `ANALYZE TABLE users`,
	}, shardsTarget, shardsMapping)
	values := map[string]any{"shards": shards}
	took := func(what string, d time.Duration) {
		values[what+"_s"] = float64(d.Milliseconds()) / 1000
		b.ReportMetric(d.Seconds(), what+"-s")
	}
	programs.Build(b)
	begun, server, machine := time.Now(), processTime(os.Getpid(), false), familyTime(os.Getpid())
	producer := r.start(programs.Producer, "run")
	took("plan", r.until(func() bool { return r.count(`SELECT count(*) FROM rehome.migration`) > 0 }))
	planned := processTime(producer.PID(), false)
	took("publish", r.until(func() bool { return r.queued("bench") >= shards }))
	workers := []*programs.Process{r.start(programs.Worker, "--slots", "4"), r.start(programs.Worker, "--slots", "4")}
	done := func() int { return r.count(`SELECT count(*) FROM rehome.shard WHERE state = 'done'`) }
	moving := time.Now()
	first := r.start(programs.Aggregator)
	r.until(func() bool { return done() > shards/2 })
	first.Kill()
	<-first.Done()
	second := r.start(programs.Aggregator)
	r.until(func() bool { return done() > shards })
	took("move", time.Since(moving))
	queued := processTime(producer.PID(), false) - planned
	ending := time.Now()
	values["producer_mib"] = r.ended(producer)
	took("end", time.Since(ending))
	took("all", time.Since(begun))
	for _, w := range workers {
		w.Terminate()
		r.ended(w)
	}
	// This process is the NATS server, and little beside it. All that the producer does while shards are queued and moved counts, and the whole aggregator.
	second.Terminate()
	peak := r.ended(second)
	tally := processTime(os.Getpid(), false) - server + queued + first.CPU() + second.CPU()
	took("queue_and_tally_cpu", tally)
	values["queue_and_tally_share"] = tally.Seconds() / (familyTime(os.Getpid()) - machine).Seconds()
	third := r.start(programs.Aggregator)
	took("restart", r.until(func() bool { return strings.Contains(third.Stderr(), fmt.Sprintf("shards %d/%d", shards+1, shards+1)) }))
	third.Terminate()
	values["aggregator_mib"] = max(peak, r.ended(third))
	start := time.Now()
	r.ended(r.start(programs.Aggregator, "watch"))
	took("watch", time.Since(start))
	start = time.Now()
	r.ended(r.start(programs.Aggregator, "report", "--format", "json"))
	took("report", time.Since(start))
	start = time.Now()
	r.ended(r.start(programs.Producer, "run"))
	took("again", time.Since(start))
	values["cpus"] = runtime.NumCPU()
	record(b, "shards", values)
}
