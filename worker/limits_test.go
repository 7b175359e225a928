package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/ledger"
	"rehome/pkg/sandbox/programs"
	"rehome/pkg/throttle"
)

// users fills the legacy database with users of three posts each.
func users(n int) string {
	return fmt.Sprintf(`
		INSERT INTO users SELECT seq, CONCAT('user ', seq), NOW() FROM seq_1_to_%d;
		INSERT INTO posts SELECT seq, 1 + seq DIV 3, CONCAT('title ', seq), 'text', NULL FROM seq_1_to_%d`, n, 3*n-1)
}

func TestSlotsLimit(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(3000), 40, 8, 2, throttle.Limits{Slots: 3, Rows: 400}) // so slowly that most is left when all workers have begun
	most := int64(0)
	within := func(limit int64) func() {
		return func() {
			n := l.inWork()
			if most = max(most, n); n > limit {
				t.Fatalf("%d shards are in work, and %d may be", n, limit)
			}
		}
	}
	l.until("work", func() bool { return l.inWork() > 0 })
	l.during(6*time.Second, within(3))
	if most != 3 {
		t.Errorf("no more than %d shards are in work at once", most)
	}
	l.until("all to say that they wait", func() bool {
		n := 0
		for _, w := range l.alive() {
			if w.Slow == "waiting for a slot: limit of 3" {
				n++
			}
		}
		return n >= 5
	})
	delivered, done := l.deliveries(), l.done()
	t.Logf("%d deliveries for %d shards, of which %d are done", delivered, l.count(`SELECT count(*) FROM rehome.shard`), done)
	if delivered > 4*done+100 {
		t.Errorf("%d deliveries for %d shards that are done", delivered, done)
	}
	l.limit(throttle.Limits{Slots: 10, Rows: 400})
	if d := l.until("more to be taken", func() bool { return l.inWork() >= 7 }); d > 3*time.Second {
		t.Errorf("a higher limit takes effect after %s", d)
	}
	l.during(2*time.Second, within(10))
	l.limit(throttle.Limits{})
	l.ends()
}

// deliveries is how often tasks were handed out so far.
func (l *live) deliveries() int64 {
	l.Helper()
	nc, err := nats.Connect(l.env[2][len("NATS_URL="):])
	l.must(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	l.must(err)
	consumer, err := js.Consumer(l.ctx, "REHOME_MEMORY_SHARDS", "workers")
	l.must(err)
	return int64(consumer.CachedInfo().Delivered.Consumer)
}

// A meter adds up what the workers say that they have read, of those who are gone, too.
type meter struct {
	*live
	rows  map[uuid.UUID]int64
	began time.Time
	at    []time.Duration
	total []int64
}

func (m *meter) read() {
	m.Helper()
	workers, err := m.ledger.Workers(m.ctx, liveName, time.Hour)
	m.must(err)
	sum := int64(0)
	for _, w := range workers {
		m.rows[w.Holder] = max(m.rows[w.Holder], w.Rows)
	}
	for _, n := range m.rows {
		sum += n
	}
	m.at, m.total = append(m.at, time.Since(m.began)), append(m.total, sum)
}

// windows returns the least and the most rows per second in windows of ten seconds that begin and end in the span.
func (m *meter) windows(from, to time.Duration) (least, most float64) {
	least = math.Inf(1)
	first := 0
	for last := range m.at {
		for m.at[last]-m.at[first] > 10*time.Second {
			first++
		}
		if first == 0 || m.at[first-1] < from || m.at[last] > to {
			continue
		}
		perSecond := float64(m.total[last]-m.total[first-1]) / (m.at[last] - m.at[first-1]).Seconds()
		least, most = min(least, perSecond), max(most, perSecond)
	}
	return least, most
}

func TestRowsLimit(t *testing.T) {
	t.Parallel()
	const limit = 600
	l := newLive(t, users(8000), 50, 8, 1, throttle.Limits{Rows: limit}, "REHOME_WAIT_BEAT=100ms")
	l.until("work", func() bool { return l.inWork() == 8 })
	m := &meter{live: l, rows: map[uuid.UUID]int64{}, began: time.Now()}
	const settled, ghost = 3 * time.Second, 3*time.Second + ledger.DefaultFrozen
	l.during(settled+14*time.Second, m.read)
	struck := time.Since(m.began)
	l.workers[0].Kill()
	l.workers[1].Terminate()
	l.worker(1, "REHOME_WAIT_BEAT=100ms")
	l.during(ghost+12*time.Second, m.read)
	for _, span := range []struct {
		name     string
		from, to time.Duration
		least    float64
	}{
		{"while nobody comes or goes", settled, struck, 0.9},
		{"while one that was killed still counts, one was stopped and one has come", struck, struck + ghost, 0.9 * 7 / 8},
		{"when it counts no more", struck + ghost, math.MaxInt64, 0.9},
	} {
		least, most := m.windows(span.from, span.to)
		t.Logf("%s: %.1f %% to %.1f %% of %d rows/s in windows of 10 s", span.name, 100*least/limit, 100*most/limit, limit)
		if least < span.least*limit || most > 1.1*limit {
			t.Errorf("%s: %.0f to %.0f rows per second, want %d within 10 %%", span.name, least, most, limit)
		}
	}
	slow := 0
	for _, w := range l.alive() {
		if w.Slow == "limited to 600 rows/s" {
			slow++
		}
	}
	if slow < 6 {
		t.Errorf("%d workers say that rows are limited", slow)
	}
}

func TestGauge(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(2000), 200, 2, 2, throttle.Limits{Rows: 200})
	l.until("work", func() bool { return l.inWork() == 4 })
	l.producer.Kill() // with whoever measures
	all := func(slow string) func() bool {
		return func() bool {
			for _, w := range l.alive() {
				if !strings.HasPrefix(w.Slow, slow) {
					return false
				}
			}
			return true
		}
	}
	l.limit(throttle.Limits{Threads: 10})
	l.until("the workers to stand still", all("standing still: nobody measures the databases"))
	work, done := l.inWork(), l.done()
	if work == 0 {
		t.Fatal("nothing is in the middle of a shard")
	}
	l.during(2*time.Second, func() {})
	if got := l.inWork(); got != work || l.done() != done {
		t.Errorf("%d shards in work have become %d, %d done ones %d", work, got, done, l.done())
	}
	if got := l.count(`SELECT coalesce(sum(attempt), 0)::bigint FROM rehome.shard`); got != work+done {
		t.Errorf("%d claims for %d shards that are in work or done", got, work+done)
	}
	l.must(l.ledger.SetGauge(l.ctx, liveName, throttle.Gauge{Pace: 0.25, Reason: "9 of 10 threads running in the legacy server"}))
	l.until("the workers to be slow", all("slowing down to 25 %: 9 of 10 threads"))
	l.must(l.ledger.SetGauge(l.ctx, liveName, throttle.Gauge{Pace: 1}))
	l.until("the workers to be fast", all(""))
	l.limit(throttle.Limits{})
	l.producer = l.dir.Start(t, programs.Producer, l.env, "run", "--format", "json")
	l.ends()
	l.says("slowing down to 25 %: 9 of 10 threads running in the legacy server")
}
