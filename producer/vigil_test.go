package main_test

import (
	"bytes"
	"testing"
)

// It runs alone, as what others write to the server that the tests share would be a change since a shard died. One run is enough to see what it tells: its metrics, and that nothing in them, or in anything else that leaves the processes, is a value of a row.
func TestVigil(t *testing.T) {
	n := newVigil(t)
	n.passes()
	t.Run("metrics", n.metrics)
	n.collects()
	t.Run("no value of a row leaves the processes", func(t *testing.T) {
		for _, where := range []string{"otlp /v1/traces", "otlp /v1/metrics", "nats", "stream REHOME_NIGHT_RECEIPTS", "stream REHOME_NIGHT_DEAD", "worker-0 /readyz",
			"dashboard /api/v1/events", "output of aggregator report --format html", "worker-0 /metrics as OpenMetrics", "standard error of worker-1", "standard output of producer"} {
			if len(n.latest(where)) == 0 {
				t.Errorf("nothing was kept of %s", where)
			}
		}
		if !bytes.Contains(n.latest("worker-0 /metrics as OpenMetrics"), []byte(`trace_id="`)) {
			t.Error("no duration leads to its trace")
		}
		for _, leak := range n.leaks(nightSecrets()) {
			t.Error(leak)
		}
	})
}
