package main_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/collector"
	"rehome/pkg/sandbox/programs"
)

// Without NATS_URL there is one process to ask.
func TestHealthOfARunByItself(t *testing.T) {
	t.Parallel()
	l := newLab(t, deadLegacy, deadTarget, strings.Replace(deadMapping, "time_zone: UTC}", "time_zone: UTC, accept_unproved: others write there}", 1))
	address, sink := sandbox.Address(t), collector.Start(t)
	p := l.dir.Start(t, programs.Producer, []string{"LEGACY_DSN=" + l.legacy, "TARGET_DSN=" + l.target, "REHOME_SLOTS=1", "REHOME_HEALTH=" + address,
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + sink.URL(), "OTEL_METRICS_EXPORTER=prometheus,otlp", "REHOME_PAUSE_AT=settling_begins"}, "run")
	p.Paused(l.ctx)
	ask := func(path string) string {
		request, err := http.NewRequestWithContext(l.ctx, http.MethodGet, "http://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v: %s", path, answer.Status, err, body)
		}
		return string(body)
	}
	t.Run("it tells what its workers do, and how far the migration has come", func(t *testing.T) {
		told := ask("/metrics")
		for _, want := range []string{
			`rehome_rows_total{migration="letters",outcome="written",table="app.users"} 12`, `rehome_progress_users{migration="letters",state="migrated"} 12`,
			`rehome_build_info{go_version=`, `rehome_slots{migration="letters"} 1`, `rehome_nats_connected 1`, `rehome_migration_state{migration="letters",state="`,
		} {
			if !strings.Contains(told, want) {
				t.Errorf("there is no %s in\n%s", want, told)
			}
		}
	})
	t.Run("and it is alive and ready", func(t *testing.T) {
		if got := ask("/healthz") + ask("/readyz") + ask("/version"); !strings.Contains(got, `"ready":true`) || !strings.Contains(got, `"program":"producer"`) {
			t.Error(got)
		}
	})
	p.Release()
	if exit := p.Wait(l.ctx); exit != 0 {
		t.Errorf("the run ends with %d:\n%s%s", exit, p.Stdout(), p.Stderr())
	}
	t.Run("what is collected last is how it has ended", func(t *testing.T) {
		told := sink.Values()
		for _, one := range []string{"migration.state{migration=letters,state=finished}", "verdict{migration=letters,verdict=clean}"} {
			if told["producer rehome."+one] != 1 {
				t.Errorf("there is no %s in %v", one, told)
			}
		}
		if read := told["producer rehome.rows.read{migration=letters}"]; read < 12 {
			t.Errorf("%g rows were read", read)
		}
		if _, there := told["producer rehome.slots{migration=letters}"]; there {
			t.Error("a worker that has ended tells its slots")
		}
	})
}
