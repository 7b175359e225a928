// Command worker takes shards of one migration from the queue, moves and verifies each in one transaction of the target, and answers
// for it, until it is told to stop. It needs no mapping file: the mapping comes from the ledger.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := settings.Context()
	err := settings.Interrupted(ctx, run(ctx))
	stop()
	if status := (*settings.Status)(nil); err != nil && (!errors.As(err, &status) || status.Err != nil) {
		fmt.Fprintln(os.Stderr, "worker:", telemetry.Redact(err))
	}
	os.Exit(settings.ExitCode(err))
}

func run(ctx context.Context) error {
	t, err := telemetry.Start(ctx, "worker", version)
	if err != nil {
		return settings.WithExit(settings.ExitSettings, err)
	}
	defer func() { _ = t.Close(ctx) }() // spans that cannot be sent are no reason to fail
	s := settings.New(settings.MigrationName, settings.SlotCount, settings.HealthOn, settings.GraceTime, settings.StrictRoles).WithNATS().
		Require(settings.LegacyDSN, settings.TargetDSN, settings.NATSURL)
	started := false
	command := &cobra.Command{
		Use: "worker", Short: "move and verify shards until told to stop", Version: version, SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			started = true
			if err := s.Load(nil); err != nil {
				return err
			}
			return settings.Asked(c.Context(), serve(c.Context(), s, t))
		},
	}
	s.Bind(command.Flags())
	err = command.ExecuteContext(ctx)
	if err != nil && !started { // a flag or an argument that there is not
		return settings.WithExit(settings.ExitSettings, fmt.Errorf("%w; see worker --help", err))
	}
	return err
}
