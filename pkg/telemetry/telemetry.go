// Package telemetry is how a program tells what it does: log lines, traces, metrics and health, none of which ever carries a
// row's value. It knows nothing of what is traced and counted.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
	"golang.org/x/time/rate"
)

// flushTimeout bounds Close: a collector that hangs must not keep a program from ending.
const flushTimeout = 5 * time.Second

// Telemetry is what Start set up. Close it when the program ends.
type Telemetry struct {
	// Log writes to standard error: a line of JSON per event, or readable text on a terminal.
	Log *slog.Logger

	lines       *outlet
	provider    *sdktrace.TracerProvider // nil while traces are off
	instruments *instruments             // nil while metrics are off
	lost        atomic.Int64             // batches of traces and metrics that could not be sent
	flush       time.Duration
}

// Start sets up logs, traces and metrics for one program, and makes them the process's own (slog.Default, otel.Tracer, otel.Meter,
// otel.GetTextMapPropagator). The OTEL_* variables are honoured, each also as …_FILE; without an endpoint, or with
// OTEL_SDK_DISABLED=true, traces are off: they cost nothing and nothing is connected to. A collector that is slow or
// not there loses spans and never holds up the caller. The error lists every variable that is wrong.
func Start(ctx context.Context, program, version string) (*Telemetry, error) {
	lines := &outlet{to: os.Stderr}
	t := &Telemetry{Log: newLogger(lines, term.IsTerminal(int(os.Stderr.Fd()))).With("program", program), lines: lines, flush: flushTimeout}
	slog.SetDefault(t.Log)
	opts, err := readEnvironment()
	exits, wrong := readExits()
	if err := errors.Join(err, wrong); err != nil {
		return nil, err
	}
	otel.SetTextMapPropagator(opts.propagator)
	otel.SetErrorHandler(t.exportErrors())
	if t.instruments, err = newInstruments(ctx, exits, program, version); err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	if t.instruments != nil {
		otel.SetMeterProvider(t.instruments.provider)
		t.observeProcess(program, version)
	}
	if opts.exporter == exportNone {
		otel.SetTracerProvider(noop.NewTracerProvider())
		return t, nil
	}
	if t.provider, err = newProvider(ctx, opts, program, version); err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	otel.SetTracerProvider(t.provider)
	return t, nil
}

// Through has log lines written by w, which stands before standard error, until the returned function is called: what a program shows there of its
// own is not to be torn by them.
func (t *Telemetry) Through(w io.Writer) (end func()) {
	before := t.lines.change(w)
	return func() { t.lines.change(before) }
}

// exportErrors logs what the SDK could not do at most once a minute: an outage of the collector is one event, not one
// per batch.
func (t *Telemetry) exportErrors() otel.ErrorHandler {
	sometimes := rate.Sometimes{First: 1, Interval: time.Minute}
	return otel.ErrorHandlerFunc(func(err error) {
		t.lost.Add(1)
		sometimes.Do(func() { t.Log.Warn("traces or metrics are not sent", "err", err) })
	})
}

// Close sends the spans and metrics that are still held, for at most five seconds, also when ctx is cancelled already. Its error is
// no reason for a program to fail.
func (t *Telemetry) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.flush)
	defer cancel()
	var flushing errgroup.Group
	var traces, metrics error
	if t.provider != nil {
		flushing.Go(func() error { traces = t.provider.Shutdown(ctx); return nil })
	}
	if t.instruments != nil {
		flushing.Go(func() error { metrics = t.instruments.provider.Shutdown(ctx); return nil })
	}
	_ = flushing.Wait() // both keep their errors
	if err := errors.Join(traces, metrics); err != nil {
		return errors.New("flush traces and metrics: " + Redact(err))
	}
	return nil
}
