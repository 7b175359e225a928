package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// consoleExporter writes each span as one line of JSON, for a look at traces where there is no collector.
type consoleExporter struct {
	out io.Writer
}

type consoleSpan struct {
	Name       string         `json:"span"`
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	ParentID   string         `json:"parent_id,omitempty"`
	Start      time.Time      `json:"start"`
	Millis     float64        `json:"ms"`
	Status     string         `json:"status,omitempty"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// ExportSpans writes spans in the order in which they ended.
func (c *consoleExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	encoder := json.NewEncoder(c.out)
	for _, span := range spans {
		if err := encoder.Encode(newConsoleSpan(span)); err != nil {
			return fmt.Errorf("write span %s: %w", span.Name(), err)
		}
	}
	return nil
}

// Shutdown has nothing to close.
func (c *consoleExporter) Shutdown(context.Context) error { return nil }

func newConsoleSpan(span sdktrace.ReadOnlySpan) consoleSpan {
	out := consoleSpan{
		Name:       span.Name(),
		TraceID:    span.SpanContext().TraceID().String(),
		SpanID:     span.SpanContext().SpanID().String(),
		Start:      span.StartTime(),
		Millis:     float64(span.EndTime().Sub(span.StartTime())) / float64(time.Millisecond),
		Status:     span.Status().Description,
		Attributes: make(map[string]any, len(span.Attributes())),
	}
	if span.Parent().HasSpanID() {
		out.ParentID = span.Parent().SpanID().String()
	}
	for _, attr := range span.Attributes() {
		out.Attributes[string(attr.Key)] = attr.Value.AsInterface()
	}
	return out
}
