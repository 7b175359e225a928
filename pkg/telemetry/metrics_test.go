package telemetry

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// count counts once by an instrument of this test's own name, as the process has one provider after the other.
func count(t *testing.T, name string) {
	t.Helper()
	counter := Instrument(otel.Meter("test").Int64Counter(name, metric.WithUnit("By")))
	counter.Add(t.Context(), 7, metric.WithAttributes(attribute.String("table", "app.users")))
}

// asked returns what the handler answers to GET /metrics.
func asked(t *testing.T, tel *Telemetry) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Handler(NewHealth("worker", "v1")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return w.Code, w.Body.String()
}

// metricsCollector is an OTLP receiver of metrics that hands on what it gets.
type metricsCollector struct {
	colmetrics.UnimplementedMetricsServiceServer
	got chan *colmetrics.ExportMetricsServiceRequest
}

func (c *metricsCollector) Export(_ context.Context, r *colmetrics.ExportMetricsServiceRequest) (*colmetrics.ExportMetricsServiceResponse, error) {
	c.got <- r
	return &colmetrics.ExportMetricsServiceResponse{}, nil
}

func (c *metricsCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &colmetrics.ExportMetricsServiceRequest{}
	if err != nil || proto.Unmarshal(body, request) != nil || r.URL.Path != "/v1/metrics" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.got <- request
}

func TestScrape(t *testing.T) {
	t.Run("what is counted is answered with units and suffixes, beside health", func(t *testing.T) {
		cleanEnv(t, nil)
		tel := start(t)
		count(t, "rehome.test.copied")
		status, body := asked(t, tel)
		for _, want := range []string{
			`rehome_test_copied_bytes_total{table="app.users"} 7`, `rehome_build_info{`, `program="worker",version="v1"`, "go_memory_used_bytes ", "rehome_telemetry_failures_total 0",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in\n%s", want, body)
			}
		}
		if status != http.StatusOK || strings.Contains(body, "otel_scope") {
			t.Errorf("%d\n%s", status, body)
		}
		w := httptest.NewRecorder()
		tel.Handler(NewHealth("worker", "v1")).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody))
		if w.Code != http.StatusOK {
			t.Errorf("/healthz answers %d", w.Code)
		}
		if err := tel.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for name, env := range map[string]map[string]string{
		"nobody wants them":     {"OTEL_METRICS_EXPORTER": "none"},
		"the SDK is disabled":   {"OTEL_SDK_DISABLED": "true"},
		"they are only sent":    {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"},
		"disabled, and wanted ": {"OTEL_SDK_DISABLED": "true", "OTEL_METRICS_EXPORTER": "prometheus"},
	} {
		t.Run("there is nothing to be asked for where "+name, func(t *testing.T) {
			cleanEnv(t, env)
			tel := start(t)
			tel.flush = time.Millisecond
			if status, body := asked(t, tel); status != http.StatusNotFound {
				t.Errorf("%d %s", status, body)
			}
			_ = tel.Close(t.Context())
		})
	}
}

func TestMetricsAreSent(t *testing.T) {
	check := func(t *testing.T, r *colmetrics.ExportMetricsServiceRequest, name string) {
		t.Helper()
		for _, want := range []string{name, `"app.users"`, `"worker"`, `"rehome"`} {
			if !strings.Contains(r.String(), want) {
				t.Errorf("no %s in %s", want, r)
			}
		}
	}
	t.Run("by HTTP, and to who asks all the same", func(t *testing.T) {
		c := &metricsCollector{got: make(chan *colmetrics.ExportMetricsServiceRequest, 4)}
		server := httptest.NewServer(c)
		defer server.Close()
		cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_METRICS_EXPORTER": "prometheus, otlp", "OTEL_TRACES_EXPORTER": "none"})
		tel := start(t)
		count(t, "rehome.test.sent")
		if status, body := asked(t, tel); status != http.StatusOK || !strings.Contains(body, "rehome_test_sent_bytes_total") {
			t.Errorf("%d %s", status, body)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := tel.Close(cancelled); err != nil {
			t.Fatal(err)
		}
		check(t, <-c.got, "rehome.test.sent")
	})
	t.Run("by gRPC, and to nobody else", func(t *testing.T) {
		c := &metricsCollector{got: make(chan *colmetrics.ExportMetricsServiceRequest, 4)}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		colmetrics.RegisterMetricsServiceServer(server, c)
		var group errgroup.Group
		group.Go(func() error { return server.Serve(listener) })
		defer func() {
			server.Stop()
			_ = group.Wait()
		}()
		cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://" + listener.Addr().String(), "OTEL_METRICS_EXPORTER": "otlp",
			"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"})
		tel := start(t)
		count(t, "rehome.test.called")
		if err := tel.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, <-c.got, "rehome.test.called")
	})
	t.Run("a collector that hangs holds up neither work nor scrapes nor the end", func(t *testing.T) {
		release := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer server.Close()
		defer close(release)
		cleanEnv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_METRICS_EXPORTER": "otlp,prometheus", "OTEL_TRACES_EXPORTER": "none",
			"OTEL_METRIC_EXPORT_INTERVAL": "1"})
		tel := start(t)
		tel.flush = 20 * time.Millisecond
		began := time.Now()
		for range 5000 {
			count(t, "rehome.test.hung")
		}
		if status, _ := asked(t, tel); status != http.StatusOK {
			t.Errorf("a scrape answers %d", status)
		}
		if err := tel.Close(t.Context()); err == nil {
			t.Error("it was flushed")
		}
		if took := time.Since(began); took > 5*time.Second { // the SDK waits for an answer for 10 s
			t.Errorf("it took %s", took)
		}
	})
}

func TestMetricsEnvironment(t *testing.T) {
	for env, want := range map[string]string{
		"OTEL_METRICS_EXPORTER=" + canary:                               "OTEL_METRICS_EXPORTER is a list of prometheus, otlp, or none alone",
		"OTEL_METRICS_EXPORTER=none,otlp":                               "OTEL_METRICS_EXPORTER has none and something else",
		"OTEL_METRICS_EXPORTER=otlp":                                    "set it, as in http://localhost:4318",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=" + canary:                 "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not a URL",
		"OTEL_METRIC_EXPORT_INTERVAL=soon":                              "OTEL_METRIC_EXPORT_INTERVAL is not a number of milliseconds above 0",
		"OTEL_METRIC_EXPORT_TIMEOUT=0":                                  "OTEL_METRIC_EXPORT_TIMEOUT is not a number of milliseconds above 0",
		"OTEL_METRICS_EXEMPLAR_FILTER=" + canary:                        "OTEL_METRICS_EXEMPLAR_FILTER is none of",
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=weekly":      "TEMPORALITY_PREFERENCE is none of cumulative, delta, lowmemory",
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=none": "DEFAULT_HISTOGRAM_AGGREGATION is none of",
	} {
		t.Run(env+" is refused", func(t *testing.T) {
			name, value, _ := strings.Cut(env, "=")
			cleanEnv(t, map[string]string{name: value})
			if _, err := Start(t.Context(), "worker", "v1"); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("error is %v", err)
			}
		})
	}
	t.Run("the protocol of metrics is refused where they are sent", func(t *testing.T) {
		cleanEnv(t, map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "carrier/pigeon"})
		if _, err := Start(t.Context(), "worker", "v1"); err == nil || !strings.Contains(err.Error(), "is none of http/protobuf, grpc") {
			t.Errorf("error is %v", err)
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	for _, name := range []string{"OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		b.Setenv(name, "")
	}
	tel, err := Start(b.Context(), "worker", "v1")
	if err != nil {
		b.Fatal(err)
	}
	counter := Instrument(otel.Meter("test").Int64Counter("rehome.test.scraped"))
	for i := range 500 {
		counter.Add(b.Context(), 1, metric.WithAttributes(attribute.Int("series", i)))
	}
	handler := tel.Handler(NewHealth("worker", "v1"))
	for b.Loop() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	}
}
