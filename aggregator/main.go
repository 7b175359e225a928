// Command aggregator collects the workers' receipts, and tells from the ledger how far a migration has come and what its verdict is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"rehome/pkg/ledger"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := settings.Context()
	err := settings.Interrupted(ctx, run(ctx))
	stop()
	if status := (*settings.Status)(nil); err != nil && (!errors.As(err, &status) || status.Err != nil) {
		fmt.Fprintln(os.Stderr, "aggregator:", telemetry.Redact(err))
	}
	os.Exit(settings.ExitCode(err))
}

func run(ctx context.Context) error {
	t, err := telemetry.Start(ctx, "aggregator", version)
	if err != nil {
		return settings.WithExit(settings.ExitSettings, err)
	}
	defer func() { _ = t.Close(ctx) }() // spans that cannot be sent are no reason to fail
	root := collectCommand(t)
	root.AddCommand(watchCommand(), reportCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	return root.ExecuteContext(ctx)
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return settings.WithExit(settings.ExitSettings, err)
}

// bind adds the settings' flags to a command.
func bind(c *cobra.Command, s *settings.Settings) *cobra.Command {
	c.Args = func(c *cobra.Command, args []string) error { return usage(cobra.NoArgs(c, args)) }
	s.Bind(c.Flags())
	return c
}

// open connects to the ledger. The caller closes the pool.
func open(ctx context.Context, s *settings.Settings) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	config.MaxConns = 4
	return target.Pool(ctx, config, "aggregator")
}

// one returns the name of the migration to report on: the given one, or the only one of the ledger.
func one(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", fmt.Errorf("connect to the target database: %w", err)
	}
	err = ledger.CheckVersion(ctx, conn.Conn())
	conn.Release()
	if err != nil || name != "" {
		return name, err
	}
	migrations, err := ledger.Open(pool).Migrations(ctx)
	switch {
	case err != nil:
		return "", err
	case len(migrations) == 1:
		return migrations[0].Name, nil
	case len(migrations) == 0:
		return "", errors.New("the ledger of this target has no migration: producer run plans one")
	}
	return "", settings.WithExit(settings.ExitSettings, errors.New("the ledger has several migrations: say which with --migration or REHOME_MIGRATION"))
}
