package telemetry

import (
	"context"
	"runtime"
	"runtime/metrics"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// What is asked of Go's runtime, in the order of its samples.
const (
	runtimeHeap = iota
	runtimeTotal
	runtimeReleased
	runtimeGoroutines
)

// observeProcess has the process tell what it is, what it uses of the machine, and how often telemetry was lost.
func (t *Telemetry) observeProcess(program, version string) {
	meter := otel.Meter("rehome/pkg/telemetry")
	info := Instrument(meter.Int64ObservableGauge("rehome.build.info", metric.WithDescription("Always 1; what the process is stands in the labels.")))
	heap := Instrument(meter.Int64ObservableGauge("go.memory.heap", metric.WithUnit("By"), metric.WithDescription("Memory of live and not yet collected objects.")))
	total := Instrument(meter.Int64ObservableGauge("go.memory.used", metric.WithUnit("By"), metric.WithDescription("Memory that the Go runtime holds of the system.")))
	goroutines := Instrument(meter.Int64ObservableGauge("go.goroutine.count", metric.WithDescription("Goroutines.")))
	lost := Instrument(meter.Int64ObservableCounter("rehome.telemetry.failures", metric.WithDescription("Traces or metrics that could not be sent, in batches.")))
	labels := metric.WithAttributes(attribute.String("program", program), attribute.String("version", version), attribute.String("go_version", runtime.Version()))
	Observe(meter, func(_ context.Context, o metric.Observer) error {
		samples := readRuntime()
		o.ObserveInt64(info, 1, labels)
		o.ObserveInt64(heap, int64(samples[runtimeHeap].Value.Uint64()))
		o.ObserveInt64(total, int64(samples[runtimeTotal].Value.Uint64()-samples[runtimeReleased].Value.Uint64()))
		o.ObserveInt64(goroutines, int64(samples[runtimeGoroutines].Value.Uint64()))
		o.ObserveInt64(lost, t.lost.Load())
		return nil
	}, info, heap, total, goroutines, lost)
}

func readRuntime() []metrics.Sample {
	samples := []metrics.Sample{
		runtimeHeap:       {Name: "/memory/classes/heap/objects:bytes"},
		runtimeTotal:      {Name: "/memory/classes/total:bytes"},
		runtimeReleased:   {Name: "/memory/classes/heap/released:bytes"},
		runtimeGoroutines: {Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(samples)
	return samples
}
