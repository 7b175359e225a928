package main_test

import (
	"encoding/json"
	"testing"
)

// timeless reads a report's JSON without what is drawn at random, read from a clock, or tells who has made it and when.
func timeless(t testing.TB, raw string) map[string]any {
	t.Helper()
	var report map[string]any
	if err := json.Unmarshal([]byte(raw), &report); err != nil {
		t.Fatalf("read the report: %v", err)
	}
	for _, key := range []string{"run", "rehome", "started_at", "finished_at", "seconds", "rows_per_second", "begun", "made", "digest", "seal", "timings", "throughput"} {
		if _, there := report[key]; !there {
			t.Errorf("the report has no %s", key)
		}
		delete(report, key)
	}
	tables, _ := report["tables"].([]any)
	for _, one := range tables {
		if table, ok := one.(map[string]any); ok {
			delete(table, "seconds")
		}
	}
	return report
}
