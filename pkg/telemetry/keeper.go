package telemetry

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// How many spans that have ended are held until it is known whether they are exported; what comes beyond is lost, if it comes to that.
const (
	heldOfPart = 512
	heldInAll  = 16 << 10
)

// A keeper stands before the batcher, and passes on what is sampled. What is not it holds: a part of a trace, which is a span that was begun by nobody
// in this process with all that it has begun, is exported as a whole as soon as a span of it ends with an error, or Keep is told so; else it is
// dropped when its first span ends. It waits for nobody.
type keeper struct {
	sdktrace.SpanProcessor // the batcher

	mu    sync.Mutex
	parts map[spanKey]*part // of the spans that have not ended
	held  int
}

type spanKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

func keyOf(s trace.SpanContext) spanKey { return spanKey{s.TraceID(), s.SpanID()} }

// A part is what this process has of a trace from one span on.
type part struct {
	first spanKey
	ended []sdktrace.ReadOnlySpan
	kept  bool
	over  bool // its first span has ended, and it was not kept
}

func newKeeper(batcher sdktrace.SpanProcessor) *keeper {
	return &keeper{SpanProcessor: batcher, parts: map[spanKey]*part{}}
}

// OnStart notes which part the span is of.
func (k *keeper) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	k.SpanProcessor.OnStart(ctx, span)
	if span.SpanContext().IsSampled() {
		return
	}
	key := keyOf(span.SpanContext())
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.parts[keyOf(span.Parent())]
	if p == nil || span.Parent().IsRemote() {
		p = &part{first: key}
	}
	k.parts[key] = p
}

// OnEnd passes the span on, holds it or drops it.
func (k *keeper) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.SpanContext().IsSampled() {
		k.SpanProcessor.OnEnd(span)
		return
	}
	for _, s := range k.end(span) {
		k.SpanProcessor.OnEnd(kept{s})
	}
}

// end returns what is to be exported now.
func (k *keeper) end(span sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	key := keyOf(span.SpanContext())
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.parts[key]
	delete(k.parts, key)
	switch {
	case p == nil:
		return nil // it has begun before there was a keeper
	case p.kept || span.Status().Code == codes.Error:
		return append(k.keep(p), span)
	case p.over:
		return nil
	case p.first == key:
		p.over = true
		k.release(p)
	case len(p.ended) < heldOfPart && k.held < heldInAll:
		p.ended = append(p.ended, span)
		k.held++
	}
	return nil
}

// keep decides for the part, and returns what was held of it.
func (k *keeper) keep(p *part) []sdktrace.ReadOnlySpan {
	p.kept = true
	return k.release(p)
}

func (k *keeper) release(p *part) (ended []sdktrace.ReadOnlySpan) {
	ended, p.ended = p.ended, nil
	k.held -= len(ended)
	return ended
}

// of returns the part that the span is of, nil where it is sampled, has ended or is not ours.
func (k *keeper) of(s trace.SpanContext) *part { return k.parts[keyOf(s)] }

// A kept span is exported though it was not sampled.
type kept struct{ sdktrace.ReadOnlySpan }

// SpanContext says that it is sampled, as it is by now.
func (s kept) SpanContext() trace.SpanContext { return sampled(s.ReadOnlySpan.SpanContext()) }

func sampled(s trace.SpanContext) trace.SpanContext {
	return s.WithTraceFlags(s.TraceFlags().WithSampled(true))
}

// current is the keeper of the process's provider, nil while there is none.
var current atomic.Pointer[keeper]

// Keep has the part of its trace that the span stands in exported, whatever OTEL_TRACES_SAMPLER_ARG leaves out: all that this process has begun in it, what
// has ended as well as what is to come, up to some hundred spans. Who continues the trace from here on records it, too. What other processes have recorded
// of it before is not brought back, and where the sampler is off nothing is kept.
func Keep(span trace.Span) {
	k := current.Load()
	if k == nil {
		return
	}
	k.mu.Lock()
	p := k.of(span.SpanContext())
	var ended []sdktrace.ReadOnlySpan
	if p != nil {
		ended = k.keep(p)
	}
	k.mu.Unlock()
	for _, s := range ended {
		k.SpanProcessor.OnEnd(kept{s})
	}
}

// A telling propagator says of a trace that goes on elsewhere that it is recorded, where what is here of it is kept.
type telling struct {
	propagation.TextMapPropagator
	keeper *keeper
}

// Inject writes what the other propagator writes of ctx.
func (t telling) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if s := trace.SpanContextFromContext(ctx); s.IsValid() && !s.IsSampled() && t.keeper.keeps(s) {
		ctx = trace.ContextWithSpanContext(ctx, sampled(s))
	}
	t.TextMapPropagator.Inject(ctx, carrier)
}

func (k *keeper) keeps(s trace.SpanContext) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.of(s)
	return p != nil && p.kept
}
