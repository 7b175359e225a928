package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"reflect"
	"sync"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/term"
)

// NewLogger returns a logger that writes to out: text when out is a terminal, else a line of JSON per event. The keys
// of the programs are migration, run, shard, wave, attempt, table, rows, ms and err; trace_id and span_id are added
// inside a span. An error, under any key, and a slice of them are written as
// Redact has them; one that is hidden in a struct or map of yours is not found there.
func NewLogger(out io.Writer) *slog.Logger {
	file, ok := out.(*os.File)
	return newLogger(out, ok && term.IsTerminal(int(file.Fd())))
}

func newLogger(out io.Writer, terminal bool) *slog.Logger {
	opts := &slog.HandlerOptions{ReplaceAttr: redactAttr}
	var handler slog.Handler = slog.NewJSONHandler(out, opts)
	if terminal {
		handler = slog.NewTextHandler(out, opts)
	}
	return slog.New(traceHandler{handler})
}

// An outlet is where log lines go, which can change.
type outlet struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes to where lines go now.
func (o *outlet) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(line)
}

func (o *outlet) change(to io.Writer) (from io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	from, o.to = o.to, to
	return from
}

// redactAttr is a slog.HandlerOptions.ReplaceAttr.
func redactAttr(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindAny {
		return attr
	}
	switch v := attr.Value.Any().(type) {
	case error:
		attr.Value = slog.StringValue(redactSafely(v))
	case []error:
		texts := make([]string, len(v))
		for i, err := range v {
			texts[i] = redactSafely(err)
		}
		attr.Value = slog.AnyValue(texts)
	}
	return attr
}

// redactSafely outlives a typed nil, as slog's own handlers do: a log line must not end a program.
func redactSafely(err error) string {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>"
	}
	return Redact(err)
}

// traceHandler adds the ids of the span in the context.
type traceHandler struct {
	slog.Handler
}

// Handle adds trace_id and span_id when ctx is inside a span.
func (h traceHandler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the ids in what is derived.
func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the ids in what is derived; they stand in the group.
func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
