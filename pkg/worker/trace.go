package worker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/ledger"
	"rehome/pkg/queue"
	"rehome/pkg/shard"
	"rehome/pkg/telemetry"
)

func tracer() trace.Tracer { return otel.Tracer("rehome/pkg/worker") }

// inPhase starts the span of a phase of an attempt that is more than one question to one server.
func inPhase(ctx context.Context, p shard.Phase) (context.Context, trace.Span) {
	return tracer().Start(ctx, string(p), trace.WithAttributes(phaseKey.String(string(p))))
}

const (
	phaseKey   = attribute.Key("rehome.phase")
	tableKey   = attribute.Key("rehome.table")
	rowsKey    = attribute.Key("rehome.rows")
	bytesKey   = attribute.Key("rehome.bytes")
	attemptKey = attribute.Key("rehome.attempt")
)

// traceparent is the W3C trace context of ctx's span, empty without one. The ledger keeps it in this form whatever OTEL_PROPAGATORS says.
func traceparent(ctx context.Context) string {
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, header)
	return header["traceparent"]
}

// spanOf reads a traceparent; what is none is an invalid context.
func spanOf(traceparent string) trace.SpanContext {
	header := propagation.MapCarrier{"traceparent": traceparent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), header))
}

// begun notes in an attempt's span which attempt it is, and links it to the one before. An attempt that is not the shard's first is exported always.
func begun(ctx context.Context, claim *ledger.Claim) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attemptKey.Int(claim.Token), attribute.Int("rehome.wave", claim.Shard.Wave), attribute.String("rehome.kind", string(claim.Shard.Kind)))
	if before := spanOf(claim.Before); before.IsValid() {
		span.AddLink(trace.Link{SpanContext: before, Attributes: []attribute.KeyValue{attribute.String("rehome.link", "before")}})
	}
	if claim.Token > 1 {
		telemetry.Keep(span)
	}
}

// mourn tells, in the trace of the task, of the attempt before this one, where its worker is gone and will not tell itself.
func (s *slot) mourn(ctx context.Context, lease *queue.Lease, span trace.Span, claim *ledger.Claim) {
	before := spanOf(claim.Before)
	if claim.Gone == nil || !span.IsRecording() || !before.IsValid() || before.TraceID() != span.SpanContext().TraceID() {
		return
	}
	lease.Lost(telemetry.InPlaceOf(ctx, before.SpanID()), s.since.Add(-claim.Gone.Ago), s.since, attemptKey.Int(claim.Token-1), attribute.String("rehome.host", claim.Gone.Host))
}

// over notes in an attempt's span how it has ended.
func (s *slot) over(ctx context.Context, span trace.Span, e *ending) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("rehome.outcome", e.outcome(setBackOf(ctx) != nil)))
	if e.receipt.Migration != "" {
		u := e.receipt.Users
		span.SetAttributes(attribute.Int64("rehome.users", u.Read), attribute.Int64("rehome.quarantined", u.Quarantined), rowsKey.Int64(e.rows()))
	}
	if c := s.course; c != nil {
		span.SetAttributes(c.attributes()...)
	}
	if e.err != nil {
		kind, cause := shard.KindOf(e.err)
		span.SetAttributes(attribute.String("rehome.failure", kind.String()), attribute.String("rehome.cause", cause))
	}
	telemetry.Fail(span, e.err)
}

// millis rounds to what a Timing holds.
func millis(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }
