// Command demo shows the whole job on one machine: it starts a private MariaDB and a private PostgreSQL on loopback, fills the first
// with a generated community, and has producer migrate it into the second, while aggregator shows it on its dashboard. All that it started is gone when it ends.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/settings"
)

func main() {
	var d demo
	flag.StringVar(&d.producer, "producer", "bin/producer", "path of the producer program")
	flag.StringVar(&d.aggregator, "aggregator", "bin/aggregator", "path of the aggregator program, whose dashboard shows the run")
	flag.BoolVar(&d.stay, "stay", false, "keep databases and dashboard until Ctrl-C")
	users := flag.Int("users", 100_000, "number of users of the generated community")
	seed := flag.Uint64("seed", 1, "seed of the generated community")
	flag.Parse()
	ctx, stop := settings.Context()
	err := settings.Interrupted(ctx, d.run(ctx, community.Options{Users: *users, Seed: *seed}))
	stop()
	code := settings.ExitCode(err)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		code = exit.ExitCode()
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(code)
}

// A demo has what it is told on the command line.
type demo struct {
	producer, aggregator string
	stay                 bool
}

func (d *demo) run(ctx context.Context, o community.Options) (err error) {
	if d.producer, err = filepath.Abs(d.producer); err != nil {
		return err
	}
	if err := sandbox.Install(ctx, os.Stderr); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rehome-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	step("starting a private MariaDB and a private PostgreSQL on loopback")
	servers, err := sandbox.Start(ctx, sandbox.Options{BufferPool: 512})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	from, to := servers.LegacyDSN("community"), servers.TargetDSN("app")
	if err := prepare(ctx, servers, from, to, o); err != nil {
		return err
	}
	mapping := filepath.Join(dir, "migration.yaml")
	if err := os.WriteFile(mapping, community.Mapping(), 0o600); err != nil {
		return fmt.Errorf("write the demo's mapping: %w", err)
	}
	environment := append(os.Environ(), "LEGACY_DSN="+from, "TARGET_DSN="+to, "NATS_URL=")
	step("aggregator, for its dashboard")
	pages := program(ctx, d.aggregator)
	pages.Env, pages.Stderr = environment, &address{}
	if err := pages.Start(); err != nil {
		return fmt.Errorf("start the aggregator: %w", err)
	}
	defer func() {
		_ = pages.Process.Signal(syscall.SIGTERM) // it has ended, or does so now
		_ = pages.Wait()                          // how it ends is no matter of the migration
	}()
	step("producer run -f migration.yaml")
	command := program(ctx, d.producer, "run", "-f", mapping)
	command.Dir, command.Stdout, command.Stderr, command.Env = dir, os.Stdout, os.Stderr, environment
	err = command.Run()
	if d.stay && ctx.Err() == nil {
		step("databases and dashboard stay until Ctrl-C; for other terminals:")
		fmt.Fprintf(os.Stderr, "export LEGACY_DSN='%s' TARGET_DSN='%s'; cd %s\n", from, to, dir)
		<-ctx.Done()
	}
	return err
}

// program is a command that is asked to end when ctx does.
func program(ctx context.Context, path string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	return command
}

// An address shows the one line of an aggregator's that tells where its dashboard is: the producer tells the rest.
type address struct{ line []byte }

func (a *address) Write(text []byte) (int, error) {
	for _, b := range text {
		if a.line = append(a.line, b); b != '\n' {
			continue
		}
		if where, found := bytes.CutPrefix(a.line, []byte("dashboard: ")); found {
			step("dashboard: " + strings.TrimSpace(string(where)))
		}
		a.line = a.line[:0]
	}
	return len(text), nil
}

// prepare makes both databases, fills the legacy one and gives the target its schema.
func prepare(ctx context.Context, servers *sandbox.Sandbox, from, to string, o community.Options) error {
	if err := servers.Create(ctx, "community", "app"); err != nil {
		return err
	}
	step(fmt.Sprintf("generating a legacy community of %s users", report.Number(int64(o.Users))))
	facts, err := community.Generate(ctx, from, o)
	if err != nil {
		return err
	}
	step(fmt.Sprintf("%s rows generated, with all the oddities of a real one", report.Number(facts.Rows())))
	return community.CreateSchema(ctx, to)
}

func step(what string) { fmt.Fprintf(os.Stderr, "==> %s\n", what) }
