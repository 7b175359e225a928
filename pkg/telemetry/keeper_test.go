package telemetry

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// A tracer makes spans as the environment says, and knows which of them were exported.
type tracer struct {
	trace.Tracer
	*testing.T
	provider *sdktrace.TracerProvider
	exporter *tracetest.InMemoryExporter
}

func newTracer(t *testing.T, env map[string]string) *tracer {
	t.Helper()
	cleanEnv(t, env)
	if err := checkSampler(); err != nil {
		t.Fatal(err)
	}
	before := otel.GetTextMapPropagator()
	exporter := tracetest.NewInMemoryExporter()
	provider := assemble(exporter, propagation.TraceContext{}, resource.Empty())
	t.Cleanup(func() {
		otel.SetTextMapPropagator(before)
		current.Store(nil)
		_ = provider.Shutdown(context.Background()) // the exporter holds nothing
	})
	return &tracer{Tracer: provider.Tracer("test"), T: t, provider: provider, exporter: exporter}
}

func ratio(text string) map[string]string {
	return map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": text}
}

// exported returns the names of the exported spans, sorted, each of which has to be marked as sampled.
func (t *tracer) exported() (names []string) {
	t.Helper()
	if err := t.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range t.exporter.GetSpans() {
		names = append(names, s.Name)
		if !s.SpanContext.IsSampled() {
			t.Errorf("span %s is exported and says that it is not sampled", s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func (t *tracer) wantExported(names ...string) {
	t.Helper()
	if diff := cmp.Diff(names, t.exported()); diff != "" {
		t.Errorf("exported spans (-want +got):\n%s", diff)
	}
}

// part makes a span with two others in it, the second of which may fail.
func (t *tracer) part(ctx context.Context, err error) {
	ctx, first := t.Start(ctx, "first")
	_, second := t.Start(ctx, "second")
	second.End()
	_, third := t.Start(ctx, "third")
	Fail(third, err)
	third.End()
	first.End()
}

func injected(ctx context.Context) trace.SpanContext {
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

func TestWhatASamplerLeavesOut(t *testing.T) {
	failed := errors.New("it failed")
	t.Run("is not exported", func(t *testing.T) {
		tr := newTracer(t, ratio("0"))
		tr.part(t.Context(), nil)
		tr.wantExported()
		if k := current.Load(); len(k.parts) != 0 || k.held != 0 {
			t.Errorf("%d spans are held for %d parts that have ended", k.held, len(k.parts))
		}
	})
	t.Run("is exported as a whole where something in it fails", func(t *testing.T) {
		tr := newTracer(t, ratio("0"))
		tr.part(t.Context(), failed)
		tr.part(t.Context(), nil)
		tr.wantExported("first", "second", "third")
	})
	t.Run("is exported where the trace came from elsewhere, which does not sample it", func(t *testing.T) {
		tr := newTracer(t, nil)
		remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
		tr.part(trace.ContextWithSpanContext(t.Context(), remote), nil)
		tr.wantExported()
		tr.part(trace.ContextWithSpanContext(t.Context(), remote), failed)
		tr.wantExported("first", "second", "third")
		for _, s := range tr.exporter.GetSpans() {
			if s.SpanContext.TraceID() != remote.TraceID() {
				t.Errorf("span %s has left its trace", s.Name)
			}
		}
	})
	t.Run("is exported, what has ended and what comes, as soon as it is to be kept, and who continues it is told", func(t *testing.T) {
		tr := newTracer(t, ratio("0"))
		ctx, first := tr.Start(t.Context(), "first")
		_, second := tr.Start(ctx, "second")
		second.End()
		if s := injected(ctx); s.IsSampled() || s.SpanID() != first.SpanContext().SpanID() {
			t.Errorf("before: %v", s)
		}
		Keep(first)
		tr.wantExported("second")
		inner, third := tr.Start(ctx, "third")
		for _, ctx := range []context.Context{ctx, inner} {
			if s := injected(ctx); !s.IsSampled() || !s.IsValid() {
				t.Errorf("after: %v", s)
			}
		}
		third.End()
		first.End()
		tr.wantExported("first", "second", "third")
	})
	t.Run("is of another part where the trace has come back by a message", func(t *testing.T) {
		tr := newTracer(t, ratio("0"))
		ctx, first := tr.Start(t.Context(), "first")
		_, back := tr.Start(trace.ContextWithRemoteSpanContext(t.Context(), trace.SpanContextFromContext(ctx)), "back")
		Fail(first, failed)
		first.End()
		back.End()
		tr.wantExported("first")
	})
	t.Run("is held in bounds", func(t *testing.T) {
		tr := newTracer(t, ratio("0"))
		ctx, first := tr.Start(t.Context(), "first")
		for range heldOfPart + 10 {
			_, s := tr.Start(ctx, "s")
			s.End()
		}
		Fail(first, failed)
		first.End()
		if n := len(tr.exported()); n != heldOfPart+1 {
			t.Errorf("%d spans are exported, want %d", n, heldOfPart+1)
		}
	})
	t.Run("stays out where the sampler is off", func(t *testing.T) {
		for _, name := range []string{"always_off", "parentbased_always_off"} {
			tr := newTracer(t, map[string]string{"OTEL_TRACES_SAMPLER": name})
			tr.part(t.Context(), failed)
			tr.wantExported()
		}
	})
}

func TestSamplers(t *testing.T) {
	parent := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{15: 1}, SpanID: trace.SpanID{2}, TraceFlags: flags, Remote: true}))
	}
	for name, tt := range map[string]struct {
		env                 map[string]string
		alone, under, below bool // whether a span without a parent is sampled, one whose parent is, and one whose parent is not
	}{
		"none is parentbased_always_on": {nil, true, true, false},
		"always_on":                     {map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, true, true, true},
		"always_off":                    {map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, false, false, false},
		"parentbased_always_off":        {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, false, true, false},
		"a ratio without a number is 1": {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio"}, true, true, true},
		"traceidratio of 0":             {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, false, false, false},
		"parentbased_traceidratio":      {ratio("0"), false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTracer(t, tt.env)
			sampled := func(ctx context.Context) bool {
				_, s := tr.Start(ctx, "s")
				defer s.End()
				return s.SpanContext().IsSampled()
			}
			if alone, under, below := sampled(t.Context()), sampled(parent(trace.FlagsSampled)), sampled(parent(0)); alone != tt.alone || under != tt.under || below != tt.below {
				t.Errorf("alone %t, under a sampled parent %t, under another %t; want %t, %t and %t", alone, under, below, tt.alone, tt.under, tt.below)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	t.Run("one stands in the place of another that nobody can end", func(t *testing.T) {
		tr := newTracer(t, nil)
		ctx, parent := tr.Start(t.Context(), "parent")
		_, s := tr.Start(InPlaceOf(ctx, trace.SpanID{7}), "lost")
		if got := s.SpanContext(); got.SpanID() != (trace.SpanID{7}) || got.TraceID() != parent.SpanContext().TraceID() {
			t.Errorf("got %v", got)
		}
	})
	t.Run("what a panic says is not in them", func(t *testing.T) {
		tr := newTracer(t, nil)
		func() {
			defer func() { _ = recover() }()
			_, s := tr.Start(t.Context(), "s")
			defer s.End()
			panic(canary)
		}()
		tr.wantExported("s")
		if events := tr.exporter.GetSpans()[0].Events; len(events) != 0 {
			t.Errorf("events %v", events)
		}
	})
}
