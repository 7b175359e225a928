// Package deploy holds what a deployment is made of, and the proof that it hangs together. It has no code of its own.
package deploy

import (
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
)

// load reads docker-compose.yml as docker compose does: its schema, its references and what is merged into its services.
func load(t *testing.T) *types.Project {
	t.Helper()
	top, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{filepath.Join(top, "docker-compose.yml")},
		cli.WithWorkingDirectory(top), cli.WithProfiles([]string{"*"}), cli.WithoutEnvironmentResolution)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose(t *testing.T) {
	project := load(t)
	t.Run("has the three programs, both databases, NATS and Jaeger", func(t *testing.T) {
		want := []string{"aggregator", "jaeger", "mysql", "nats", "postgres", "producer", "worker"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(project.Services))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("binds ports to loopback alone", func(t *testing.T) {
		for name, service := range project.Services {
			for _, port := range service.Ports {
				if ip, err := netip.ParseAddr(port.HostIP); err != nil || !ip.IsLoopback() {
					t.Errorf("%s: port %d is published on %q", name, port.Target, port.HostIP)
				}
			}
		}
	})
	t.Run("lets workers scale", func(t *testing.T) {
		worker := project.Services["worker"]
		if worker.ContainerName != "" || len(worker.Ports) != 0 {
			t.Errorf("the worker has the name %q and the ports %v", worker.ContainerName, worker.Ports)
		}
	})
	t.Run("starts no program before its servers are healthy", func(t *testing.T) {
		for _, name := range []string{"producer", "worker", "aggregator"} {
			for _, server := range []string{"mysql", "postgres", "nats"} {
				if got := project.Services[name].DependsOn[server].Condition; got != types.ServiceConditionHealthy {
					t.Errorf("%s starts when %s is %q", name, server, got)
				}
			}
		}
	})
	t.Run("asks every server that is waited for how it is", func(t *testing.T) {
		for _, name := range []string{"mysql", "postgres", "nats", "worker", "aggregator"} {
			if check := project.Services[name].HealthCheck; check == nil || len(check.Test) == 0 {
				t.Errorf("%s has no health check", name)
			}
		}
	})
}
