package telemetry

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// exits are the ways by which metrics leave the process.
type exits struct {
	scraped bool   // by who asks for /metrics
	pushed  string // exportGRPC, exportHTTP, or exportNone
}

// readExits reads what the SDK leaves to its caller of the variables of metrics, and refuses what it would replace by a default with no more than a
// line of its log. That of all variables is read by readEnvironment, which comes first.
func readExits() (exits, error) {
	disabled, _ := readDisabled() // which readEnvironment has refused
	e, wrong := readMetricsExporter()
	if disabled {
		e = exits{pushed: exportNone}
	}
	return e, errors.Join(
		wrong,
		checkMillis("OTEL_METRIC_EXPORT_INTERVAL"),
		checkMillis("OTEL_METRIC_EXPORT_TIMEOUT"),
		checkChoice("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta", "lowmemory"),
		checkChoice("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
		checkChoice("OTEL_METRICS_EXEMPLAR_FILTER", "always_on", "always_off", "trace_based"),
	)
}

// readMetricsExporter reads a list. Without one metrics are there for who asks, and sent to nobody.
func readMetricsExporter() (exits, error) {
	const name = "OTEL_METRICS_EXPORTER"
	text := os.Getenv(name)
	if text == "" {
		text = "prometheus"
	}
	e := exits{pushed: exportNone}
	for one := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(one) {
		case "prometheus":
			e.scraped = true
		case "otlp":
			var err error
			if e.pushed, err = readProtocol("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"); err != nil {
				return e, err
			}
			if firstOf("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
				return e, fmt.Errorf("%s has otlp, and OTEL_EXPORTER_OTLP_ENDPOINT does not say where to: set it, as in http://localhost:4318", name)
			}
		case "none":
			if text != one {
				return e, errors.New(name + " has none and something else")
			}
		default:
			return e, errors.New(name + " is a list of prometheus, otlp, or none alone")
		}
	}
	return e, nil
}

func checkMillis(name string) error {
	text := os.Getenv(name)
	if text == "" {
		return nil
	}
	if n, err := strconv.Atoi(text); err != nil || n <= 0 {
		return fmt.Errorf("%s is not a number of milliseconds above 0", name)
	}
	return nil
}

func checkChoice(name string, choices ...string) error {
	if text := os.Getenv(name); text != "" && !slices.Contains(choices, strings.ToLower(text)) {
		return fmt.Errorf("%s is none of %s", name, strings.Join(choices, ", "))
	}
	return nil
}
