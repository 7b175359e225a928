package telemetry

import (
	"maps"
	"slices"
	"strings"
)

// Carrier carries a trace's context in a message's header; convert a nats.Header to it. Keys are written in lower case,
// which is how nats-server's own tracing looks for them, and read in any: http's canonical case would make Traceparent
// of it, and NATS keeps case apart.
type Carrier map[string][]string

// Get returns the first value under key in any case, the lower case before others; empty when there is none.
func (c Carrier) Get(key string) string {
	if values := c[strings.ToLower(key)]; len(values) > 0 {
		return values[0]
	}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if values := c[name]; strings.EqualFold(name, key) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Set replaces what stands under key, in any case.
func (c Carrier) Set(key, value string) {
	maps.DeleteFunc(c, func(name string, _ []string) bool { return strings.EqualFold(name, key) })
	c[strings.ToLower(key)] = []string{value}
}

// Keys returns the names in the header as they stand there, sorted.
func (c Carrier) Keys() []string { return slices.Sorted(maps.Keys(c)) }
