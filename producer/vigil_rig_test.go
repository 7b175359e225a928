package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/programs"
)

const nightLimit = 8 * time.Minute // on a machine with much else to do

// Evidence is what has left the processes of a vigil, by where it was found. What is there twice is kept once.
type evidence struct {
	mu   sync.Mutex
	by   map[string]*bytes.Buffer
	last map[string][]byte // that was found at each place
	seen map[[sha256.Size]byte]bool
}

func (e *evidence) add(where string, what []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil {
		e.by, e.last, e.seen = map[string]*bytes.Buffer{}, map[string][]byte{}, map[[sha256.Size]byte]bool{}
	}
	e.last[where] = what
	if e.by[where] == nil {
		e.by[where] = &bytes.Buffer{}
	}
	if key := sha256.Sum256(append([]byte(where), what...)); !e.seen[key] {
		e.seen[key] = true
		e.by[where].Write(what)
		e.by[where].WriteByte('\n')
	}
}

// latest returns what was last found at a place.
func (e *evidence) latest(where string) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[where]
}

// A vigil is a migration by a producer, two workers and an aggregator with all signals on, of which everything is kept that leaves them.
type vigil struct {
	*lab
	evidence
	nats       *sandbox.NATSServer
	collector  *httptest.Server
	addresses  map[string]string // of the health listeners, by process
	pages      string            // address of the dashboard
	watching   errgroup.Group
	scrapes    []time.Duration // how long they took
	pushed     [][]byte        // to the collector, of metrics
	report     report.Report
	producer   *programs.Process
	worker     [2]*programs.Process
	aggregator *programs.Process
}

func newVigil(t *testing.T) *vigil {
	t.Helper()
	programs.Build(t) // which is no part of the limit
	n := &vigil{lab: newLab(t, nightLegacy, nightTarget, nightMapping), nats: sandbox.NATS(t), addresses: map[string]string{}, pages: sandbox.Address(t)}
	ctx, cancel := context.WithTimeout(t.Context(), nightLimit)
	t.Cleanup(cancel)
	n.ctx = ctx
	n.collector = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			if r.URL.Path == "/v1/metrics" {
				n.mu.Lock()
				n.pushed = append(n.pushed, body)
				n.mu.Unlock()
			}
			n.add("otlp "+r.URL.Path, fmt.Append(nil, r.Header, string(body)))
		}
	}))
	t.Cleanup(n.collector.Close)
	n.overhears()
	return n
}

// overhears keeps every message that goes over NATS, the server's own and the answers to them too.
func (n *vigil) overhears() {
	n.Helper()
	conn, err := nats.Connect(n.nats.URL())
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(conn.Close)
	if _, err := conn.Subscribe(">", func(m *nats.Msg) {
		n.add("nats", fmt.Append(nil, m.Subject, " ", m.Reply, m.Header, string(m.Data)))
	}); err != nil {
		n.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		n.Fatal(err)
	}
}

// begin starts a process of the given name.
func (n *vigil) begin(name, program string, env []string, args ...string) *programs.Process {
	n.Helper()
	address := sandbox.Address(n.T)
	n.addresses[name] = address
	all := []string{"LEGACY_DSN=" + n.legacy, "TARGET_DSN=" + n.target, "NATS_URL=" + n.nats.URL(), "REHOME_SLOTS=2", "REHOME_HEALTH=" + address,
		"REHOME_WAIT_LEASE=4s", "REHOME_WAIT_FROZEN=10s", "OTEL_EXPORTER_OTLP_ENDPOINT=" + n.collector.URL, "OTEL_METRICS_EXPORTER=prometheus,otlp",
		"OTEL_METRIC_EXPORT_INTERVAL=500", "OTEL_TRACES_SAMPLER=always_on", "OTEL_BSP_SCHEDULE_DELAY=200"}
	p := n.dir.Start(n.T, program, append(all, env...), args...)
	n.watching.Go(func() error { n.watches(name, address, p); return nil })
	return p
}

// watches asks the process for what it tells about itself, again and again until it has ended.
func (n *vigil) watches(name, address string, p *programs.Process) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, path := range []string{"/metrics", "/readyz", "/healthz", "/version"} {
			began := time.Now()
			body, err := n.get(address + path)
			if err != nil {
				continue
			}
			n.add(name+" "+path, body)
			if path == "/metrics" {
				n.mu.Lock()
				n.scrapes = append(n.scrapes, time.Since(began))
				n.mu.Unlock()
			}
		}
		select {
		case <-p.Done():
			return
		case <-n.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// get asks for an address, with a header or none, whose answer's header is kept.
func (n *vigil) get(address string, header ...string) ([]byte, error) {
	request, err := http.NewRequestWithContext(n.ctx, http.MethodGet, "http://"+address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if len(header) == 2 {
		request.Header.Set(header[0], header[1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	n.add("header of "+request.URL.Path, fmt.Append(nil, answer.Status, answer.Header))
	return body, err
}

// until waits for what no event tells.
func (n *vigil) until(what string, reached func() bool) {
	n.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			n.Fatalf("wait for %s: %v", what, context.Cause(n.ctx))
		}
	}
}

// passes runs the migration until the producer has ended; the workers and the aggregator are still there.
func (n *vigil) passes() {
	n.Helper()
	n.producer = n.begin("producer", programs.Producer, nil, "run", "--format", "json")
	n.until("the plan", func() bool {
		return n.ask(`SELECT to_regclass('rehome.control') IS NOT NULL`) == "true" && n.ask(`SELECT count(*) > 0 FROM rehome.shard`) == "true"
	})
	n.commands(0, "limit", "rows=100000", "threads=10000", "backends=10000")
	for i := range n.worker {
		n.worker[i] = n.begin(fmt.Sprint("worker-", i), programs.Worker, nil)
	}
	n.aggregator = n.begin("aggregator", programs.Aggregator, []string{"REHOME_LISTEN=" + n.pages, "REHOME_TOKEN=" + nightToken, "REHOME_TRACE_URL=http://127.0.0.1:1/trace/{trace_id}"})
	n.until("the dashboard", func() bool { _, err := n.get(n.pages + "/"); return err == nil })
	n.watching.Go(func() error { n.streams(); return nil })
	n.until("an outage", func() bool { return n.ask(`SELECT count(*) > 0 FROM rehome.shard WHERE outages > 0`) == "true" })
	n.commands(0, "pause", "--reason", "the night is dark")
	n.commands(0, "resume")
	n.inTarget(nightRoom)
	if exit := n.producer.Wait(n.ctx); exit != 4 {
		n.Fatalf("the run ends with %d:\n%s%s", exit, n.producer.Stdout(), n.producer.Stderr())
	}
	if err := json.Unmarshal([]byte(n.producer.Stdout()), &n.report); err != nil {
		n.Fatal(err)
	}
}

// processes are those that a vigil starts and does not wait for, by name.
func (n *vigil) processes() map[string]*programs.Process {
	return map[string]*programs.Process{"producer": n.producer, "worker-0": n.worker[0], "worker-1": n.worker[1], "aggregator": n.aggregator}
}

// received returns what the collector was sent of metrics.
func (n *vigil) received() [][]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.pushed)
}

const nightToken = "a-token-of-the-night-0123456789abcdef"

// streams keeps the dashboard's events until the aggregator has ended.
func (n *vigil) streams() {
	request, err := http.NewRequestWithContext(n.ctx, http.MethodGet, "http://"+n.pages+"/api/v1/events", http.NoBody)
	if err != nil {
		return
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	for piece := make([]byte, 64<<10); ; {
		size, err := answer.Body.Read(piece)
		if size > 0 {
			n.add("dashboard /api/v1/events", slices.Clone(piece[:size]))
		}
		if err != nil {
			return
		}
	}
}

// commands runs a command of the producer, which must end with the given status, and keeps what it writes.
func (n *vigil) commands(exit int, args ...string) {
	n.Helper()
	n.runs(programs.Producer, exit, args...)
}

func (n *vigil) runs(program string, exit int, args ...string) []byte {
	n.Helper()
	p := n.dir.Start(n.T, program, []string{"LEGACY_DSN=" + n.legacy, "TARGET_DSN=" + n.target, "NATS_URL=" + n.nats.URL(),
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + n.collector.URL}, args...)
	if got := p.Wait(n.ctx); got != exit {
		n.Fatalf("%s %s ends with %d, want %d:\n%s%s", program, strings.Join(args, " "), got, exit, p.Stdout(), p.Stderr())
	}
	out := p.Stdout() + p.Stderr()
	n.add(fmt.Sprintf("output of %s %s", program, strings.Join(args, " ")), []byte(out))
	return []byte(p.Stdout())
}
