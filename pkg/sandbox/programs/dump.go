package programs

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"rehome/pkg/sandbox"
)

// Dump returns what a target database holds, as text that is equal for equal contents: pg_dump's rows of every table outside
// of the schema rehome, in order of their text, and the positions of the sequences.
func Dump(t testing.TB, dsn string) string {
	t.Helper()
	text, err := dump(t.Context(), dsn)
	if err != nil {
		t.Fatalf("dump the target database: %v", err)
	}
	return text
}

func dump(ctx context.Context, dsn string) (string, error) {
	program, err := sandbox.PostgresProgram("pg_dump")
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, program, "--data-only", "--exclude-schema=rehome", "--dbname="+dsn)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("run %s: %w\n%s", program, err, stderr.Bytes())
	}
	return contents(stdout.String()), nil
}

// contents leaves out what pg_dump says of itself, a random key among it, and sorts the rows of each table.
func contents(script string) string {
	var out strings.Builder
	var rows []string
	inTable := false
	for line := range strings.Lines(script) {
		switch {
		case inTable && line == "\\.\n":
			slices.Sort(rows)
			out.WriteString(strings.Join(rows, ""))
			rows, inTable = rows[:0], false
		case inTable:
			rows = append(rows, line)
		case strings.HasPrefix(line, "COPY "):
			inTable = true
			out.WriteString(line)
		case strings.HasPrefix(line, "SELECT pg_catalog.setval("):
			out.WriteString(line)
		}
	}
	return out.String()
}
