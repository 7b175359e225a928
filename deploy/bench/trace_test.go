package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"rehome/pkg/sandbox/programs"
)

// BenchmarkTracing moves the same rows with traces on and off, in pairs of which one begins with and the next without them, and prints what tracing costs as
// the median of the pairs' ratios with its interval of 95 %. REHOME_BENCH_TRACING_PAIRS is how many pairs there are, 10 by default,
// REHOME_BENCH_TRACING_SHARDS how many shards of 20,000 rows, 96 by default: in a shorter run what each process spends once is told as the price of spans.
// REHOME_BENCH_OTLP is a collector; else what is sent is thrown away.
func BenchmarkTracing(b *testing.B) {
	pairs, shards := number(b, "REHOME_BENCH_TRACING_PAIRS", 10), number(b, "REHOME_BENCH_TRACING_SHARDS", 96)
	for b.Loop() {
		programs.Build(b)
		s := newSink(b)
		r := newRig(b, latencyLegacy(shards*latencyRows), latencyTarget, fmt.Sprintf(latencyMapping, latencyRows))
		r.moved(s.endpoint) // what comes first finds nothing in the caches
		var own, wall []float64
		for i := range pairs {
			var costs [2]cost // without, and with traces
			for _, on := range [][]int{{0, 1}, {1, 0}}[i%2] {
				r.begin(latencyTarget)
				costs[on] = r.moved([]string{"", s.endpoint}[on])
			}
			own, wall = append(own, costs[1].Own/costs[0].Own), append(wall, costs[1].Wall/costs[0].Wall)
			record(b, "tracing", map[string]any{"pair": i, "without": costs[0], "with": costs[1]})
		}
		values := map[string]any{"pairs": pairs, "shards": shards, "sent_bytes": s.bytes.Load()}
		for what, ratios := range map[string][]float64{"own_cpu": own, "wall": wall} {
			m := median(ratios)
			b.ReportMetric(m.Median, what+"-ratio")
			values[what+"_ratio"], values[what+"_low"], values[what+"_high"] = m.Median, m.Low, m.High
		}
		record(b, "tracing", values)
	}
}

// A sink takes spans for a collector, and throws them away.
type sink struct {
	endpoint string
	bytes    atomic.Int64
}

func newSink(b *testing.B) *sink {
	s := &sink{endpoint: os.Getenv("REHOME_BENCH_OTLP")}
	if s.endpoint != "" {
		return s
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // who sends it does not depend on it
		s.bytes.Add(n)
	}))
	b.Cleanup(server.Close)
	s.endpoint = server.URL
	return s
}

// moved runs the whole migration by one process of each program, with traces where there is an endpoint.
func (r *rig) moved(endpoint string) (c cost) {
	r.Helper()
	if r.env = r.env[:3:3]; endpoint != "" {
		r.env = append(r.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint)
	}
	began := time.Now()
	aggregator, worker := r.start(programs.Aggregator), r.start(programs.Worker, "--slots", "2")
	producer := r.start(programs.Producer, "run")
	producer.Wait(r.Context())
	c.Wall = time.Since(began).Seconds()
	r.ended(producer)
	for _, p := range []*programs.Process{worker, aggregator} {
		p.Terminate()
		r.ended(p)
	}
	for _, p := range []*programs.Process{producer, worker, aggregator} {
		c.Own += p.CPU().Seconds()
	}
	return c
}
