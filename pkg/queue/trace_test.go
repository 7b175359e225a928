package queue

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/shard"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A recorder has all spans of the process, as long as the test runs, which must not run beside others.
type recorder struct {
	*testing.T
	trace.Tracer
	exporter *tracetest.InMemoryExporter
}

func record(t *testing.T) *recorder {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	oldProvider, oldPropagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetTracerProvider(oldProvider)
		otel.SetTextMapPropagator(oldPropagator)
	})
	return &recorder{T: t, Tracer: provider.Tracer("test"), exporter: exporter}
}

// spans returns those of the name, in the order in which they ended.
func (r *recorder) spans(name string) (found []tracetest.SpanStub) {
	for _, s := range r.exporter.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// span returns the only one of the name.
func (r *recorder) span(name string) tracetest.SpanStub {
	r.Helper()
	found := r.spans(name)
	if len(found) != 1 {
		r.Fatalf("%d spans %q, want one", len(found), name)
	}
	return found[0]
}

const (
	publishSpan = "publish REHOME_COMMUNITY_SHARDS"
	processSpan = "process REHOME_COMMUNITY_SHARDS"
)

func traceparent(s trace.SpanContext) string {
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), s), header)
	return header["traceparent"]
}

// linked returns what the span is linked to, as rehome.link and span ID.
func linked(s tracetest.SpanStub) (links []string) {
	for _, l := range s.Links {
		links = append(links, l.Attributes[0].Value.AsString()+" "+l.SpanContext.SpanID().String())
	}
	slices.Sort(links)
	return links
}

func TestTraceOfAShard(t *testing.T) {
	r := record(t)
	c := declared(t)
	ctx, outer := r.Start(t.Context(), "run")
	if _, err := c.PublishTasks(ctx, slices.Values([]shard.Task{task(1)})); err != nil {
		t.Fatal(err)
	}
	outer.End()
	lease := next(t, c)
	if headers := lease.msg.Headers(); len(headers["traceparent"]) != 1 {
		t.Errorf("headers %v lack a lower-case traceparent", headers)
	}
	inside, span := lease.Process(t.Context())
	if err := c.PublishReceipt(inside, receipt(1)); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishDead(inside, shard.DeadLetter{ID: id(1)}); err != nil {
		t.Fatal(err)
	}
	if err := lease.Return(inside, 0); err != nil {
		t.Fatal(err)
	}
	span.End()
	lease = next(t, c)
	again, span := lease.Process(t.Context())
	if err := lease.Ack(again); err != nil {
		t.Fatal(err)
	}
	span.End()
	stop := errors.New("stop")
	var taken trace.SpanContext
	_ = c.Receipts(t.Context(), name, func(ctx context.Context, _ shard.Receipt) error {
		taken = trace.SpanContextFromContext(ctx)
		return stop
	})

	published, processed := r.span(publishSpan), r.spans(processSpan)
	if published.SpanContext.TraceID() == outer.SpanContext().TraceID() || published.Parent.IsValid() {
		t.Error("the shard is in the run's trace")
	}
	if diff := cmp.Diff([]string{"run " + outer.SpanContext().SpanID().String()}, linked(published)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	for i, s := range processed {
		if s.Parent.SpanID() != published.SpanContext.SpanID() || !s.Parent.IsRemote() {
			t.Errorf("delivery %d is not a child of the publishing", i+1)
		}
	}
	of := func(name string, parent trace.SpanContext) {
		t.Helper()
		s := r.span(name)
		if s.Parent.SpanID() != parent.SpanID() || s.SpanContext.TraceID() != published.SpanContext.TraceID() {
			t.Errorf("%s has parent %s, want %s", name, s.Parent.SpanID(), parent.SpanID())
		}
	}
	of("publish REHOME_COMMUNITY_RECEIPTS", processed[0].SpanContext)
	of("publish REHOME_COMMUNITY_DEAD", processed[0].SpanContext)
	of("nak REHOME_COMMUNITY_SHARDS", processed[0].SpanContext)
	of("ack REHOME_COMMUNITY_SHARDS", processed[1].SpanContext)
	of("process REHOME_COMMUNITY_RECEIPTS", r.span("publish REHOME_COMMUNITY_RECEIPTS").SpanContext)
	if tally := r.span("process REHOME_COMMUNITY_RECEIPTS"); taken.SpanID() != tally.SpanContext.SpanID() || tally.Status.Description != "stop" {
		t.Errorf("a receipt is taken in span %s, which ends with %q", taken.SpanID(), tally.Status.Description)
	}
	t.Run("its spans follow the conventions", func(t *testing.T) { golden(t, "spans.json", conventions(t, r.exporter.GetSpans())) })
}

// conventions are names, kinds and attributes of spans.
func conventions(t *testing.T, spans tracetest.SpanStubs) []byte {
	t.Helper()
	type look struct {
		Name, Kind string
		Attributes map[string]any
	}
	var looks []look
	for _, s := range spans {
		if s.Name == "run" {
			continue
		}
		l := look{Name: s.Name, Kind: s.SpanKind.String(), Attributes: map[string]any{}}
		for _, a := range s.Attributes {
			l.Attributes[string(a.Key)] = a.Value.AsInterface()
		}
		looks = append(looks, l)
	}
	slices.SortStableFunc(looks, func(a, b look) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(looks, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWhereATraceGoesOn(t *testing.T) {
	r := record(t)
	c := declared(t)
	_, before := r.Start(t.Context(), "before")
	t.Run("what is published again goes on in the trace that it has", func(t *testing.T) {
		again := task(1)
		again.Trace.Parent = traceparent(before.SpanContext())
		if _, err := c.PublishTask(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		s := r.span(publishSpan)
		if s.Parent.SpanID() != before.SpanContext().SpanID() || s.SpanContext.TraceID() != before.SpanContext().TraceID() || len(s.Links) != 0 {
			t.Errorf("span %v of parent %v with links %v", s.SpanContext, s.Parent, s.Links)
		}
	})
	t.Run("another life of a shard is a trace of its own, linked to the dead one's", func(t *testing.T) {
		r.exporter.Reset()
		revived := task(2)
		revived.Trace.Link = traceparent(before.SpanContext())
		if _, err := c.PublishTask(t.Context(), revived); err != nil {
			t.Fatal(err)
		}
		s := r.span(publishSpan)
		if s.Parent.IsValid() || s.SpanContext.TraceID() == before.SpanContext().TraceID() {
			t.Error("it is in the trace of the one before")
		}
		if diff := cmp.Diff([]string{"replaced " + before.SpanContext().SpanID().String()}, linked(s)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what is no trace begins one", func(t *testing.T) {
		r.exporter.Reset()
		odd := task(3)
		odd.Trace = shard.Trace{Parent: "00-zz", Link: "canary"}
		if _, err := c.PublishTask(t.Context(), odd); err != nil {
			t.Fatal(err)
		}
		if s := r.span(publishSpan); s.Parent.IsValid() || len(s.Links) != 0 {
			t.Errorf("parent %v, links %v", s.Parent, s.Links)
		}
	})
	t.Run("a receipt that is mirrored is in no trace", func(t *testing.T) {
		r.exporter.Reset()
		if err := c.PublishReceipt(t.Context(), receipt(1)); err != nil {
			t.Fatal(err)
		}
		_ = c.Receipts(t.Context(), name, func(context.Context, shard.Receipt) error { return errors.New("stop") })
		if spans := r.exporter.GetSpans(); len(spans) != 0 {
			t.Errorf("spans %v", spans)
		}
	})
	t.Run("who has gone is spoken for", func(t *testing.T) {
		r.exporter.Reset()
		lease := next(t, c)
		until := time.Now().Add(-time.Second)
		lease.Lost(t.Context(), until.Add(-3*time.Second), until)
		s := r.span(processSpan)
		if took := s.EndTime.Sub(s.StartTime); took != 3*time.Second || s.Status.Description != errLost {
			t.Errorf("it took %s and ended with %q", took, s.Status.Description)
		}
	})
}

func TestCarrier(t *testing.T) {
	ids := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})

	t.Run("a context goes through a message's header and back, in lower case", func(t *testing.T) {
		header := nats.Header{"Nats-Msg-Id": {"1"}}
		propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(t.Context(), ids), carrier(header))
		if diff := cmp.Diff([]string{"Nats-Msg-Id", "traceparent"}, carrier(header).Keys()); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		got := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), carrier(header)))
		if !got.Equal(ids) {
			t.Errorf("got %v, want %v", got, ids)
		}
	})

	t.Run("a key in another case is read, and replaced", func(t *testing.T) {
		c := carrier{"Traceparent": {"old"}, "tracestate": nil}
		if got := c.Get("traceparent"); got != "old" {
			t.Errorf("got %q", got)
		}
		c.Set("TraceParent", "new")
		if diff := cmp.Diff(carrier{"traceparent": {"new"}, "tracestate": nil}, c); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := c.Get("tracestate"); got != "" {
			t.Errorf("a key without a value gives %q", got)
		}
	})
}
