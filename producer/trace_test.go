package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/collector"
	"rehome/pkg/sandbox/programs"
)

// A traced migration is done by a producer, an aggregator and workers that send their spans to an endpoint.
type traced struct {
	*lab
	env []string
}

func newTraced(t *testing.T, endpoint string, env ...string) *traced {
	t.Helper()
	// Other tests write to the same legacy server.
	l := newLab(t, deadLegacy, deadTarget, strings.Replace(deadMapping, "time_zone: UTC", "time_zone: UTC, accept_unproved: nobody writes", 1))
	return &traced{lab: l, env: append(env, "LEGACY_DSN="+l.legacy, "TARGET_DSN="+l.target, "REHOME_SLOTS=1", "REHOME_WAIT_FROZEN=10s",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_BSP_SCHEDULE_DELAY=50")}
}

func (m *traced) start(program, pauseAt string, args ...string) *programs.Process {
	m.Helper()
	return m.dir.Start(m.T, program, append(m.env[:len(m.env):len(m.env)], "REHOME_PAUSE_AT="+pauseAt), args...)
}

// ends waits for processes to end so, those that run until they are told to are told.
func (m *traced) ends(exit int, all ...*programs.Process) {
	m.Helper()
	for _, p := range all {
		if p == all[0] {
			m.exits(p, exit)
			continue
		}
		p.Terminate()
		m.exits(p, 0)
	}
}

func (m *traced) exits(p *programs.Process, exit int) {
	m.Helper()
	if got := p.Wait(m.ctx); got != exit {
		m.Fatalf("it ends with %d, want %d:\n%s%s", got, exit, p.Stdout(), p.Stderr())
	}
}

// within waits for what no event tells.
func (m *traced) within(what string, reached func() bool) {
	m.Helper()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-m.ctx.Done():
			m.Fatalf("wait for %s", what)
		}
	}
}

// A seen span is one as whoever has received it shows it.
type seen struct {
	service, name, id, parent string
	attempt                   int64
	failed                    bool
	links                     []string // IDs
}

// bereaved has a worker killed in the middle of a shard's COPY, when its first spans have arrived, and another one end the work. It returns the trace of
// the shard as it stands in the ledger.
func (m *traced) bereaved(arrived func(trace string) int) (trace string, survivor *programs.Process) {
	m.Helper()
	m.env = append(m.env, "NATS_URL="+sandbox.NATS(m.T).URL(), "REHOME_WAIT_LEASE=8s") // by when the killed one has missed two beats
	first := m.start(programs.Worker, "copying")
	aggregator, producer := m.start(programs.Aggregator, ""), m.start(programs.Producer, "", "run")
	first.Paused(m.ctx)
	trace = m.ask(`SELECT trace_id FROM rehome.shard WHERE holder IS NOT NULL`)
	m.within("the spans of the publishing and of the claim", func() bool { return arrived(trace) >= 2 })
	first.Kill()
	survivor = m.start(programs.Worker, "")
	m.ends(0, producer, survivor, aggregator)
	m.holds("2", `SELECT attempt FROM rehome.shard WHERE state = 'done' AND trace_id = '`+trace+`'`)
	return trace, survivor
}

// wantBereaved asserts that the trace holds the producer, both attempts and the aggregator.
func wantBereaved(t *testing.T, spans []seen) {
	t.Helper()
	one := func(name, service string, match func(seen) bool) seen {
		t.Helper()
		found := slices.DeleteFunc(slices.Clone(spans), func(s seen) bool { return s.name != name || s.service != service || !match(s) })
		if len(found) != 1 {
			t.Fatalf("%d spans %q of the %s, want one, in %+v", len(found), name, service, spans)
		}
		return found[0]
	}
	under := func(parent seen, names ...string) (last seen) {
		t.Helper()
		for _, name := range names {
			at := slices.IndexFunc(spans, func(s seen) bool { return s.name == name && s.service == parent.service && s.parent == parent.id })
			if at < 0 {
				t.Fatalf("span %q is not under %q in %+v", name, parent.name, spans)
			}
			last = spans[at]
		}
		return last
	}
	const process = "process REHOME_LETTERS_SHARDS"
	published := one("publish REHOME_LETTERS_SHARDS", "producer", func(s seen) bool { return s.parent == "" })
	first := one(process, "worker", func(s seen) bool { return s.parent == published.id && s.attempt == 1 })
	second := one(process, "worker", func(s seen) bool { return s.parent == published.id && s.attempt == 2 })
	if !first.failed || second.failed {
		t.Errorf("failed: the first attempt %t, the second %t", first.failed, second.failed)
	}
	if !slices.Contains(second.links, first.id) {
		t.Errorf("the second attempt is linked to %v, and not to the first, %s", second.links, first.id)
	}
	under(first, "claim") // the others may not have been sent yet
	answered := under(second, "claim", "snapshot", "SELECT", "SELECT posts", "convert app.users", "COPY app.users", "SELECT app.users", "convert app.posts",
		"COPY app.posts", "SELECT app.posts", "INSERT rehome.manifest", "SET CONSTRAINTS", "close", "COMMIT", "answer")
	under(answered, "ack REHOME_LETTERS_SHARDS")
	receipt := under(answered, "publish REHOME_LETTERS_RECEIPTS")
	one("process REHOME_LETTERS_RECEIPTS", "aggregator", func(s seen) bool { return s.parent == receipt.id })
}

func seenOf(spans []collector.Span) (all []seen) {
	for _, s := range spans {
		attempt, _ := s.Attributes["rehome.attempt"].(int64)
		one := seen{service: s.Service, name: s.Name, id: s.ID, parent: s.ParentID, attempt: attempt, failed: s.Failed}
		for _, l := range s.Links {
			one.links = append(one.links, l.ID)
		}
		all = append(all, one)
	}
	return all
}

func TestTraceOfAShardWhoseWorkerWasKilled(t *testing.T) {
	t.Parallel()
	sink := collector.Start(t)
	m := newTraced(t, sink.URL())
	trace, survivor := m.bereaved(func(trace string) int { return len(sink.Trace(trace)) })
	spans := sink.Trace(trace)
	wantBereaved(t, seenOf(spans))
	t.Run("its publishing is linked to the run", func(t *testing.T) {
		run := slices.IndexFunc(sink.Spans(), func(s collector.Span) bool { return s.Name == "run" })
		if run < 0 || len(spans[0].Links) != 1 || spans[0].Links[0].ID != sink.Spans()[run].ID || spans[0].TraceID == sink.Spans()[run].TraceID {
			t.Errorf("links %+v of %s, the run is span %d", spans[0].Links, spans[0].Name, run)
		}
	})
	t.Run("its log lines name it", func(t *testing.T) {
		if !strings.Contains(survivor.Stderr(), fmt.Sprintf(`"trace_id":%q`, trace)) {
			t.Errorf("trace %s is not in\n%s", trace, survivor.Stderr())
		}
	})
	t.Run("every done shard has its own, and tells what it was at", func(t *testing.T) {
		m.holds("0", `SELECT count(*) FROM rehome.shard WHERE kind <> 'settle' AND (trace_id IS NULL OR receipt->'timing'->'bytes' IS NULL)`)
		m.holds("0", `SELECT count(*) - count(DISTINCT trace_id) FROM rehome.shard WHERE kind <> 'settle'`)
		m.holds("0", `SELECT count(*) FROM rehome.shard WHERE kind = 'users' AND (receipt->'timing'->>'bytes')::int = 0`)
	})
	t.Run("it has some twenty spans", func(t *testing.T) {
		per := map[string]int{}
		for _, s := range sink.Spans() {
			if s.Name != "run" {
				per[s.TraceID]++
			}
		}
		all := 0
		for _, n := range per {
			all += n
		}
		t.Logf("%d spans of %d shards", all, len(per))
		if all > 25*len(per) {
			t.Errorf("%d spans of %d shards", all, len(per))
		}
	})
}

// Where a ratio leaves everything out, what fails is there all the same.
func TestFailuresAreTracedWhateverTheRatio(t *testing.T) {
	t.Parallel()
	sink := collector.Start(t)
	m := newTraced(t, sink.URL(), "NATS_URL=", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	m.inTarget(deadDefect)
	m.inLegacy(`ALTER TABLE posts MODIFY body VARCHAR(60); UPDATE posts SET body = NULL WHERE id = 1`)
	m.exits(m.start(programs.Producer, "", "run"), 4)
	dead := strings.Fields(m.ask(`SELECT string_agg(trace_id, ' ' ORDER BY ordinal) FROM rehome.shard WHERE state = 'dead'`))
	for _, trace := range dead {
		attempts := 0
		for _, s := range sink.Trace(trace) {
			if s.Name == "process REHOME_LETTERS_SHARDS" && s.Failed && s.Attributes["rehome.cause"] == deadCause {
				attempts++
			}
			if !s.Sampled {
				t.Errorf("span %s says that it is not sampled", s.Name)
			}
		}
		if attempts != 3 {
			t.Errorf("%d failed attempts are in trace %s of a dead shard, want 3", attempts, trace)
		}
	}
	t.Run("and what went well is not", func(t *testing.T) {
		for trace := range strings.FieldsSeq(m.ask(`SELECT string_agg(trace_id, ' ') FROM rehome.shard WHERE state = 'done' AND attempt = 1`)) {
			if spans := sink.Trace(trace); len(spans) != 0 {
				t.Errorf("%d spans of a shard that was done at once, the first is %s", len(spans), spans[0].Name)
			}
		}
	})
	shows := func(trace, program string, args ...string) {
		t.Helper()
		p := m.start(program, "", append(args, "--output", "json")...)
		p.Wait(m.ctx)
		if trace == "" || !strings.Contains(p.Stdout(), trace) {
			t.Errorf("trace %q is not in\n%s%s", trace, p.Stdout(), p.Stderr())
		}
	}
	t.Run("a dead letter names its trace", func(t *testing.T) {
		shows(m.ask(`SELECT trace_id FROM rehome.shard WHERE state = 'dead' AND ordinal = 1`), programs.Producer, "dead", "show", "1.0")
	})
	t.Run("who is quarantined is shown with the trace of the shard", func(t *testing.T) {
		m.holds("2", `SELECT convert_from(user_key, 'UTF8') FROM rehome.user_state WHERE state = 'quarantined'`)
		shows(m.ask(`SELECT trace_id FROM rehome.shard WHERE quarantined = 1`), programs.Aggregator, "explain", "2")
	})
	t.Run("another life is another trace, linked to the dead one", func(t *testing.T) {
		m.inTarget(deadMended)
		m.env = append(m.env, "OTEL_TRACES_SAMPLER=always_on")
		m.exits(m.start(programs.Producer, "", "dead", "republish", "--all"), 0)
		m.exits(m.start(programs.Producer, "", "run"), 4)
		linked := map[string]bool{}
		for _, s := range sink.Spans() {
			for _, l := range s.Links {
				if l.Attributes["rehome.link"] == "replaced" && l.TraceID != s.TraceID {
					linked[l.TraceID] = true
				}
			}
		}
		for _, trace := range dead {
			if !linked[trace] {
				t.Errorf("nothing is linked to trace %s", trace)
			}
		}
	})
}

// Spans that cannot be sent hold up nobody.
func TestMigrationWithoutACollector(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hanging }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hanging) })
	for what, endpoint := range map[string]string{"hangs": server.URL, "is not there": "http://" + sandbox.Address(t)} {
		t.Run("that "+what, func(t *testing.T) {
			m := newTraced(t, endpoint, "NATS_URL=", "OTEL_BSP_MAX_QUEUE_SIZE=16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=16")
			m.exits(m.start(programs.Producer, "", "run"), 0)
			m.holds("0", `SELECT count(*) FROM rehome.shard WHERE state <> 'done' OR trace_id IS NULL AND kind <> 'settle'`)
		})
	}
}
