// Package otel holds the settings of the OpenTelemetry collector, and the proof that a collector takes them. It is a module of its own,
// because a collector has more dependencies than all of rehome, and needs no code of it.
package otel

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

const settings = "collector.yaml"

// components are those of the contrib distribution that the settings name.
func components() (f otelcol.Factories, err error) {
	if f.Receivers, err = otelcol.MakeFactoryMap(otlpreceiver.NewFactory()); err != nil {
		return f, err
	}
	if f.Processors, err = otelcol.MakeFactoryMap(memorylimiterprocessor.NewFactory(), batchprocessor.NewFactory()); err != nil {
		return f, err
	}
	if f.Exporters, err = otelcol.MakeFactoryMap(otlpexporter.NewFactory(), otlphttpexporter.NewFactory()); err != nil {
		return f, err
	}
	f.Telemetry = otelconftelemetry.NewFactory()
	f.Extensions, err = otelcol.MakeFactoryMap(healthcheckextension.NewFactory())
	return f, err
}

// collector makes one of the settings in a file and of what overrides them, each as "yaml:a::b: value".
func collector(t *testing.T, file string, overrides ...string) *otelcol.Collector {
	t.Helper()
	c, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo:               component.BuildInfo{Command: "otelcol-contrib", Version: "test"},
		Factories:               components,
		DisableGracefulShutdown: true,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              append([]string{file}, overrides...),
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
			DefaultScheme:     "env",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSettings(t *testing.T) {
	t.Run("are a collector's", func(t *testing.T) {
		if err := collector(t, settings).DryRun(t.Context()); err != nil {
			t.Error(err)
		}
	})
	source, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"an unknown component", "  batch:\n", "  bach:\n", "bach"},
		{"a key of no meaning", "check_interval:", "chek_interval:", "chek_interval"},
		{"a duration without a unit", "timeout: 1s", "timeout: 1x", "timeout"},
		{"a pipeline with a part that is not there", "exporters: [otlp_grpc/jaeger]", "exporters: [otlp_grpc/jager]", "jager"},
		{"another one of those", "exporters: [otlp_http/prometheus]", "exporters: [otlp_http/prometeus]", "prometeus"},
		{"a key of no meaning deep down", "tls: {insecure: true}", "tls: {insecur: true}", "insecur"},
		{"a limiter without a limit", "    limit_mib: 384\n", "", "limit"},
		{"an extension that is not there", "extensions: [health_check]", "extensions: [healthcheck]", "healthcheck"},
	} {
		t.Run("are refused with "+tt.name, func(t *testing.T) {
			if !strings.Contains(string(source), tt.old) {
				t.Fatalf("%s has no %q", settings, tt.old)
			}
			file := filepath.Join(t.TempDir(), settings)
			if err := os.WriteFile(file, []byte(strings.Replace(string(source), tt.old, tt.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := collector(t, file).DryRun(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

// jaeger takes traces as Jaeger does, and hands out the names of their spans.
type jaeger struct {
	ptraceotlp.UnimplementedGRPCServer
	spans chan string
}

func (j *jaeger) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	for _, resource := range request.Traces().ResourceSpans().All() {
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				j.spans <- span.Name()
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

func TestCollector(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, sink := grpc.NewServer(), &jaeger{spans: make(chan string, 8)}
	ptraceotlp.RegisterGRPCServer(server, sink)
	var served errgroup.Group
	served.Go(func() error { return server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		if err := served.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("JAEGER_ENDPOINT", listener.Addr().String())
	metrics := make(chan string, 8)
	prometheus := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := readAll(r); err == nil && r.URL.Path == "/api/v1/otlp/v1/metrics" {
			metrics <- body
		}
	}))
	t.Cleanup(prometheus.Close)
	t.Setenv("METRICS_ENDPOINT", prometheus.URL+"/api/v1/otlp")

	grpcAt, httpAt, healthAt := free(t), free(t), free(t)
	c := collector(t, settings, "yaml:receivers::otlp::protocols::grpc::endpoint: "+grpcAt,
		"yaml:receivers::otlp::protocols::http::endpoint: "+httpAt, "yaml:extensions::health_check::endpoint: "+healthAt)
	var ran errgroup.Group
	ran.Go(func() error { return c.Run(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() {
		c.Shutdown()
		if err := ran.Wait(); err != nil {
			t.Error(err)
		}
	})
	until(t, "is healthy", func() error { return get("http://" + healthAt + "/") })

	// Bytes that a program's exporter sends, but for their encoding.
	const body = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
		"name":"move shard","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}`
	post := func(path, body string) {
		until(t, "takes what is sent to "+path, func() error {
			response, err := http.Post("http://"+httpAt+path, "application/json", strings.NewReader(body))
			if err != nil {
				return err
			}
			return ok(response)
		})
	}
	post("/v1/traces", body)
	post("/v1/metrics", `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"rehome.rows","sum":{"isMonotonic":true,"aggregationTemporality":2,
		"dataPoints":[{"asInt":"7","startTimeUnixNano":"1","timeUnixNano":"2"}]}}]}]}]}`)
	select {
	case got := <-sink.spans:
		if got != "move shard" {
			t.Errorf("span %q came through", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("no span came through")
	}
	select {
	case got := <-metrics:
		if !strings.Contains(got, "rehome.rows") {
			t.Errorf("%q came through", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("no metric came through")
	}
}

// readAll returns the body of a request, which may be compressed.
func readAll(r *http.Request) (string, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return "", err
		}
		body = zipped
	}
	text, err := io.ReadAll(body)
	return string(text), err
}

// free returns an address of loopback that nobody listened on a moment ago, below those that connections are made from.
func free(t *testing.T) string {
	t.Helper()
	for range 200 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 11000+rand.IntN(6000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("none of 200 ports is free")
	return ""
}

func get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	return ok(response)
}

func ok(response *http.Response) error {
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}

func until(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for this: the collector %s; it does not: %v", what, err)
		}
		<-tick.C
	}
}
