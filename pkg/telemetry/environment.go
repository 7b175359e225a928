package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/propagation"
)

// The ways in which spans leave the process.
const (
	exportNone    = "none"
	exportConsole = "console"
	exportGRPC    = "grpc"
	exportHTTP    = "http/protobuf"
)

// fileMax is more than any of the variables needs.
const fileMax = 64 << 10

// options are what the SDK leaves to its caller of OpenTelemetry's variables; it reads the others itself.
type options struct {
	exporter   string
	propagator propagation.TextMapPropagator
}

func readEnvironment() (options, error) {
	if err := readFiles(); err != nil {
		return options{}, err
	}
	var opts options
	var errs [5]error
	var disabled bool
	disabled, errs[0] = readDisabled()
	opts.exporter, errs[1] = readExporter()
	opts.propagator, errs[2] = readPropagators()
	errs[3] = errors.Join(checkSampler(), checkNumbers())
	errs[4] = checkEndpoints()
	if disabled {
		opts.exporter = exportNone
	}
	return opts, errors.Join(errs[:]...)
}

// readFiles gives every OTEL_…_FILE to the variable without its ending, where the SDK looks. The two variables of
// OpenTelemetry's own that end like this name a configuration, and are not ours.
func readFiles() error {
	var errs []error
	for _, pair := range os.Environ() {
		name, path, _ := strings.Cut(pair, "=")
		base, isFile := strings.CutSuffix(name, "_FILE")
		if !isFile || path == "" || !strings.HasPrefix(name, "OTEL_") || strings.HasSuffix(base, "_CONFIG") {
			continue
		}
		if err := readFile(base, path); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func readFile(base, path string) error {
	if os.Getenv(base) != "" {
		return fmt.Errorf("both %s and %s_FILE are set; unset one of them", base, base)
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > fileMax {
		return fmt.Errorf("%s_FILE does not name a readable file of at most %d bytes", base, fileMax)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s_FILE: read the file that it names: %s", base, Redact(err))
	}
	return os.Setenv(base, strings.TrimRight(string(text), "\r\n"))
}

func readDisabled() (bool, error) {
	text := os.Getenv("OTEL_SDK_DISABLED")
	if text == "" {
		return false, nil
	}
	disabled, err := strconv.ParseBool(text)
	if err != nil {
		return false, errors.New("OTEL_SDK_DISABLED is neither true nor false")
	}
	return disabled, nil
}

func readExporter() (string, error) {
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "none":
		return exportNone, nil
	case "console":
		return exportConsole, nil
	case "", "otlp":
	default:
		return "", errors.New("OTEL_TRACES_EXPORTER is none of otlp, console, none")
	}
	protocol, err := readProtocol("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if firstOf("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		protocol = exportNone
	}
	return protocol, err
}

// readProtocol reads how one signal is sent: as its own variable says, or that of all signals.
func readProtocol(own string) (string, error) {
	switch firstOf(own, "OTEL_EXPORTER_OTLP_PROTOCOL") {
	case "grpc":
		return exportGRPC, nil
	case "", "http/protobuf", "http":
		return exportHTTP, nil
	}
	return "", errors.New("OTEL_EXPORTER_OTLP_PROTOCOL is none of http/protobuf, grpc")
}

func readPropagators() (propagation.TextMapPropagator, error) {
	text := os.Getenv("OTEL_PROPAGATORS")
	if text == "" {
		text = "tracecontext,baggage"
	}
	var all []propagation.TextMapPropagator
	for name := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage":
			all = append(all, propagation.Baggage{})
		case "none":
		default:
			return nil, errors.New("OTEL_PROPAGATORS is a list of tracecontext, baggage, or none alone")
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...), nil
}

// checkSampler refuses what the SDK would replace by its default with no more than a line of its log.
func checkSampler() error {
	sampler := os.Getenv("OTEL_TRACES_SAMPLER")
	known := []string{"", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
		"parentbased_traceidratio"}
	if !slices.Contains(known, sampler) {
		return errors.New("OTEL_TRACES_SAMPLER is none of " + strings.Join(known[1:], ", "))
	}
	text := os.Getenv("OTEL_TRACES_SAMPLER_ARG")
	if text == "" || !strings.HasSuffix(sampler, "traceidratio") {
		return nil
	}
	if ratio, err := strconv.ParseFloat(text, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return errors.New("OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1")
	}
	return nil
}

// checkNumbers refuses what the SDK would replace in the same way.
func checkNumbers() error {
	var errs []error
	for _, name := range []string{
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
		"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	} {
		if text := os.Getenv(name); text != "" {
			if _, err := strconv.Atoi(text); err != nil {
				errs = append(errs, fmt.Errorf("%s is not a whole number", name))
			}
		}
	}
	return errors.Join(errs...)
}

func checkEndpoints() error {
	var errs []error
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("%s is not a URL such as http://localhost:4318", name))
		}
	}
	return errors.Join(errs...)
}

func firstOf(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}
