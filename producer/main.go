// Command producer checks, plans and runs the migration of a population of users: it splits the legacy keyspace into shards,
// publishes them for the workers, ends the load and comes to the verdict. Without NATS_URL it carries queue, workers and
// aggregator in its own process.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"rehome/pkg/mapping"
	"rehome/pkg/producer"
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
		fmt.Fprintln(os.Stderr, "producer:", telemetry.Redact(err))
	}
	os.Exit(settings.ExitCode(err))
}

func run(ctx context.Context) error {
	t, err := telemetry.Start(ctx, "producer", version)
	if err != nil {
		return settings.WithExit(settings.ExitSettings, err)
	}
	defer func() { _ = t.Close(ctx) }() // spans that cannot be sent are no reason to fail
	root := &cobra.Command{
		Use: "producer", Short: "check, plan and run the migration of a population of users", Version: version,
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return settings.WithExit(settings.ExitSettings, err) })
	root.AddCommand(checkCommand(t), planCommand(t), runCommand(t), finishCommand(t), resetCommand(t), schemaCommand())
	command, err := root.ExecuteContextC(ctx)
	return exitOf(command, err)
}

// exitOf gives an error the exit status that is promised for its kind.
func exitOf(command *cobra.Command, err error) error {
	status := (*settings.Status)(nil)
	faults := mapping.Faults(nil)
	refusal := (*producer.Refusal)(nil)
	stopped := (*producer.Stopped)(nil)
	switch {
	case err == nil || errors.As(err, &status):
		return err
	case errors.As(err, &faults):
		return settings.WithExit(settings.ExitSettings, err)
	case errors.As(err, &refusal):
		return settings.WithExit(settings.ExitRefused, err)
	case errors.As(err, &stopped):
		return settings.WithExit(settings.ExitStopped, err)
	case !command.Runnable() || command.Flags().Parsed() && command.Context() == nil:
		return settings.WithExit(settings.ExitSettings, err)
	}
	return err
}
