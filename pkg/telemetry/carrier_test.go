package telemetry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestCarrier(t *testing.T) {
	ids := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})

	t.Run("a context goes through a message's header and back, in lower case", func(t *testing.T) {
		header := nats.Header{"Nats-Msg-Id": {"1"}}
		propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(t.Context(), ids), Carrier(header))
		if diff := cmp.Diff([]string{"Nats-Msg-Id", "traceparent"}, Carrier(header).Keys()); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		got := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), Carrier(header)))
		if !got.Equal(ids) {
			t.Errorf("got %v, want %v", got, ids)
		}
	})

	t.Run("a key in another case is read, and replaced", func(t *testing.T) {
		carrier := Carrier{"Traceparent": {"old"}, "tracestate": nil}
		if got := carrier.Get("traceparent"); got != "old" {
			t.Errorf("got %q", got)
		}
		carrier.Set("TraceParent", "new")
		if diff := cmp.Diff(Carrier{"traceparent": {"new"}, "tracestate": nil}, carrier); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := carrier.Get("tracestate"); got != "" {
			t.Errorf("a key without a value gives %q", got)
		}
	})
}
