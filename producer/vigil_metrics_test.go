package main_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// inventory is what the programs export, for who makes dashboards and alerts of it: name, type, labels and programs of each metric.
const inventory = "../deploy/prometheus/testdata/metrics.txt"

// seldom are the metrics that a vigil has no reason for; those who make them test them.
var seldom = []string{"rehome_deadline_left_seconds", "rehome_slots_needed", "rehome_legacy_replica_lag_seconds", "rehome_target_replication_lag_seconds"}

type families map[string]*dto.MetricFamily

func parsed(t *testing.T, text []byte) families {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return found
}

// sum adds the values of a counter or gauge up that have all of the labels, each as "name=value".
func (f families) sum(name string, labels ...string) (sum int64) {
	for _, m := range f[name].GetMetric() {
		var has []string
		for _, l := range m.GetLabel() {
			has = append(has, l.GetName()+"="+l.GetValue())
		}
		if !slices.ContainsFunc(labels, func(want string) bool { return !slices.Contains(has, want) }) {
			sum += int64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
	}
	return sum
}

// kinds tells of each metric its type and labels, as the inventory has them.
func (f families) kinds() map[string]string {
	kinds := map[string]string{}
	for name, family := range f {
		var labels []string
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName())
			}
		}
		slices.Sort(labels)
		kinds[name] = strings.TrimSpace(fmt.Sprintf("%s {%s}", strings.ToLower(family.GetType().String()), strings.Join(slices.Compact(labels), ",")))
	}
	return kinds
}

// fresh asks a process for its metrics now.
func (n *vigil) fresh(name string) families {
	n.Helper()
	body, err := n.get(n.addresses[name] + "/metrics")
	if err != nil {
		n.Fatal(err)
	}
	return parsed(n.T, body)
}

// inventoried lists what was exported in the form of the inventory.
func (n *vigil) inventoried() string {
	programs := map[string][]string{}
	for program, name := range map[string]string{"producer": "producer", "worker-0": "worker", "worker-1": "worker", "aggregator": "aggregator"} {
		for metric, kind := range parsed(n.T, n.latest(program+" /metrics")).kinds() {
			line := metric + " " + kind
			if !slices.Contains(programs[line], name) {
				programs[line] = append(programs[line], name)
			}
		}
	}
	var lines []string
	for line, by := range programs {
		slices.Sort(by)
		lines = append(lines, line+" "+strings.Join(by, ","))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func (n *vigil) metrics(t *testing.T) {
	workers := func(name string, labels ...string) int64 {
		return n.fresh("worker-0").sum(name, labels...) + n.fresh("worker-1").sum(name, labels...)
	}
	r := n.report
	t.Run("what the programs export is what the inventory says, and nothing else", func(t *testing.T) {
		text, err := os.ReadFile(inventory)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool {
			return strings.HasPrefix(line, "#") || slices.ContainsFunc(seldom, func(name string) bool { return strings.HasPrefix(line, name+" ") })
		})
		if got := n.inventoried(); strings.Join(want, "") != got {
			t.Errorf("the metrics that are not told seldom are now\n%s\nwant\n%s", got, strings.Join(want, ""))
		}
	})
	t.Run("the workers' counters agree with the report", func(t *testing.T) {
		for _, table := range r.Tables {
			for outcome, want := range map[string]int64{"written": table.Written, "set_aside": table.SetAside, "waiting": table.Waiting, "left_out": table.LeftOut} {
				if got := workers("rehome_rows_total", "table="+table.Into, "outcome="+outcome) + n.settled(table.Into, outcome); got != want {
					t.Errorf("%d rows of %s are %s, want %d", got, table.Into, outcome, want)
				}
			}
		}
		for _, c := range r.Causes {
			if got := workers("rehome_quarantined_users_total", "cause="+c.Cause) + n.collided(c.Cause); got != c.Users {
				t.Errorf("%d users are quarantined for %s, want %d", got, c.Cause, c.Users)
			}
		}
		if got := workers("rehome_shards_total", "outcome=done", "work=move"); got != r.Shards.Done {
			t.Errorf("%d shards are done, want %d", got, r.Shards.Done)
		}
		if dead, failed := workers("rehome_shards_total", "outcome=dead"), workers("rehome_attempts_failed_total", "kind=defect"); dead != 1 || failed != 3 {
			t.Errorf("%d shards are dead of %d attempts, want 1 of 3", dead, failed)
		}
		if got := workers("rehome_attempts_failed_total", "kind=outage"); got == 0 {
			t.Error("no attempt has met the outage")
		}
		if got := workers("rehome_rows_read_total"); got < 160 {
			t.Errorf("%d rows were read, want 160 or more", got)
		}
		if got := workers("rehome_copied_bytes_total"); got < 10_000 {
			t.Errorf("%d bytes were copied", got)
		}
		phases := map[string]bool{}
		for _, m := range n.fresh("worker-0")["rehome_phase_duration_seconds"].GetMetric() {
			for _, l := range m.GetLabel() {
				phases[l.GetValue()] = true
			}
		}
		for _, p := range []shard.Phase{shard.Claiming, shard.Reading, shard.Converting, shard.Copying, shard.ReadingBack, shard.Closing, shard.Answering} {
			if !phases[string(p)] {
				t.Errorf("nothing is told of the phase %s", p)
			}
		}
	})
	t.Run("the aggregator tells the same from the ledger, and the verdict", func(t *testing.T) {
		n.until("the verdict, and sums that are not older", func() bool {
			f := n.fresh("aggregator")
			return f.sum("rehome_verdict", "verdict=unclean") == 1 && f.sum("rehome_progress_users", "state=quarantined") == r.Users.Quarantined
		})
		f := n.fresh("aggregator")
		got := map[string]int64{"state": f.sum("rehome_migration_state", "state=finished")}
		want := map[string]int64{"state": 1}
		for name, value := range map[string]int64{"migrated": r.Users.Migrated, "quarantined": r.Users.Quarantined, "planned": r.Users.Planned} {
			got["users "+name], want["users "+name] = f.sum("rehome_progress_users", "state="+name), value
		}
		for name, value := range map[string]int64{"done": r.Shards.Done, "dead": r.Shards.Dead, "pending": 0, "planned": r.Shards.Planned} {
			got["shards "+name], want["shards "+name] = f.sum("rehome_progress_shards", "state="+name), value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		n.until("the workers", func() bool { return n.fresh("aggregator").sum("rehome_workers", "state=alive") == 2 })
	})
	t.Run("a scrape is small, and quick while the programs are at work", func(t *testing.T) {
		largest := 0
		for name := range n.addresses {
			largest = max(largest, len(n.latest(name+" /metrics")))
			if size := len(n.latest(name + " /metrics")); size < 1000 || size > 64<<10 {
				t.Errorf("a scrape of %s has %d bytes", name, size)
			}
		}
		n.mu.Lock()
		took := slices.Sorted(slices.Values(n.scrapes))
		n.mu.Unlock()
		middle := took[len(took)/2]
		if middle > 100*time.Millisecond {
			t.Errorf("half of the %d scrapes took longer than %s", len(took), middle)
		}
		t.Logf("%d scrapes: half took up to %s, 95 %% up to %s; the largest has %d bytes", len(took), middle, took[len(took)*95/100], largest)
	})
	t.Run("a collector is sent the same", func(t *testing.T) {
		sent := map[string]bool{}
		n.until("the metrics of all programs", func() bool {
			maps.Copy(sent, n.sent())
			return sent["worker rehome.rows"] && sent["aggregator rehome.progress.users"] && sent["producer rehome.queue.tasks"]
		})
	})
}

// sent returns programs and names of the metrics that the collector was sent last.
func (n *vigil) sent() map[string]bool {
	found := map[string]bool{}
	for _, body := range n.received() {
		var request colmetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			n.Fatal(err)
		}
		for _, r := range request.GetResourceMetrics() {
			for _, a := range r.GetResource().GetAttributes() {
				if a.GetKey() != "service.name" {
					continue
				}
				for _, s := range r.GetScopeMetrics() {
					for _, m := range s.GetMetrics() {
						found[a.GetValue().GetStringValue()+" "+m.GetName()] = true
					}
				}
			}
		}
	}
	return found
}

// settled returns how many rows of a table settling has given an outcome, signed.
func (n *vigil) settled(table, outcome string) (rows int64) {
	n.Helper()
	at := slices.IndexFunc(n.report.Tables, func(t report.Table) bool { return t.Into == table })
	return n.count(fmt.Sprintf(`SELECT sum((t->>'%s')::bigint) FROM rehome.shard, jsonb_array_elements(receipt->'tables') AS t WHERE kind = 'settle' AND (t->>'entry')::int = %d`, outcome, at))
}

func (n *vigil) collided(cause string) int64 {
	n.Helper()
	return n.count(fmt.Sprintf(`SELECT sum((c->>'users')::bigint) FROM rehome.shard, jsonb_array_elements(receipt->'causes') AS c WHERE kind = 'settle' AND c->>'cause' = '%s'`, cause))
}

func (n *vigil) count(query string) (rows int64) {
	n.Helper()
	if err := n.conn.QueryRow(n.ctx, `SELECT coalesce((`+query+`), 0)::bigint`).Scan(&rows); err != nil {
		n.Fatal(err)
	}
	return rows
}
