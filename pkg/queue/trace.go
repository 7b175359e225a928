package queue

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A carrier takes a trace through a message's headers. Their names are lower-case on the wire, as the standard has them and as
// nats-server reads them; propagation.HeaderCarrier would write Traceparent.
type carrier nats.Header

var _ propagation.TextMapCarrier = carrier{}

// Get returns the first value of the header, however its name is spelled.
func (c carrier) Get(name string) string {
	if values := c[name]; len(values) > 0 {
		return values[0]
	}
	for other, values := range c {
		if strings.EqualFold(other, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Set sets the header under its lower-case name.
func (c carrier) Set(name, value string) { c[strings.ToLower(name)] = []string{value} }

// Keys returns the names of all headers.
func (c carrier) Keys() []string { return slices.Collect(maps.Keys(c)) }

// inject returns headers that carry ctx's trace.
func inject(ctx context.Context) nats.Header {
	header := nats.Header{}
	otel.GetTextMapPropagator().Inject(ctx, carrier(header))
	return header
}

// extract returns ctx with the trace that the headers carry, if any.
func extract(ctx context.Context, header nats.Header) context.Context {
	return otel.GetTextMapPropagator().Extract(ctx, carrier(header))
}

// root starts the span that a shard's trace begins with. It is linked to ctx's span, not part of its trace: one trace is one shard,
// or a run of a hundred thousand shards would be a single trace.
func root(ctx context.Context) (context.Context, trace.Span) {
	return otel.Tracer("rehome/pkg/queue").Start(ctx, "publish shard",
		trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)), trace.WithSpanKind(trace.SpanKindProducer))
}
