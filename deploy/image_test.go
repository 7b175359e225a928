package deploy

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"rehome/pkg/sandbox"
)

func TestImage(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	files, err := buildContext("..")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("can be built by what its Dockerfile says", func(t *testing.T) {
		if faults := imageFaults(source, files); len(faults) > 0 {
			t.Error(strings.Join(faults, "\n"))
		}
	})
	t.Run("is not made of what is no part of it", func(t *testing.T) {
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, ".") || strings.HasSuffix(file, ".md") {
				t.Errorf("%s would be sent to the builder", file)
			}
		}
	})
	refusedAll(t, source, func(_ *testing.T, text []byte) []string { return imageFaults(text, files) }, []mutant{
		{"an instruction of no meaning", "WORKDIR /src", "WORKDRI /src", "unknown instruction"},
		{"an image without a version", "golang:${GO_VERSION}-bookworm", "golang:latest", "golang:latest names no version"},
		{"a file that is not there", "COPY go.mod go.sum ./", "COPY go.mod go.summ ./", "go.summ"},
		{"a stage that is not there", "--from=build /out/", "--from=bild /out/", "bild"},
		{"the rights of root", "USER 65532:65532", "USER 0:0", "not a number above 0"},
		{"a user by name", "USER 65532:65532", "USER nonroot", "not a number above 0"},
		{"no user", "USER 65532:65532\n", "", "the image's user is none"},
		{"a command that needs a shell", "USER 65532:65532", "RUN true\nUSER 65532:65532", "has no shell"},
		{"what its linter warns of", "bookworm AS build", "bookworm as build", "FromAsCasing"},
	})
}

// refusedAll wants faults to find what each of the mutants has made of source.
func refusedAll(t *testing.T, source []byte, faults func(*testing.T, []byte) []string, mutants []mutant) {
	for _, m := range mutants {
		t.Run("is refused with "+m.name, func(t *testing.T) {
			refused(t, source, m, func(text []byte) []string { return faults(t, text) })
		})
	}
}

// refused wants faults to find what m has made of source.
func refused(t *testing.T, source []byte, m mutant, faults func([]byte) []string) {
	t.Helper()
	if !strings.Contains(string(source), m.old) {
		t.Fatalf("there is no %q to be changed", m.old)
	}
	got := strings.Join(faults([]byte(strings.Replace(string(source), m.old, m.new, 1))), "\n")
	if !strings.Contains(got, m.want) {
		t.Errorf("faults:\n%s\nwant one with %q", got, m.want)
	}
}

func TestImageBinaries(t *testing.T) {
	t.Parallel()
	dir := binaries(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string{"aggregator", "population", "probe", "producer", "worker"}, names); diff != "" {
		t.Errorf("the image's programs (-want +got):\n%s", diff)
	}
	for _, name := range names {
		t.Run(name+" needs no library", func(t *testing.T) {
			file, err := elf.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			libraries, err := file.ImportedLibraries()
			if err != nil || len(libraries) > 0 {
				t.Errorf("libraries %v, error %v", libraries, err)
			}
			if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
				t.Error("it is linked dynamically")
			}
		})
	}
	for _, name := range []string{"producer", "worker", "aggregator"} {
		t.Run(name+" knows its version", func(t *testing.T) {
			output, err := exec.CommandContext(t.Context(), filepath.Join(dir, name), "--version").Output()
			if err != nil || !strings.Contains(string(output), imageVersion) {
				t.Errorf("--version says %q, error %v", output, err)
			}
		})
	}
}

const imageVersion = "v1.2.3-image"

// built is where the image's programs are, or why there are none.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// binaries builds the image's programs by the very line of the Dockerfile, out of nothing but what the builder would be sent, and
// returns the directory that holds them.
func binaries(t *testing.T) string {
	t.Helper()
	room := sandbox.Directory(t)
	built.once.Do(func() { built.dir, built.err = buildImage(room) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func buildImage(room string) (string, error) {
	line, err := buildLine("Dockerfile")
	if err != nil {
		return "", err
	}
	files, err := buildContext("..")
	if err != nil {
		return "", err
	}
	out, src := filepath.Join(room, "out"), filepath.Join(room, "src")
	for _, name := range files {
		if err := carry(filepath.Join("..", name), filepath.Join(src, name)); err != nil {
			return "", err
		}
	}
	command := exec.Command("sh", "-c", strings.ReplaceAll(line, "/out/", out+"/"))
	command.Dir = src
	command.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION="+imageVersion, "CGO_ENABLED=1")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build as the Dockerfile does: %w\n%s", err, output)
	}
	return out, nil
}

// buildLine returns the command by which a Dockerfile builds the programs.
func buildLine(file string) (string, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	d, err := parseDockerfile(source)
	if err != nil {
		return "", err
	}
	for _, command := range d.stages[0].Commands {
		if run, is := command.(*instructions.RunCommand); is && strings.Contains(run.CmdLine[0], "go build") {
			return run.CmdLine[0], nil
		}
	}
	return "", fmt.Errorf("%s has no line that builds", file)
}

func carry(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
