package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// cleanEnv takes every OTEL_* variable out for the time of a test, and sets those of env.
func cleanEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func start(t *testing.T) *Telemetry {
	t.Helper()
	tel, err := Start(t.Context(), "worker", "v1")
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func span(t *testing.T, name string) {
	_, s := otel.Tracer("test").Start(t.Context(), name)
	Fail(s, planted())
	s.End()
}

// collector is an OTLP receiver that hands on what it gets.
type collector struct {
	coltrace.UnimplementedTraceServiceServer
	got chan *coltrace.ExportTraceServiceRequest
}

func (c *collector) Export(_ context.Context, r *coltrace.ExportTraceServiceRequest) (*coltrace.ExportTraceServiceResponse, error) {
	c.got <- r
	return &coltrace.ExportTraceServiceResponse{}, nil
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := &coltrace.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, request); err != nil || r.Header.Get("x-token") != "abc" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.got <- request
}

func checkRequest(t *testing.T, r *coltrace.ExportTraceServiceRequest) {
	t.Helper()
	text := r.String()
	for _, want := range []string{`"one shard"`, `"worker"`, `"v1"`, "unique_violation", `"23505"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if strings.Contains(text, "CANARY") {
		t.Errorf("a value left in a span: %s", text)
	}
}

func TestExport(t *testing.T) {
	t.Run("http/protobuf is the default, and a header may come from a file", func(t *testing.T) {
		c := &collector{got: make(chan *coltrace.ExportTraceServiceRequest, 1)}
		server := httptest.NewServer(c)
		defer server.Close()
		path := filepath.Join(t.TempDir(), "headers")
		if err := os.WriteFile(path, []byte("x-token=abc\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_HEADERS_FILE": path})
		t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "") // so that it is restored
		tel := start(t)
		span(t, "one shard")
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := tel.Close(cancelled); err != nil {
			t.Fatal(err)
		}
		checkRequest(t, <-c.got)
	})

	t.Run("grpc when it is asked for", func(t *testing.T) {
		c := &collector{got: make(chan *coltrace.ExportTraceServiceRequest, 1)}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		coltrace.RegisterTraceServiceServer(server, c)
		var group errgroup.Group
		group.Go(func() error { return server.Serve(listener) })
		defer func() {
			server.Stop()
			_ = group.Wait()
		}()
		cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
		tel := start(t)
		span(t, "one shard")
		if err := tel.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkRequest(t, <-c.got)
	})

	for what, serve := range map[string]func(w http.ResponseWriter, release <-chan struct{}){
		"hangs":          func(_ http.ResponseWriter, release <-chan struct{}) { <-release },
		"refuses":        func(w http.ResponseWriter, _ <-chan struct{}) { w.WriteHeader(http.StatusServiceUnavailable) },
		"is no such one": func(w http.ResponseWriter, _ <-chan struct{}) { w.WriteHeader(http.StatusNotFound) },
		"is not there":   nil,
	} {
		t.Run("a collector that "+what+" holds up neither work nor the end", func(t *testing.T) {
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { serve(w, release) }))
			defer server.Close()
			defer close(release)
			if serve == nil {
				server.Close()
			}
			cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"})
			tel := start(t)
			tel.flush = 20 * time.Millisecond
			began := time.Now()
			for range 5000 {
				span(t, "one shard")
			}
			if took := time.Since(began); took > 5*time.Second { // it waits for an answer for 10 s
				t.Errorf("5000 spans took %s", took)
			}
			if err := tel.Close(t.Context()); err == nil && what == "hangs" {
				t.Error("it was flushed")
			}
		})
	}

	for name, env := range map[string]map[string]string{
		"without an endpoint":    {},
		"with the SDK disabled":  {"OTEL_SDK_DISABLED": "true"},
		"with the exporter none": {"OTEL_TRACES_EXPORTER": "none"},
	} {
		t.Run("traces are off "+name, func(t *testing.T) {
			if len(env) > 0 {
				env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
			}
			cleanEnv(t, env)
			tel := start(t)
			_, s := otel.Tracer("test").Start(t.Context(), "x")
			if s.IsRecording() || s.SpanContext().IsValid() || tel.provider != nil {
				t.Error("a span is recorded")
			}
			if err := tel.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}

	t.Run("the console exporter writes a line of JSON per span", func(t *testing.T) {
		var out bytes.Buffer
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(&consoleExporter{out: &out}))
		ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
		_, child := provider.Tracer("test").Start(ctx, "child")
		Fail(child, planted())
		child.End()
		got := map[string]any{}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["span"] != "child" || got["parent_id"] != parent.SpanContext().SpanID().String() || got["status"] != plantedText {
			t.Errorf("got %s", &out)
		}
	})
}

func TestEnvironment(t *testing.T) {
	t.Run("everything wrong is reported at once, without values", func(t *testing.T) {
		cleanEnv(t, map[string]string{"OTEL_SDK_DISABLED": "perhaps", "OTEL_TRACES_EXPORTER": canary, "OTEL_PROPAGATORS": "b3",
			"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5", "OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"})
		_, err := Start(t.Context(), "worker", "v1")
		if err == nil {
			t.Fatal("accepted")
		}
		for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_PROPAGATORS", "OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s is not reported: %v", name, err)
			}
		}
		if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("a value is shown: %v", err)
		}
	})

	for env, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "OTEL_EXPORTER_OTLP_PROTOCOL is none of",
		"OTEL_TRACES_SAMPLER":         "OTEL_TRACES_SAMPLER is none of",
		"OTEL_BSP_MAX_QUEUE_SIZE":     "OTEL_BSP_MAX_QUEUE_SIZE is not a whole number",
		"OTEL_SPAN_LINK_COUNT_LIMIT":  "OTEL_SPAN_LINK_COUNT_LIMIT is not a whole number",
		"OTEL_SERVICE_NAME_FILE":      "OTEL_SERVICE_NAME_FILE does not name a readable file",
	} {
		t.Run(env+" is judged", func(t *testing.T) {
			cleanEnv(t, map[string]string{env: "/" + canary})
			if _, err := readEnvironment(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("error is %v", err)
			}
		})
	}

	t.Run("a variable and its file at once are a fault", func(t *testing.T) {
		cleanEnv(t, map[string]string{"OTEL_SERVICE_NAME": "a", "OTEL_SERVICE_NAME_FILE": "b"})
		if _, err := readEnvironment(); err == nil || !strings.Contains(err.Error(), "both OTEL_SERVICE_NAME and") {
			t.Errorf("error is %v", err)
		}
	})

	t.Run("trace context and baggage travel unless it is said otherwise", func(t *testing.T) {
		for text, want := range map[string][]string{"": {"traceparent", "tracestate", "baggage"}, "baggage": {"baggage"}, "none": {}} {
			cleanEnv(t, map[string]string{"OTEL_PROPAGATORS": text})
			opts, err := readEnvironment()
			if err != nil {
				t.Fatal(err)
			}
			sorted := cmp.Transformer("set", func(s []string) map[string]bool {
				set := map[string]bool{}
				for _, k := range s {
					set[k] = true
				}
				return set
			})
			if diff := cmp.Diff(want, opts.propagator.Fields(), sorted); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
		}
	})

	t.Run("what the SDK cannot export is logged once a minute", func(t *testing.T) {
		var out bytes.Buffer
		handler := (&Telemetry{Log: NewLogger(&out)}).exportErrors()
		for range 10 {
			handler.Handle(errors.New("refused"))
		}
		if got := strings.Count(out.String(), "\n"); got != 1 {
			t.Errorf("%d lines: %s", got, &out)
		}
	})
}
