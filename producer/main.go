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
	over := context.AfterFunc(ctx, func() {
		fmt.Fprintln(os.Stderr, "\nproducer: stopping, which takes a few seconds; a second signal ends it at once")
	})
	err := settings.Interrupted(ctx, run(ctx))
	over()
	stop()
	complain(err)
	os.Exit(settings.ExitCode(err))
}

func run(ctx context.Context) error {
	t, err := telemetry.Start(ctx, "producer", version)
	if err != nil {
		return settings.WithExit(settings.ExitSettings, err)
	}
	defer func() { _ = t.Close(ctx) }() // spans that cannot be sent are no reason to fail
	started := false
	root := &cobra.Command{
		Use: "producer", Short: "check, plan and run the migration of a population of users", Version: version,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) { started = true },
		RunE:             func(*cobra.Command, []string) error { return settings.WithExit(settings.ExitSettings, errNoCommand) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(checkCommand(t), planCommand(t), runCommand(t), finishCommand(t), resetCommand(t), pauseCommand(t), resumeCommand(t),
		limitCommand(t), deadCommand(t), schemaCommand())
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !started { // a command, a flag or an argument that there is not
		return settings.WithExit(settings.ExitSettings, fmt.Errorf("%w; see %s --help", err, command.CommandPath()))
	}
	return withStatus(err)
}

var errNoCommand = errors.New("say what to do, as in producer run -f migration.yaml; see producer --help")

// withStatus gives an error the exit status that is promised for its kind. One that has its own keeps it.
func withStatus(err error) error {
	kinds := []struct {
		code int
		kind any
	}{
		{settings.ExitSettings, new(mapping.Faults)},
		{settings.ExitRefused, new(*producer.Refusal)},
		{settings.ExitStopped, new(*producer.Stopped)},
	}
	if _, has := errors.AsType[*settings.Status](err); has || err == nil {
		return err
	}
	for _, k := range kinds {
		if errors.As(err, k.kind) {
			return settings.WithExit(k.code, err)
		}
	}
	return err
}

// complain says what the command has ended with, unless a report has said it.
func complain(err error) {
	status, _ := errors.AsType[*settings.Status](err)
	faults, _ := errors.AsType[mapping.Faults](err)
	_, interrupted := errors.AsType[*settings.Interrupt](err)
	switch {
	case err == nil || status != nil && status.Err == nil:
	case len(faults) > 0: // as FILE:LINE:COLUMN: alone, for editors to jump to
		fmt.Fprintln(os.Stderr, faults)
		fmt.Fprintf(os.Stderr, "producer: the mapping is wrong (faults: %d); nothing was changed\n", len(faults))
		if others, _ := errors.AsType[settings.Faults](err); others != nil {
			fmt.Fprintln(os.Stderr, "producer:", others)
		}
	case interrupted:
		fmt.Fprintln(os.Stderr, "producer: stopped by a signal; nothing is half-written, and the next run goes on")
	default:
		fmt.Fprintln(os.Stderr, "producer:", telemetry.Redact(err))
	}
}
