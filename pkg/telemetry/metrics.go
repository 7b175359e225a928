package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/sync/errgroup"
)

// A scrape is answered from memory: what takes longer than that, or comes more often at once, is no Prometheus.
const (
	scrapeTimeout = 5 * time.Second
	scrapesAtOnce = 4
)

// instruments hold what is counted until it is asked for or sent, which happens beside the work: none of it waits.
type instruments struct {
	provider *sdkmetric.MeterProvider
	scrape   http.Handler // nil where nobody may ask
}

// newInstruments returns nil where metrics have no way out; counting then costs nothing.
func newInstruments(ctx context.Context, e exits, program, version string) (*instruments, error) {
	if !e.scraped && e.pushed == exportNone {
		return nil, nil
	}
	res, err := newResource(ctx, program, version)
	if err != nil {
		return nil, err
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(res)}
	var i instruments
	if e.scraped {
		registry := prometheus.NewRegistry()
		reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo(), promexporter.WithoutTargetInfo())
		if err != nil {
			return nil, fmt.Errorf("make the exporter for Prometheus: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
		i.scrape = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			EnableOpenMetrics: true, MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeTimeout, ErrorHandling: promhttp.ContinueOnError,
		})
	}
	if e.pushed != exportNone {
		exporter, err := newMetricExporter(ctx, e.pushed)
		if err != nil {
			return nil, fmt.Errorf("make the exporter of metrics: %w", err)
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	}
	i.provider = sdkmetric.NewMeterProvider(options...)
	return &i, nil
}

func newMetricExporter(ctx context.Context, protocol string) (sdkmetric.Exporter, error) {
	if protocol == exportGRPC {
		return otlpmetricgrpc.New(ctx)
	}
	return otlpmetrichttp.New(ctx)
}

// Instrument returns the instrument that a meter has made. That a name is wrong is a defect of ours, which is told as the SDK tells what it cannot do,
// and keeps nothing from working.
func Instrument[T any](instrument T, err error) T {
	if err != nil {
		otel.Handle(err)
	}
	return instrument
}

// Observe has the instruments observed whenever metrics are collected until the process ends, by a function that asks nobody: collecting must not wait.
// What is over by then is told once more when Close sends what is left: a counter would else lose its last steps.
func Observe(meter metric.Meter, observe metric.Callback, instruments ...metric.Observable) {
	if _, err := meter.RegisterCallback(observe, instruments...); err != nil {
		otel.Handle(err)
	}
}

// Handler serves what health serves, and GET /metrics in Prometheus' format where OTEL_METRICS_EXPORTER has prometheus, or is not set.
func (t *Telemetry) Handler(health *Health) http.Handler {
	if t.instruments == nil || t.instruments.scrape == nil {
		return health.Handler()
	}
	mux := http.NewServeMux()
	mux.Handle("/", health.Handler())
	mux.Handle("GET /metrics", t.instruments.scrape)
	return mux
}

// While does do while health and metrics are answered on address (HOST:PORT), also when ctx has ended and do is about to. Nobody is answered on an empty
// one. The program is not ready any more when ctx has ended.
func (t *Telemetry) While(ctx context.Context, address string, health *Health, do func(context.Context) error) error {
	defer context.AfterFunc(ctx, health.Drain)()
	if address == "" {
		return do(ctx)
	}
	server, err := ListenHealth(ctx, address, t.Handler(health))
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(serving) })
	group.Go(func() error {
		defer stop()
		return do(ctx)
	})
	return group.Wait()
}
