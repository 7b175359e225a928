package deploy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome/pkg/telemetry"
)

// invocation is how a container starts one of the image's programs.
type invocation struct {
	command   []string // the program's name and its arguments
	variables []string // names of the environment
	shared    []string // names that came from what all programs are given
}

// others are the variables that a program takes without telling so in its help: Go's own, OpenTelemetry's.
var others = []string{
	"GOMEMLIMIT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRICS_EXPORTER", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER",
	"OTEL_TRACES_SAMPLER_ARG",
}

// ownVariables are those of the programs whose help does not tell them.
var ownVariables = map[string][]string{"population": {"LEGACY_DSN", "TARGET_DSN"}, "probe": {"REHOME_HEALTH"}}

// byHand are the commands that are typed in place of those that a container starts with.
var byHand = map[string][]string{"producer": {"run"}, "aggregator": {"audit", "explain"}}

// faults returns what is wrong with the way in which a program is started, as the program itself sees it.
func (i invocation) faults(t *testing.T) (faults []string) {
	name, args := i.command[0], i.command[1:]
	if _, err := os.Stat(filepath.Join(binaries(t), name)); err != nil {
		return []string{"the image has no program " + name}
	}
	help, err := helpOf(t, name, args)
	if err != nil {
		return []string{fmt.Sprintf("%s does not take %q: %v", name, args, err)}
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && !strings.Contains(help, name+" "+args[0]) {
		return []string{fmt.Sprintf("%s has no command %s", name, args[0])}
	}
	known := slices.Concat(others, ownVariables[name], namedIn(help), readBy(t, name))
	for _, variable := range i.variables {
		if !slices.Contains(known, variable) && !slices.Contains(known, strings.TrimSuffix(variable, "_FILE")) {
			faults = append(faults, fmt.Sprintf("%s does not read %s", name, variable))
		}
	}
	known = slices.Concat(others, readBy(t, "producer"), readBy(t, "worker"), readBy(t, "aggregator"))
	for _, variable := range i.shared {
		if !slices.Contains(known, variable) {
			faults = append(faults, "no program reads "+variable)
		}
	}
	return faults
}

// readBy returns the variables that a program reads when it is started without a command, or with one of those that are typed.
func readBy(t *testing.T, name string) (variables []string) {
	if ownVariables[name] != nil {
		return nil
	}
	for _, command := range append(byHand[name], "") {
		help, err := helpOf(t, name, strings.Fields(command))
		if err != nil {
			t.Fatal(err)
		}
		variables = append(variables, namedIn(help)...)
	}
	return variables
}

// namedIn returns the variables that a program's help names.
func namedIn(help string) (variables []string) {
	for _, found := range inBrackets.FindAllStringSubmatch(help, -1) {
		variables = append(variables, found[1])
	}
	return variables
}

// probeFaults returns what is wrong with a health check that runs in the container of i.
func (i invocation) probeFaults(t *testing.T, command []string) (faults []string) {
	if len(command) == 0 || command[0] != "probe" {
		return []string{fmt.Sprintf("the image cannot run %q: a health check is made by probe", command)}
	}
	if !slices.Contains(i.variables, "REHOME_HEALTH") {
		faults = append(faults, "probe finds nobody to ask without REHOME_HEALTH")
	}
	for _, path := range command[1:] {
		faults = append(faults, pathFaults(path)...)
	}
	return faults
}

// pathFaults asks the programs' own handler for path.
func pathFaults(path string) []string {
	w := httptest.NewRecorder()
	telemetry.NewHealth("worker", "test").Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	if w.Code != http.StatusOK {
		return []string{fmt.Sprintf("a program answers %s with %d", path, w.Code)}
	}
	return nil
}

// inBrackets finds the variables in a program's help.
var inBrackets = regexp.MustCompile(`\[([A-Z][A-Z0-9_]+)\]`)

// helps holds what programs have said, by their command lines.
var helps sync.Map

// helpOf returns what a program says when it is asked for help after args, which it has to understand for that.
func helpOf(t *testing.T, name string, args []string) (string, error) {
	line := append([]string{filepath.Join(binaries(t), name)}, args...)
	line = append(line, "--help")
	if told, has := helps.Load(strings.Join(line, " ")); has {
		return told.(string), nil
	}
	output, err := exec.CommandContext(t.Context(), line[0], line[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, strings.TrimSpace(string(output)))
	}
	helps.Store(strings.Join(line, " "), string(output))
	return string(output), nil
}
