package telemetry

import (
	"context"
	"os"
	"strconv"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// newProvider returns what makes spans and has them exported by a batcher, beside the work.
func newProvider(ctx context.Context, opts options, program, version string) (*sdktrace.TracerProvider, error) {
	exporter, err := newExporter(ctx, opts.exporter)
	if err != nil {
		return nil, err
	}
	res, err := newResource(ctx, program, version)
	if err != nil {
		return nil, err
	}
	return assemble(exporter, opts.propagator, res), nil
}

// assemble makes the provider, and the process's propagator.
func assemble(exporter sdktrace.SpanExporter, propagator propagation.TextMapPropagator, res *resource.Resource) *sdktrace.TracerProvider {
	sampler, keeps := newSampler()
	// The batcher drops spans when its queue is full; only WithBlocking would make it wait.
	processor := sdktrace.NewBatchSpanProcessor(exporter)
	if keeps {
		k := newKeeper(processor)
		current.Store(k)
		otel.SetTextMapPropagator(telling{propagator, k})
		processor = k
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithSampler(sampler), sdktrace.WithResource(res),
		sdktrace.WithIDGenerator(identities{}),
		sdktrace.WithoutPanicRecording(), // what panics says may be a value
	)
}

func newExporter(ctx context.Context, kind string) (sdktrace.SpanExporter, error) {
	switch kind {
	case exportGRPC:
		return otlptracegrpc.New(ctx)
	case exportConsole:
		return &consoleExporter{out: os.Stderr}, nil
	default:
		return otlptracehttp.New(ctx)
	}
}

// newResource names the process. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last and wins.
func newResource(ctx context.Context, program, version string) (*resource.Resource, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			semconv.ServiceNamespace("rehome"),
			semconv.ServiceName(program),
			semconv.ServiceVersion(version),
			semconv.ServiceInstanceID(host+"/"+strconv.Itoa(os.Getpid())),
			semconv.HostName(host),
		),
		resource.WithFromEnv(),
	)
}

// Fail marks span as failed by err, redacted. Use it in place of span.RecordError, which keeps the server's own text and
// with it a row's values. A nil err does nothing. What fails is exported, see Keep.
func Fail(span trace.Span, err error) {
	if err == nil || !span.IsRecording() {
		return
	}
	span.SetStatus(codes.Error, Redact(err))
	if code := statusCode(err); code != "" {
		span.SetAttributes(semconv.DBResponseStatusCode(code), semconv.ErrorTypeKey.String(code))
	} else {
		span.SetAttributes(semconv.ErrorTypeOther)
	}
}
