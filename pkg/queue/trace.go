package queue

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"rehome/pkg/shard"
)

// A carrier takes a trace through a message's headers. Their names are lower-case on the wire, as the standard has them and as
// nats-server reads them; propagation.HeaderCarrier would write Traceparent.
type carrier nats.Header

var _ propagation.TextMapCarrier = carrier{}

// Get returns the first value under the name in any case, the lower case before others; empty without one.
func (c carrier) Get(name string) string {
	if values := c[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	for _, other := range c.Keys() {
		if values := c[other]; strings.EqualFold(other, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Set replaces what stands under the name, in any case.
func (c carrier) Set(name, value string) {
	maps.DeleteFunc(c, func(other string, _ []string) bool { return strings.EqualFold(other, name) })
	c[strings.ToLower(name)] = []string{value}
}

// Keys returns the names of all headers as they stand there, sorted.
func (c carrier) Keys() []string { return slices.Sorted(maps.Keys(c)) }

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

func tracer() trace.Tracer { return otel.Tracer("rehome/pkg/queue") }

// published starts the span that a task is published in, linked to ctx's span and not part of its trace: one trace is one shard, or a run of a hundred
// thousand shards would be a single trace. It begins the shard's trace, unless that is known to be there already.
func published(ctx context.Context, task shard.Task, body []byte) (context.Context, trace.Span) {
	options := publishing.options(tasks, task.ID, size(body))
	if run := trace.SpanContextFromContext(ctx); run.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: run, Attributes: []attribute.KeyValue{toRun}}))
	}
	if replaced := parse(task.Trace.Link); replaced.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: replaced, Attributes: []attribute.KeyValue{toReplaced}}))
	}
	if parent := parse(task.Trace.Parent); parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	} else {
		options = append(options, trace.WithNewRoot())
	}
	return tracer().Start(ctx, publishing.spanName(tasks, task.ID), options...)
}

// parse reads a W3C traceparent; what is none is an invalid context.
func parse(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	header := carrier{"traceparent": {traceparent}}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), header))
}

// within starts the span of an operation on a shard's message where ctx is in a trace; else there is nothing to see it in.
func within(ctx context.Context, o operation, k kind, id shard.ID, more ...attribute.KeyValue) (context.Context, trace.Span) {
	span := trace.SpanFromContext(ctx)
	if !span.SpanContext().IsValid() {
		return ctx, noop.Span{}
	}
	return tracer().Start(ctx, o.spanName(k, id), o.options(k, id, more...)...)
}

// end ends a span with what became of its operation. Errors of NATS hold nothing of a row.
func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
