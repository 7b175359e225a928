package bench

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
	"rehome/pkg/shard"
)

// latencyMapping has shards of so many rows.
const latencyMapping = `name: bench
legacy: {dsn: "${LEGACY_DSN}", time_zone: UTC}
target: {dsn: "${TARGET_DSN}"}
users: {from: users, key: id, shard_rows: %d}
tables:
  - into: app.users
    from: users
    user: id
    columns: {id: {uuid: user, of: id}, name: name, email: {sql: email, steps: [trim, lower]}, joined_at: joined, score: score}
  - into: app.posts
    from: posts
    user: owner
    columns: {id: {uuid: post, of: id}, author_id: {uuid: user, of: owner}, title: title, body: body, created_at: created}
`

const latencyTarget = `CREATE SCHEMA app;
	CREATE TABLE app.users (id uuid PRIMARY KEY, name text NOT NULL, email text, joined_at timestamptz, score int NOT NULL);
	CREATE TABLE app.posts (id uuid PRIMARY KEY, author_id uuid NOT NULL REFERENCES app.users, title text NOT NULL, body text, created_at timestamptz NOT NULL)`

// latencyRows is how many rows a shard has, as it is by default.
const latencyRows = 20000

// latencyLegacy makes so many rows: a fifth of them users, with four posts each.
func latencyLegacy(rows int) []string {
	users := rows / 5
	return []string{
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, email VARCHAR(60), joined DATETIME NOT NULL, score INT NOT NULL)`,
		fmt.Sprintf(`INSERT INTO users SELECT seq, CONCAT('user ', seq), CONCAT('User', seq, '@Example.org '), '2015-03-01' + INTERVAL seq SECOND, seq %% 100
			FROM seq_1_to_%d`, users),
		`CREATE TABLE posts (id INT PRIMARY KEY, owner INT NOT NULL, title VARCHAR(80) NOT NULL, body TEXT, created DATETIME NOT NULL, KEY (owner))`,
		fmt.Sprintf(`INSERT INTO posts SELECT seq, 1 + (seq - 1) DIV 4, CONCAT('about ', seq), REPEAT('so it goes ', 1 + seq %% 20), '2016-01-01' + INTERVAL seq SECOND
			FROM seq_1_to_%d`, 4*users),
		`ANALYZE TABLE users, posts`,
	}
}

// A link is so many workers of one slot with so much longer a round trip to both databases; the link to NATS has none.
type link struct {
	workers int
	trip    time.Duration
}

// latencies are measured in this order, so that what else the machine does hits both sides of a comparison.
var latencies = []link{
	{8, 0}, {8, 20 * time.Millisecond}, {8, 0}, {8, 20 * time.Millisecond},
	{1, 100 * time.Millisecond}, {2, 100 * time.Millisecond}, {4, 100 * time.Millisecond}, {8, 100 * time.Millisecond},
}

// BenchmarkLatency moves shards of the default size, and prints shards per second, of the time in which the middle half of them was done.
// REHOME_BENCH_LATENCY names other measurements, such as 8x0,8x20: workers x milliseconds; REHOME_BENCH_LATENCY_SHARDS and REHOME_BENCH_LATENCY_ROWS say
// how many shards there are, 48 by default, and how many rows each has.
func BenchmarkLatency(b *testing.B) {
	links := latencies
	if chosen := os.Getenv("REHOME_BENCH_LATENCY"); chosen != "" {
		links = nil
		for one := range strings.SplitSeq(chosen, ",") {
			var l link
			var ms int
			if _, err := fmt.Sscanf(one, "%dx%d", &l.workers, &ms); err != nil {
				b.Fatal(err)
			}
			l.trip = time.Duration(ms) * time.Millisecond
			links = append(links, l)
		}
	}
	shards, rows := number(b, "REHOME_BENCH_LATENCY_SHARDS", 48), number(b, "REHOME_BENCH_LATENCY_ROWS", latencyRows)
	for b.Loop() {
		r := newRig(b, latencyLegacy(shards*rows), latencyTarget, fmt.Sprintf(latencyMapping, rows))
		rates := map[link][]float64{}
		for i, l := range links {
			if i > 0 {
				r.begin(latencyTarget)
			}
			rates[l] = append(rates[l], r.moveSlowly(l))
		}
		compare(b, rates)
	}
}

// compare prints what is left of the speed of the same workers without latency, and what is reached of so many times one worker's.
func compare(b *testing.B, rates map[link][]float64) {
	mean := func(l link) (sum float64) {
		for _, rate := range rates[l] {
			sum += rate / float64(len(rates[l]))
		}
		return sum
	}
	ratio := func(what string, l, of link, times float64) {
		if rates[of] == nil || of == l {
			return
		}
		share := mean(l) / mean(of) / times
		b.ReportMetric(share, fmt.Sprintf("%s(%dx%d)", what, l.workers, l.trip.Milliseconds()))
		record(b, "latency", map[string]any{"workers": l.workers, "trip_ms": l.trip.Milliseconds(), what: share})
	}
	for l := range rates {
		ratio("of_no_latency", l, link{workers: l.workers}, 1)
		ratio("of_linear", l, link{1, l.trip}, float64(l.workers))
	}
}

// moveSlowly moves all shards over the link, and returns how many are done in a second.
func (r *rig) moveSlowly(l link) float64 {
	r.Helper()
	legacy, overLegacy := sandbox.ProxyTo(r.TB, r.legacy)
	target, overTarget := sandbox.ProxyTo(r.TB, r.target)
	producer := r.start(programs.Producer, "run")
	r.until(func() bool { return r.queued("bench") > 0 })
	legacy.SetLatency(l.trip / 2) // in each direction
	target.SetLatency(l.trip / 2)
	r.env[0], r.env[1] = "LEGACY_DSN="+overLegacy, "TARGET_DSN="+overTarget
	var all []*programs.Process
	for range l.workers {
		all = append(all, r.start(programs.Worker, "--slots", "1"))
	}
	r.ended(producer)
	var shards int
	var seconds float64
	// The quarter in which workers come up, and the one in which they run out of shards, are no steady state.
	r.must(r.conn.QueryRow(r.Context(), `
		WITH done AS (SELECT done_at, row_number() OVER (ORDER BY done_at) AS n, count(*) OVER () AS shards FROM rehome.shard WHERE kind = 'users')
		SELECT count(*) - 1, extract(epoch FROM max(done_at) - min(done_at))
		  FROM done WHERE n BETWEEN shards / 4 AND shards - shards / 4`).Scan(&shards, &seconds))
	for _, w := range all {
		w.Terminate()
		r.ended(w)
	}
	rate := float64(shards) / seconds
	record(r.TB, "latency", map[string]any{"workers": l.workers, "trip_ms": l.trip.Milliseconds(), "shards_per_s": rate, "shard_ms": r.phases()})
	return rate
}

// phases returns how long a shard was at what, in milliseconds on the average.
func (r *rig) phases() map[string]float64 {
	r.Helper()
	ms := map[string]float64{}
	for _, phase := range []shard.Phase{shard.Reading, shard.Converting, shard.Copying, shard.ReadingBack, shard.Closing} {
		var mean float64
		r.must(r.conn.QueryRow(r.Context(), `SELECT avg((receipt->'timing'->>$1)::float8) FROM rehome.shard WHERE kind = 'users'`, string(phase)+"_ms").Scan(&mean))
		ms[string(phase)] = math.Round(mean)
	}
	return ms
}
