// Package programs runs rehome's real programs as processes of a test: built once, with pause points, each in a working
// directory and an environment that the test gives it, and dead when the test is over. It starts no database; those come
// from package sandbox.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"rehome/pkg/sandbox"
)

// The programs that Start knows.
const (
	Producer   = "producer"
	Worker     = "worker"
	Aggregator = "aggregator"
)

// built is where the programs of this test process are, or why there are none.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Build compiles the programs with the tag pausepoints, once for all tests of the process, and returns the directory that
// holds them; sandbox.Main removes it. Start calls it: a test does so itself only to keep the compilation out of a time
// limit or a measurement.
func Build(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(sandbox.Directory(t), "programs")
	built.once.Do(func() { built.dir, built.err = dir, compile(t.Context(), dir) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func compile(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for the programs: %w", err)
	}
	command := exec.CommandContext(ctx, "go", "build", "-tags", "pausepoints", "-o", dir+string(filepath.Separator),
		"rehome/"+Producer, "rehome/"+Worker, "rehome/"+Aggregator)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, output)
	}
	return nil
}

// A Dir is a working directory that several processes of one test use, as an operator's would: an embedded queue is found
// again in the Dir that it was started in.
type Dir string

// NewDir makes an empty Dir that is removed when t ends.
func NewDir(t testing.TB) Dir {
	t.Helper()
	return Dir(t.TempDir())
}

// Write writes a file, migration.yaml for one, into the Dir and returns its path.
func (d Dir) Write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(string(d), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write a file for the programs: %v", err)
	}
	return path
}

// Start starts a program in a Dir of its own. See Dir.Start.
func Start(t testing.TB, program string, env []string, args ...string) *Process {
	t.Helper()
	return NewDir(t).Start(t, program, env, args...)
}
