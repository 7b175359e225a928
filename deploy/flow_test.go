package deploy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"rehome/pkg/sandbox"
)

// stage is where the services of docker-compose.yml that run our programs are played, as processes and not as containers: the same
// programs, arguments, variables and files, but other servers.
type stage struct {
	project *types.Project
	work    string            // stands for /work
	servers map[string]string // values of variables, in place of those that name a container
}

func newStage(t *testing.T, users string) *stage {
	t.Helper()
	_, source := readCompose(t)
	project, err := compose(t.Context(), source, "SAMPLE_USERS="+users)
	if err != nil {
		t.Fatal(err)
	}
	return &stage{project: project, work: t.TempDir(), servers: map[string]string{
		"LEGACY_DSN": sandbox.MariaDB(t), "TARGET_DSN": sandbox.Postgres(t), "NATS_URL": sandbox.NATS(t).URL(),
		"OTEL_EXPORTER_OTLP_ENDPOINT": "", "REHOME_HEALTH": "", "REHOME_LISTEN": "127.0.0.1:0",
	}}
}

// command is that of a service, or of one that is typed in its place.
func (s *stage) command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	service := s.project.Services[name]
	for _, volume := range service.Volumes {
		if name != "producer" { // whose file is the reader's
			if err := carry(volume.Source, filepath.Join(s.work, filepath.Base(volume.Target))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(args) == 0 {
		args = service.Command
	}
	return s.process(t, service, slices.Concat(service.Entrypoint, args))
}

func (s *stage) process(t *testing.T, service types.ServiceConfig, line []string) *exec.Cmd {
	command := exec.CommandContext(t.Context(), filepath.Join(binaries(t), line[0]), line[1:]...)
	command.Dir, command.Env = s.work, []string{"HOME=" + s.work, "PATH=/nowhere"}
	for variable, value := range service.Environment {
		text := *value
		if other, has := s.servers[variable]; has {
			text = other
		}
		command.Env = append(command.Env, variable+"="+text)
	}
	return command
}

// ends runs a command to its end, and wants that status and word.
func ends(t *testing.T, command *exec.Cmd, status int, word string) {
	t.Helper()
	output, err := command.CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := command.ProcessState.ExitCode(); got != status || !strings.Contains(string(output), word) {
		t.Fatalf("%s: exit status %d, want %d and the word %q; it says\n%s", command, got, status, word, output)
	}
}

// starts runs a command until the test ends, when it is told to stop and has to end clean.
func starts(t *testing.T, command *exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = time.Minute
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Wait() // which tells that the context has ended, and not how the program has
		if status := command.ProcessState.ExitCode(); status != 0 {
			t.Errorf("%s: exit status %d; it said\n%s", command, status, &said)
		}
	})
}

// healthy waits for a service's own health check.
func (s *stage) healthy(t *testing.T, name string) {
	t.Helper()
	service, deadline := s.project.Services[name], time.Now().Add(time.Minute)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		output, err := s.process(t, service, service.HealthCheck.Test[1:]).CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not healthy: %v\n%s", name, err, output)
		}
		<-tick.C
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	s := newStage(t, "400")
	var traces atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil && r.URL.Path == "/v1/traces" {
			traces.Add(1)
		}
	}))
	t.Cleanup(collector.Close)
	s.servers["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL

	ends(t, s.command(t, "population"), 0, "rows generated")
	ends(t, s.command(t, "population"), 0, "nothing to do")
	s.migration(t)
	ends(t, s.command(t, "producer", "check"), 0, "400 users")
	for _, name := range []string{"worker", "worker", "aggregator"} {
		s.servers["REHOME_HEALTH"] = sandbox.Address(t)
		starts(t, s.command(t, name))
		s.healthy(t, name)
	}
	s.servers["REHOME_HEALTH"] = sandbox.Address(t)
	ends(t, s.command(t, "sample"), 0, "CLEAN")
	ends(t, s.command(t, "aggregator", "report"), 0, "CLEAN")
	if traces.Load() == 0 {
		t.Error("no trace has come to the collector")
	}
	t.Run("fills no database that holds something else", func(t *testing.T) {
		again := newStage(t, "400")
		again.servers["LEGACY_DSN"] = s.servers["LEGACY_DSN"]
		ends(t, again.command(t, "population"), 6, "down --volumes")
	})
}

// migration puts the sample's mapping where a reader's stands.
func (s *stage) migration(t *testing.T) {
	t.Helper()
	if err := carry(s.project.Services["sample"].Volumes[0].Source, filepath.Join(s.work, "migration.yaml")); err != nil {
		t.Fatal(err)
	}
}
