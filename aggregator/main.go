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
	if _, interrupted := errors.AsType[*settings.Interrupt](err); interrupted {
		fmt.Fprintln(os.Stderr, "aggregator: stopped by a signal; nothing is half-written, and the same command goes on")
	} else if status := (*settings.Status)(nil); err != nil && (!errors.As(err, &status) || status.Err != nil) {
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
	root.AddCommand(watchCommand(), reportCommand(), auditCommand(t), explainCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !started { // a command, a flag or an argument that there is not
		return settings.WithExit(settings.ExitSettings, fmt.Errorf("%w; see %s --help", err, command.CommandPath()))
	}
	return err
}

// bind adds the settings' flags to a command.
func bind(c *cobra.Command, s *settings.Settings) *cobra.Command {
	c.Args = cobra.NoArgs
	s.Bind(c.Flags())
	return c
}

// open connects to the ledger. The caller closes the pool.
func open(ctx context.Context, s *settings.Settings) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	return openPool(ctx, config, 8)
}

func openPool(ctx context.Context, config *pgxpool.Config, sessions int32) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.MaxConns = sessions
	return target.Pool(ctx, config, "aggregator")
}

// one returns the name of the migration to report on: the given one, or the only one of the ledger.
func one(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	name, err := ledger.Choose(ctx, pool, name)
	if choice := (*ledger.ChoiceError)(nil); errors.As(err, &choice) {
		return "", settings.WithExit(settings.ExitSettings, err)
	}
	return name, err
}
