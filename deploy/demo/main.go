// Command demo shows the whole job on one machine: it starts a private MariaDB and a private PostgreSQL on loopback, fills the first
// with a generated community, and has producer migrate it into the second. All that it started is gone when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"rehome/pkg/report"
	"rehome/pkg/sandbox"
	"rehome/pkg/sandbox/community"
	"rehome/pkg/settings"
)

func main() {
	producer := flag.String("producer", "bin/producer", "path of the producer program")
	users := flag.Int("users", 100_000, "number of users of the generated community")
	seed := flag.Uint64("seed", 1, "seed of the generated community")
	flag.Parse()
	ctx, stop := settings.Context()
	err := settings.Interrupted(ctx, run(ctx, *producer, community.Options{Users: *users, Seed: *seed}))
	stop()
	code := settings.ExitCode(err)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Exited() {
		code = exit.ExitCode()
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, producer string, o community.Options) (err error) {
	producer, err = filepath.Abs(producer)
	if err != nil {
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
	step("producer run -f migration.yaml")
	command := exec.CommandContext(ctx, producer, "run", "-f", mapping)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	command.Dir, command.Stdout, command.Stderr = dir, os.Stdout, os.Stderr
	command.Env = append(os.Environ(), "LEGACY_DSN="+from, "TARGET_DSN="+to, "NATS_URL=")
	return command.Run()
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
