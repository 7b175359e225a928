package deploy

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

func readCompose(t *testing.T) (*types.Project, []byte) {
	t.Helper()
	source, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	project, err := compose(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return project, source
}

func TestCompose(t *testing.T) {
	t.Parallel()
	project, source := readCompose(t)
	t.Run("has the three programs, what they need, and a sample", func(t *testing.T) {
		want := []string{"aggregator", "collector", "grafana", "jaeger", "mysql", "nats", "population", "postgres", "producer", "prometheus", "sample", "worker"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(project.Services))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("starts workers and aggregator alone where nothing else is asked for", func(t *testing.T) {
		var got []string
		for name, service := range project.Services {
			if service.Build != nil && len(service.Profiles) == 0 {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"aggregator", "worker"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("checks the health of all that can tell it", func(t *testing.T) {
		for name, service := range project.Services {
			ends := slices.Contains([]string{"producer", "population", "sample"}, name)
			if has := service.HealthCheck != nil && len(service.HealthCheck.Test) > 0; has == (ends || name == "collector") {
				t.Errorf("%s has a health check: %t", name, has)
			}
		}
	})
	t.Run("migrates the sample after it is there", func(t *testing.T) {
		if got := project.Services["sample"].DependsOn["population"].Condition; got != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("the sample's run starts when population is %q", got)
		}
	})
	t.Run("holds together", func(t *testing.T) {
		if faults := composeFaults(t, source); len(faults) > 0 {
			t.Error(strings.Join(faults, "\n"))
		}
	})
	refusedAll(t, source, composeFaults, []mutant{
		{"a key of no meaning", "healthcheck:", "healthchek:", "healthchek"},
		{"a condition that there is not", "mysql: {condition: service_healthy}", "mysql: {condition: service_helthy}", "depends_on.mysql.condition"},
		{"a service that is not there", "      jaeger: {condition", "      jager: {condition", "jager"},
		{"a port for everybody", `"127.0.0.1:5432:5432"`, `"5432:5432"`, "other machines reach"},
		{"a worker with a port", "    entrypoint: [worker]", "    entrypoint: [worker]\n    ports: [\"127.0.0.1:8081:8081\"]", "there can be only one"},
		{"a worker with a name", "    entrypoint: [worker]", "    entrypoint: [worker]\n    container_name: worker", "there can be only one"},
		{"any version of an image", "image: postgres:17.10", "image: postgres", "has no minor version"},
		{"a server that nobody waits for", "    nats: {condition: service_healthy}\n", "", `it starts when nats is ""`},
		{"a program that may write", "  read_only: true\n  cap_drop", "  cap_drop", "not confined"},
		{"a file that is not there", "deploy/otel/collector.yaml", "deploy/otel/colector.yaml", "colector.yaml"},
		{"a text where only a file can be", "file: deploy/compose/nats.conf", "content: 'port: 4222'", "is no file"},
		{"a worker that is killed while it stops", "stop_grace_period: 45s", "stop_grace_period: 35s", "it is killed before"},
		{"a time that is none", "REHOME_GRACE: 30s", "REHOME_GRACE: 30", "REHOME_GRACE"},
		{"a variable that no program reads", "REHOME_GRACE: 30s", "REHOME_GRACES: 30s", "REHOME_GRACES"},
		{"a variable that another program reads", "REHOME_GRACE: 30s", "NATS_REPLICAS: 3", "worker does not read NATS_REPLICAS"},
		{"a program that the image does not have", "entrypoint: [population]", "entrypoint: [populate]", "populate"},
		{"a command that the program does not have", "command: [run]", "command: [go]", "go"},
		{"a health check that the image does not have", "test: [CMD, probe]", "test: [CMD, curl, localhost]", "curl"},
		{"a probe that cannot find its program", "  REHOME_HEALTH: 0.0.0.0:8081 #", "  # ", "REHOME_HEALTH"},
	})
}
