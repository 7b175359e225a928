package telemetry

import (
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// newSampler returns the sampler that OTEL_TRACES_SAMPLER names, and whether traces that it leaves out are kept all the same where something in
// them fails: a ratio leaves out what is like the rest, off is off. The SDK would read the variable itself, but shows nobody what it has read.
func newSampler() (sampler sdktrace.Sampler, keeps bool) {
	name, basedOnParent := strings.CutPrefix(os.Getenv("OTEL_TRACES_SAMPLER"), "parentbased_")
	switch name {
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		ratio, err := strconv.ParseFloat(os.Getenv("OTEL_TRACES_SAMPLER_ARG"), 64)
		if err != nil {
			ratio = 1 // it is not set: checkSampler has refused anything else
		}
		sampler, keeps = sdktrace.TraceIDRatioBased(ratio), true
	case "":
		sampler, basedOnParent, keeps = sdktrace.AlwaysSample(), true, true
	default:
		sampler, keeps = sdktrace.AlwaysSample(), true
	}
	if basedOnParent {
		sampler = sdktrace.ParentBased(sampler)
	}
	if keeps {
		sampler = lenient{sampler}
	}
	return sampler, keeps
}

// A lenient sampler has recorded, and not sampled, what another leaves out: whether it is exported is decided when it has ended.
type lenient struct{ sdktrace.Sampler }

// ShouldSample is the other's decision, in which nothing is dropped.
func (l lenient) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	result := l.Sampler.ShouldSample(p)
	if result.Decision == sdktrace.Drop {
		result.Decision = sdktrace.RecordOnly
	}
	return result
}

// Description names the other sampler.
func (l lenient) Description() string { return l.Sampler.Description() + " and failures" }
