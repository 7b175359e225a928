//go:build jaeger

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rehome/pkg/sandbox"
)

// jaegerSettings are of a Jaeger that takes OTLP by HTTP, keeps what it has in memory and answers questions; its other ports are closed.
const jaegerSettings = `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
  telemetry: {metrics: {level: none}, logs: {level: warn}}
extensions:
  jaeger_query:
    storage: {traces: memory}
    grpc: {endpoint: %q}
    http: {endpoint: %q}
  jaeger_storage:
    backends: {memory: {memory: {max_traces: 10000}}}
receivers:
  otlp: {protocols: {http: {endpoint: %q}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
`

// A jaeger is a real one, as a process of the test.
type jaeger struct {
	*testing.T
	receiver, query string // addresses
}

// startJaeger starts the Jaeger that REHOME_JAEGER names, which must be there.
func startJaeger(t *testing.T) *jaeger {
	t.Helper()
	j := &jaeger{T: t, receiver: sandbox.Address(t), query: sandbox.Address(t)}
	settings := filepath.Join(t.TempDir(), "jaeger.yaml")
	if err := os.WriteFile(settings, fmt.Appendf(nil, jaegerSettings, sandbox.Address(t), j.query, j.receiver), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	command := exec.CommandContext(ctx, os.Getenv("REHOME_JAEGER"), "--config", settings)
	command.Env = append(os.Environ(), "OTEL_TRACES_SAMPLER=always_off") // or it would send its own to itself
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = command.Wait() // it was killed
	})
	return j
}

// trace asks the query API for the spans of a trace; none while it does not know the trace, or does not answer yet.
func (j *jaeger) trace(id string) (spans []seen) {
	j.Helper()
	request, err := http.NewRequestWithContext(j.Context(), http.MethodGet, "http://"+j.query+"/api/traces/"+id, nil)
	if err != nil {
		j.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil
	}
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID, OperationName, ProcessID string
				References                       []struct{ RefType, TraceID, SpanID string }
				Tags                             []struct {
					Key   string
					Value any
				}
			}
			Processes map[string]struct{ ServiceName string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		j.Fatal(err)
	}
	for _, trace := range answer.Data {
		for _, s := range trace.Spans {
			one := seen{service: trace.Processes[s.ProcessID].ServiceName, name: s.OperationName, id: s.SpanID}
			for _, r := range s.References {
				if r.RefType == "CHILD_OF" && r.TraceID == id {
					one.parent = r.SpanID
					continue
				}
				one.links = append(one.links, r.SpanID)
			}
			for _, tag := range s.Tags {
				switch v := tag.Value.(type) {
				case float64:
					if tag.Key == "rehome.attempt" {
						one.attempt = int64(v)
					}
				case bool:
					one.failed = one.failed || tag.Key == "error" && v
				}
			}
			spans = append(spans, one)
		}
	}
	return spans
}

func TestJaegerHasTheTraceOfAShardWhoseWorkerWasKilled(t *testing.T) {
	j := startJaeger(t)
	m := newTraced(t, "http://"+j.receiver)
	m.within("Jaeger", func() bool {
		response, err := http.Get("http://" + j.query + "/api/services")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	trace, _ := m.bereaved(func(trace string) int { return len(j.trace(trace)) })
	wantBereaved(t, j.trace(trace))
}
