package prometheus

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

const (
	evaluated = 15 * time.Second // how often rules are
	played    = 40 * time.Minute // of each scene, in Prometheus' time
)

// calm is a migration in the middle of a quiet night, as producer and aggregator tell it, with a value each minute.
const calm = `
	rehome_progress_rows{instance="a", migration="night", state="planned"} 100000+0x60
	rehome_progress_rows{instance="a", migration="night", state="moved"} 0+1000x60
	rehome_progress_rows{instance="p", migration="night", state="planned"} 100000+0x60
	rehome_progress_rows{instance="p", migration="night", state="moved"} 0+1000x60
	rehome_progress_shards{instance="a", migration="night", state="pending"} 90-1x60
	rehome_progress_shards{instance="a", migration="night", state="dead"} 0x60
	rehome_progress_setbacks{instance="a", migration="night"} 0x60
	rehome_progress_users{instance="a", migration="night", state="migrated"} 2000+100x60
	rehome_progress_users{instance="a", migration="night", state="quarantined"} 1x60
	rehome_workers{instance="a", migration="night", state="alive"} 2x60
	rehome_paused{instance="a", migration="night"} 0x60
	rehome_halted{instance="a", migration="night"} 0x60
	rehome_fleet_slots{instance="a", migration="night"} 8x60
	rehome_slots_needed{instance="a", migration="night"} 4x60
	rehome_deadline_left_seconds{instance="a", migration="night"} 20000-60x60
	rehome_limit{instance="a", migration="night", limit="lag_seconds"} 2x60
	rehome_legacy_replica_lag_seconds{instance="a", migration="night"} 1x60
	rehome_limit{instance="a", migration="night", limit="replication_lag_seconds"} 3x60
	rehome_target_replication_lag_seconds{instance="a", migration="night"} 1x60
	rehome_ledger_age_seconds{instance="a", migration="night"} 1x60
	rehome_verdict{instance="a", migration="night", verdict="incomplete"} 1x60
	rehome_stream_size_bytes{instance="a", migration="night", stream="tasks"} 100x60
	rehome_stream_limit_bytes{instance="a", migration="night", stream="tasks"} 1000x60
	rehome_nats_connected{instance="w"} 1x60
	rehome_nats_refused_total{instance="w"} 0x60
	rehome_answers_lost_total{instance="w", migration="night"} 0x60
	rehome_attempts_failed_total{instance="w", migration="night", kind="outage"} 0x60
	rehome_throttled_seconds_total{instance="w", migration="night", reason="rows"} 0+60x60
	rehome_throttled_seconds_total{instance="w", migration="night", reason="unmeasured"} 0x60
`

// scene returns calm with other values for some series, each as "name{labels} values", or "name{labels}" to take it out.
func scene(t *testing.T, changes ...string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(calm), "\n")
	for _, change := range changes {
		series, values, _ := strings.Cut(change, "} ")
		series = strings.TrimSuffix(series, "}")
		found := false
		lines = slices.DeleteFunc(lines, func(line string) bool {
			if !strings.HasPrefix(strings.TrimSpace(line), series+"}") {
				return false
			}
			found = true
			return true
		})
		if !found {
			t.Fatalf("no quiet night has %s", series)
		}
		if values != "" {
			lines = append(lines, series+"} "+values)
		}
	}
	return strings.Join(lines, "\n")
}

// fired plays a scene, and returns the alerts that fire at its end.
func fired(t *testing.T, series string) (names []string) {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n"+series)
	defer store.Close()
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(engine, store), Appendable: store, Queryable: store, Context: t.Context(), Logger: slog.New(slog.DiscardHandler),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, ExternalURL: &url.URL{},
	})
	groups, errs := manager.LoadGroups(evaluated, labels.EmptyLabels(), "", nil, false, rulesFile)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, group := range groups {
		for at := time.Duration(0); at <= played; at += evaluated {
			group.Eval(t.Context(), time.Unix(0, 0).Add(at))
		}
		for _, rule := range group.AlertingRules() {
			if rule.State() == rules.StateFiring {
				names = append(names, rule.Name())
				rule.ForEachActiveAlert(func(a *rules.Alert) { complete(t, a) })
			}
		}
		for _, rule := range group.Rules() {
			if rule.LastError() != nil {
				t.Errorf("%s: %v", rule.Name(), rule.LastError())
			}
		}
	}
	slices.Sort(names)
	return names
}

// complete fails the test where a text of an alert has a hole in it.
func complete(t *testing.T, a *rules.Alert) {
	t.Helper()
	for _, name := range []string{"summary", "description"} {
		if text := a.Annotations.Get(name); text == "" || strings.Contains(text, "<no value>") || strings.Contains(text, "error") && strings.Contains(text, "template") || strings.Contains(text, "  ") {
			t.Errorf("%s of %s: %q", name, a.Labels.Get("alertname"), text)
		}
	}
}

func TestAlerts(t *testing.T) {
	const of = `{instance="a", migration="night"`
	moved := func(instance, values string) string {
		return fmt.Sprintf(`rehome_progress_rows{instance=%q, migration="night", state="moved"} %s`, instance, values)
	}
	stalled := []string{moved("a", "5000x60"), moved("p", "5000x60")}
	for name, tt := range map[string]struct {
		changes []string
		want    []string
	}{
		"a quiet night wakes nobody up":     {nil, nil},
		"nothing moves":                     {stalled, []string{"RehomeStalled"}},
		"nothing moves, as it is paused":    {append(stalled, `rehome_paused`+of+`} 1x60`), nil},
		"nothing moves behind the deadline": {append(stalled, `rehome_deadline_left_seconds`+of+`} -10-60x60`), nil},
		"all is done":                       {append(stalled, `rehome_progress_shards`+of+`, state="pending"} 0x60`), nil},
		"nobody is there":                   {append(stalled, `rehome_workers`+of+`, state="alive"} 0x60`), []string{"RehomeStalled", "RehomeWorkersGone"}},
		"nobody is needed":                  {append(stalled, `rehome_workers`+of+`, state="alive"} 0x60`, `rehome_progress_shards`+of+`, state="pending"} 0x60`), nil},
		"the schema has changed":            {append(stalled, `rehome_halted`+of+`} 1x60`), []string{"RehomeHalted"}},
		"a shard is dead":                   {[]string{`rehome_progress_shards` + of + `, state="dead"} 1x60`}, []string{"RehomeDeadLetters"}},
		"an outage comes back":              {[]string{`rehome_progress_setbacks` + of + `} 1x60`}, []string{"RehomeOutageRepeats"}},
		"attempts are in vain":              {[]string{`rehome_attempts_failed_total{instance="w", migration="night", kind="outage"} 0+12x60`}, []string{"RehomeOutageRepeats"}},
		"an outage now and then":            {[]string{`rehome_attempts_failed_total{instance="w", migration="night", kind="outage"} 0+2x60`}, nil},
		"many are kept out":                 {[]string{`rehome_progress_users` + of + `, state="quarantined"} 0+10x60`}, []string{"RehomeQuarantineRate"}},
		"many of few are":                   {[]string{`rehome_progress_users` + of + `, state="quarantined"} 50x60`, `rehome_progress_users` + of + `, state="migrated"} 100x60`}, nil},
		"it takes more slots":               {[]string{`rehome_slots_needed` + of + `} 12x60`}, []string{"RehomeDeadlineWillBeMissed"}},
		"it took more slots":                {[]string{`rehome_slots_needed` + of + `} 12x60`, `rehome_deadline_left_seconds` + of + `} -10-60x60`}, nil},
		"the replica is behind":             {[]string{`rehome_legacy_replica_lag_seconds` + of + `} 5x60`}, []string{"RehomeLegacyLag"}},
		"the standbys are":                  {[]string{`rehome_target_replication_lag_seconds` + of + `} 5x60`}, []string{"RehomeTargetLag"}},
		"nobody measures":                   {[]string{`rehome_throttled_seconds_total{instance="w", migration="night", reason="unmeasured"} 0+60x60`}, []string{"RehomeUnmeasured"}},
		"a stream refuses":                  {[]string{`rehome_nats_refused_total{instance="w"} 0+1x60`}, []string{"RehomeNATSRefuses"}},
		"a stream fills":                    {[]string{`rehome_stream_size_bytes` + of + `, stream="tasks"} 900x60`}, []string{"RehomeStreamFills"}},
		"NATS is away":                      {[]string{`rehome_nats_connected{instance="w"} 0x60`}, []string{"RehomeNATSAway"}},
		"answers are lost":                  {[]string{`rehome_answers_lost_total{instance="w", migration="night"} 0+2x60`}, []string{"RehomeNATSAway"}},
		"the ledger is away":                {[]string{`rehome_ledger_age_seconds` + of + `} 0+60x60`}, []string{"RehomeLedgerAway"}},
		"the end is not clean":              {[]string{`rehome_verdict` + of + `, verdict="incomplete"}`, `rehome_progress_setbacks` + of + `} 0x60`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, fired(t, scene(t, tt.changes...))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("an end that is not clean", func(t *testing.T) {
		series := scene(t, `rehome_verdict`+of+`, verdict="incomplete"}`) + "\n" + `rehome_verdict` + of + `, verdict="unclean"} 1x60`
		if diff := cmp.Diff([]string{"RehomeUnclean"}, fired(t, series)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
