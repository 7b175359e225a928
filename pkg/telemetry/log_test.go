package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

func line(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	got := map[string]any{}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%q is not one line of JSON: %v", out, err)
	}
	delete(got, "time")
	return got
}

func TestLogger(t *testing.T) {
	ids := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})

	t.Run("a line inside a span has its ids, also from a derived logger", func(t *testing.T) {
		var out bytes.Buffer
		log := NewLogger(&out).With("migration", "community")
		log.InfoContext(trace.ContextWithSpanContext(t.Context(), ids), "shard done", "shard", 7, "ms", 12)
		want := map[string]any{"level": "INFO", "msg": "shard done", "migration": "community", "shard": 7.0, "ms": 12.0,
			"trace_id": ids.TraceID().String(), "span_id": ids.SpanID().String()}
		if diff := cmp.Diff(want, line(t, &out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("a line outside of one has none", func(t *testing.T) {
		var out bytes.Buffer
		NewLogger(&out).InfoContext(t.Context(), "idle")
		if diff := cmp.Diff(map[string]any{"level": "INFO", "msg": "idle"}, line(t, &out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("an error is redacted under any key, in a group, in a slice, and when bound early", func(t *testing.T) {
		var out bytes.Buffer
		err := fmt.Errorf("copy: %w", planted())
		NewLogger(&out).With("bound", err).WithGroup("g").Error("failed", "err", err, "cause", planted(),
			slog.Group("inner", "err", err), "all", []error{err, errors.New("second")})
		if strings.Contains(out.String(), "CANARY") {
			t.Errorf("a value is shown: %s", &out)
		}
		want := map[string]any{"level": "ERROR", "msg": "failed", "bound": "copy: " + plantedText, "g": map[string]any{
			"err": "copy: " + plantedText, "cause": plantedText, "inner": map[string]any{"err": "copy: " + plantedText},
			"all": []any{"copy: " + plantedText, "second"}}}
		if diff := cmp.Diff(want, line(t, &out)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("a nil error in an interface does not end the program", func(t *testing.T) {
		var out bytes.Buffer
		var err *pgconn.PgError
		NewLogger(&out).Error("failed", "err", err)
		if got := line(t, &out)["err"]; got != "<nil>" {
			t.Errorf("err is %v", got)
		}
	})
}
