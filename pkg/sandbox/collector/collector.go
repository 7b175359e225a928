// Package collector is an OTLP receiver in the process of a test, which keeps the spans and the values of metrics that programs send it by HTTP. It takes no logs.
package collector

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Collector keeps what it was sent. It is safe for concurrent use.
type Collector struct {
	server *httptest.Server
	bytes  atomic.Int64

	mu     sync.Mutex
	spans  []Span
	values map[string]float64
}

// A Span is one of those that were sent. IDs are in hexadecimal; ParentID is empty for the first of a trace.
type Span struct {
	Service, Name         string
	TraceID, ID, ParentID string
	Kind                  string // as SERVER or INTERNAL
	Start, End            time.Time
	Failed                bool
	Status                string // what is said of the failure
	Attributes            map[string]any
	Links                 []Link
	Sampled               bool
}

// A Link leads to another span.
type Link struct {
	TraceID, ID string
	Attributes  map[string]any
}

// Start starts a Collector, which ends with t.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{values: map[string]float64{}}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

// URL is what OTEL_EXPORTER_OTLP_ENDPOINT is to be.
func (c *Collector) URL() string { return c.server.URL }

// Bytes counts what was sent, as it came.
func (c *Collector) Bytes() int64 { return c.bytes.Load() }

// Count counts the spans that were sent so far.
func (c *Collector) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans)
}

// Spans returns what was sent so far, by the time at which the spans began.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	spans := slices.Clone(c.spans)
	slices.SortStableFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return spans
}

// Trace returns what was sent so far of one trace.
func (c *Collector) Trace(id string) []Span {
	return slices.DeleteFunc(c.Spans(), func(s Span) bool { return s.TraceID != id })
}

// Values returns what the last export of each service's metrics has told, as "service name{label=value,...}" and in order of the labels.
func (c *Collector) Values() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.values)
}

// ServeHTTP takes an export.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := c.read(r)
	switch {
	case err != nil:
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		err = c.keepSpans(body)
	case strings.HasSuffix(r.URL.Path, "/v1/metrics"):
		err = c.keepValues(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (c *Collector) keepSpans(body []byte) error {
	request := &coltrace.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.ResourceSpans {
		service, _ := attributes(r.Resource.Attributes)["service.name"].(string)
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, spanOf(service, s))
			}
		}
	}
	return nil
}

func (c *Collector) keepValues(body []byte) error {
	request := &colmetrics.ExportMetricsServiceRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.ResourceMetrics {
		service, _ := attributes(r.Resource.Attributes)["service.name"].(string)
		maps.DeleteFunc(c.values, func(key string, _ float64) bool { return strings.HasPrefix(key, service+" ") })
		for _, scope := range r.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, p := range slices.Concat(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()) {
					value := p.GetAsDouble()
					if whole, is := p.Value.(*metrics.NumberDataPoint_AsInt); is {
						value = float64(whole.AsInt)
					}
					c.values[service+" "+m.Name+labels(p.Attributes)] = value
				}
			}
		}
	}
	return nil
}

func labels(pairs []*common.KeyValue) string {
	var all []string
	for key, value := range attributes(pairs) {
		all = append(all, fmt.Sprintf("%s=%v", key, value))
	}
	slices.Sort(all)
	return "{" + strings.Join(all, ",") + "}"
}

func (c *Collector) read(r *http.Request) ([]byte, error) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		from = unzipped
	}
	body, err := io.ReadAll(from)
	c.bytes.Add(int64(len(body)))
	return body, err
}

func spanOf(service string, s *otlp.Span) Span {
	span := Span{
		Service: service, Name: s.Name, TraceID: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), ParentID: hex.EncodeToString(s.ParentSpanId),
		Kind:  strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"),
		Start: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
		Failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR, Status: s.Status.GetMessage(),
		Attributes: attributes(s.Attributes), Sampled: s.Flags&1 == 1,
	}
	for _, l := range s.Links {
		span.Links = append(span.Links, Link{hex.EncodeToString(l.TraceId), hex.EncodeToString(l.SpanId), attributes(l.Attributes)})
	}
	return span
}

func attributes(pairs []*common.KeyValue) map[string]any {
	all := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		switch v := pair.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[pair.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[pair.Key] = v.IntValue
		case *common.AnyValue_BoolValue:
			all[pair.Key] = v.BoolValue
		case *common.AnyValue_DoubleValue:
			all[pair.Key] = v.DoubleValue
		default:
			all[pair.Key] = pair.Value.String()
		}
	}
	return all
}
