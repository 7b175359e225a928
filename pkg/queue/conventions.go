package queue

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rehome/pkg/shard"
)

// OpenTelemetry's conventions for messaging are not stable: all that follows them stands here. The destination is the stream, of which a migration has one
// of a kind; the subject, which names the shard, is in the attributes of our own.

// An operation is something that is done with a message.
type operation struct {
	name string // the first word of the span's name; the second is the destination
	kind trace.SpanKind
	is   attribute.KeyValue
}

var (
	publishing = operation{"publish", trace.SpanKindProducer, semconv.MessagingOperationTypeSend}
	processing = operation{"process", trace.SpanKindConsumer, semconv.MessagingOperationTypeProcess}
	acking     = operation{"ack", trace.SpanKindClient, semconv.MessagingOperationTypeSettle}
	returning  = operation{"nak", trace.SpanKindClient, semconv.MessagingOperationTypeSettle}
)

// spanName is low in cardinality, as it has no shard in it.
func (o operation) spanName(k kind, id shard.ID) string { return o.name + " " + k.stream(id.Migration) }

// options are what a span of the operation on a message of the shard begins with.
func (o operation) options(k kind, id shard.ID, more ...attribute.KeyValue) []trace.SpanStartOption {
	attributes := []attribute.KeyValue{
		semconv.MessagingSystemKey.String("nats"),
		semconv.MessagingOperationName(o.name), o.is,
		semconv.MessagingDestinationName(k.stream(id.Migration)),
		attribute.String("rehome.migration", id.Migration),
		attribute.String("rehome.run", id.Run),
		attribute.Int("rehome.shard", id.Ordinal),
		attribute.Int("rehome.generation", id.Generation),
	}
	if k == tasks && o.kind != trace.SpanKindProducer {
		attributes = append(attributes, semconv.MessagingConsumerGroupName(workers))
	}
	return []trace.SpanStartOption{trace.WithSpanKind(o.kind), trace.WithAttributes(append(attributes, more...)...)}
}

// size is how many bytes the message's body has.
func size(body []byte) attribute.KeyValue { return semconv.MessagingMessageBodySize(len(body)) }

// delivery counts how often the message was delivered.
func delivery(n uint64) attribute.KeyValue { return attribute.Int64("rehome.delivery", int64(n)) }

// Why a span is linked to another.
var (
	toRun      = attribute.String("rehome.link", "run")      // of the producer that published it
	toReplaced = attribute.String("rehome.link", "replaced") // the attempt that the shard died of, or was split by, before it was published anew
)
