package aggregator

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"rehome/pkg/ledger"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/throttle"
)

// told returns the values that the meters tell, by name and the label beside the migration's.
func told(t *testing.T, m *Meters) map[string]float64 {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	m.observe(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			switch data := metric.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					values[metric.Name+labelOf(p.Attributes)] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					values[metric.Name+labelOf(p.Attributes)] = p.Value
				}
			}
		}
	}
	return values
}

// labelOf returns the value of the label that is not the migration, after a space.
func labelOf(labels attribute.Set) string {
	for _, l := range labels.ToSlice() {
		if l.Key != "migration" {
			return " " + l.Value.AsString()
		}
	}
	return ""
}

func TestMeters(t *testing.T) {
	full := report.Progress{
		Users: report.Users{Planned: 40, Migrated: 27, Quarantined: 9}, Rows: 103, Moved: 144, PlannedRows: 160,
		Shards: report.Shards{Planned: 13, Done: 9, Dead: 1, Discarded: 1, Pending: 2}, Working: 2, Needed: 7,
		Setbacks: report.Setbacks{Shards: 1, Why: "disk_full"}, Workers: report.Workers{Alive: 2, Slots: 4, Busy: 2, Stopping: 1},
		Controls: report.Controls{
			Paused: "lunch", Halted: "the schema has changed", Deadline: time.Now(), Left: 90 * time.Second,
			Limits: throttle.Limits{Rows: 5000, Slots: 3, Lag: 2 * time.Second, Threads: 40, ReplicationLag: 3 * time.Second, Backends: 30},
			Gauge:  throttle.Gauge{Pace: 0.4, Reason: "replica lag 1.8s of 2s", Load: throttle.Load{Lag: 1800 * time.Millisecond, Threads: 12, ReplicationLag: time.Second, Backends: 8}},
		},
	}
	t.Run("all that was seen is told", func(t *testing.T) {
		m := NewMeters("night")
		m.See(&Sight{Migration: &ledger.Migration{State: ledger.Loading}}, full)
		m.backlog, m.polled = queue.Backlog{Waiting: 5, Held: 2, Redelivered: 1}, time.Now()
		m.rooms = []queue.Room{{Stream: "tasks", Messages: 7, Bytes: 700, Most: 1000, Oldest: 4 * time.Second}}
		got := told(t, m)
		if got["rehome.ledger.age"] > 5 {
			t.Errorf("the ledger was read %g s ago", got["rehome.ledger.age"])
		}
		delete(got, "rehome.ledger.age")
		want := map[string]float64{
			"rehome.progress.users planned": 40, "rehome.progress.users migrated": 27, "rehome.progress.users quarantined": 9,
			"rehome.progress.rows planned": 160, "rehome.progress.rows moved": 144, "rehome.progress.rows written": 103,
			"rehome.progress.shards planned": 13, "rehome.progress.shards pending": 2, "rehome.progress.shards working": 2, "rehome.progress.shards done": 9,
			"rehome.progress.shards dead": 1, "rehome.progress.shards discarded": 1, "rehome.progress.setbacks": 1,
			"rehome.migration.state loading": 1, "rehome.verdict incomplete": 1, "rehome.workers alive": 2, "rehome.workers stopping": 1,
			"rehome.fleet.slots": 4, "rehome.fleet.slots.busy": 2, "rehome.slots.needed": 7, "rehome.paused": 1, "rehome.halted": 1, "rehome.deadline.left": 90,
			"rehome.limit rows": 5000, "rehome.limit slots": 3, "rehome.limit threads": 40, "rehome.limit backends": 30, "rehome.limit lag_seconds": 2,
			"rehome.limit replication_lag_seconds": 3, "rehome.fleet.pace": 0.4, "rehome.legacy.replica.lag": 1.8, "rehome.legacy.threads": 12,
			"rehome.target.replication.lag": 1, "rehome.target.backends": 8,
			"rehome.queue.tasks waiting": 5, "rehome.queue.tasks in_flight": 2, "rehome.queue.tasks redelivered": 1,
			"rehome.stream.messages tasks": 7, "rehome.stream.size tasks": 700, "rehome.stream.limit tasks": 1000, "rehome.stream.oldest tasks": 4,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		inventory, err := os.ReadFile("../../deploy/prometheus/testdata/metrics.txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			name, _, _ := strings.Cut(key, " ")
			if name = strings.ReplaceAll(name, ".", "_"); !strings.Contains(string(inventory), "\n"+name) {
				t.Errorf("the inventory lacks %s", name)
			}
		}
	})
	t.Run("what is not known is not told", func(t *testing.T) {
		m := NewMeters("night")
		if got := told(t, m); len(got) != 0 {
			t.Errorf("before anything was seen: %v", got)
		}
		old := full
		old.Needed, old.Controls.Deadline, old.Controls.Gauge = 0, time.Time{}, throttle.Gauge{}
		m.See(&Sight{Migration: &ledger.Migration{State: ledger.Loading}}, old)
		m.polled = time.Now().Add(-time.Hour)
		got := told(t, m)
		for _, name := range []string{"rehome.slots.needed", "rehome.deadline.left", "rehome.legacy.replica.lag", "rehome.legacy.threads", "rehome.target.backends", "rehome.queue.tasks waiting"} {
			if _, there := got[name]; there {
				t.Errorf("%s is told", name)
			}
		}
		if pace, there := got["rehome.fleet.pace"]; !there || pace != 0 {
			t.Errorf("the pace is %g, %t", pace, there)
		}
	})
	t.Run("the verdict is told when it stands, and not before", func(t *testing.T) {
		m := NewMeters("night")
		verdict := []byte(`{"verdict": "unclean"}`)
		m.See(&Sight{Migration: &ledger.Migration{State: ledger.Settling, Verdict: verdict}}, full)
		if got := told(t, m); got["rehome.verdict incomplete"] != 1 {
			t.Errorf("%v", got)
		}
		m.See(&Sight{Migration: &ledger.Migration{State: ledger.Finished, Verdict: verdict}}, full)
		if got := told(t, m); got["rehome.verdict unclean"] != 1 || got["rehome.verdict incomplete"] != 0 || got["rehome.migration.state finished"] != 1 {
			t.Errorf("%v", got)
		}
		m.Turn(ledger.Settling, report.Incomplete)
		if got := told(t, m); got["rehome.migration.state settling"] != 1 || got["rehome.verdict incomplete"] != 1 {
			t.Errorf("%v", got)
		}
	})
}
