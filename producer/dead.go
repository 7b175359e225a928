package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rehome/pkg/producer"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

func deadCommand(t *telemetry.Telemetry) *cobra.Command {
	c := &cobra.Command{
		Use:   "dead",
		Short: "the dead letters: shards that are out of attempts, and wait for a person",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return settings.WithExit(settings.ExitSettings, errors.New("say what to do: list, show, republish or discard; see producer dead --help"))
		},
	}
	c.AddCommand(deadListCommand(t), deadShowCommand(t), deadRepublishCommand(t), deadDiscardCommand(t))
	return c
}

func deadListCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.TargetDSN, settings.MigrationName, settings.OutputForm)
	var cause string
	c := bind(&cobra.Command{
		Use: "list", Short: "list them by their causes",
		RunE: func(c *cobra.Command, _ []string) error {
			return onLedger(c, s, t, nil, func(d *desk) error {
				list, err := d.dead(t).List(c.Context(), cause)
				if err != nil {
					return err
				}
				return write(c.OutOrStdout(), s, list, func(w io.Writer) error { return deadText(w, list) })
			})
		},
	}, s)
	c.Flags().StringVar(&cause, "cause", "", "only those of this cause")
	return c
}

func deadShowCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.MigrationName, settings.OutputForm)
	c := bind(&cobra.Command{
		Use: "show ID", Short: "show all that is known of one of them, and what the legacy database has of it by now",
		RunE: func(c *cobra.Command, args []string) error {
			return onLedger(c, s, t, wantsLegacy(s, "the legacy database is asked what it has of the shard by now"), func(d *desk) error {
				shown, err := d.dead(t).Show(c.Context(), args[0])
				if err != nil {
					return wrongID(err)
				}
				return write(c.OutOrStdout(), s, shown, func(w io.Writer) error { return deadShowText(w, shown) })
			})
		},
	}, s)
	c.Args = oneID
	return c
}

// oneID refuses any number of IDs but one.
func oneID(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return errors.New("no ID is given: name one dead shard as producer dead list prints them")
	}
	return fmt.Errorf("%d IDs are given, and one is taken at a time", len(args))
}

func deadRepublishCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.NATSURL, settings.MigrationName, settings.OutputForm).WithNATS()
	var which producer.Selection
	var force bool
	c := bind(&cobra.Command{
		Use: "republish [ID...]", Short: "have them tried again, those that are named, of a cause, or all",
		Long: "republish gives shards another life: those with the IDs, those of a cause, or all that are dead; a discarded one by its ID.\n\n" +
			"One that would meet just what it died of is refused, unless --force: the same mapping, version, legacy data and schema, and the same tables, constraints, triggers and " +
			"functions of the target. The command ends with 6 if any was refused, and with 0 otherwise, also for those that are not dead any more. What it does is in the ledger " +
			"at once; without a queue, or when the load has ended, the next producer run publishes it.",
		RunE: func(c *cobra.Command, args []string) error {
			which.IDs = args
			refuse := func() settings.Faults { return append(oneSelection(which), wantsLegacy(s, deadCompared)()...) }
			if force {
				refuse = func() settings.Faults { return oneSelection(which) }
			}
			return onLedger(c, s, t, refuse, func(d *desk) error {
				letters := d.dead(t)
				if conn := d.queue(c.Context(), s, t); conn != nil {
					defer conn.Close()
					letters.Queue = conn
				}
				done, err := letters.Republish(c.Context(), which, force)
				if done != nil {
					err = errors.Join(wrongID(err), write(c.OutOrStdout(), s, done, func(w io.Writer) error { return republishedText(w, done) }))
				}
				if err == nil && done.Refused() > 0 {
					return settings.WithExit(settings.ExitRefused, nil)
				}
				return wrongID(err)
			})
		},
	}, s)
	c.Args = cobra.ArbitraryArgs
	c.Flags().StringVar(&which.Cause, "cause", "", "all of this cause")
	c.Flags().BoolVar(&which.All, "all", false, "all that are dead")
	c.Flags().BoolVar(&force, "force", false, "also those for which nothing has changed since they died")
	return c
}

const deadCompared = "it is asked whether anything has changed since the shards died; or say --force"

// oneSelection refuses to guess which shards are meant.
func oneSelection(which producer.Selection) settings.Faults {
	given := 0
	for _, is := range []bool{len(which.IDs) > 0, which.Cause != "", which.All} {
		if is {
			given++
		}
	}
	switch given {
	case 1:
		return nil
	case 0:
		return settings.Faults{{Name: "ID", Problem: "is not given; name shards as producer dead list prints them, or say --cause CAUSE or --all"}}
	}
	return settings.Faults{{Name: "ID", Problem: "and --cause and --all exclude one another; give one of them"}}
}

func deadDiscardCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.NATSURL, settings.MigrationName, settings.OutputForm).WithNATS()
	var reason string
	c := bind(&cobra.Command{
		Use: "discard ID --reason TEXT", Short: "let one of them go: its users and rows are left out, for a reason that the report carries",
		RunE: func(c *cobra.Command, args []string) error {
			refuse := func() settings.Faults {
				return append(withReason(reason), wantsLegacy(s, "what is left out is counted there")()...)
			}
			return onLedger(c, s, t, refuse, func(d *desk) error {
				letters := d.dead(t)
				if conn := d.queue(c.Context(), s, t); conn != nil {
					defer conn.Close()
					letters.Queue = conn
				}
				gone, err := letters.Discard(c.Context(), args[0], reason)
				if err != nil {
					return wrongID(err)
				}
				return write(c.OutOrStdout(), s, gone, func(w io.Writer) error { return discardedText(w, gone) })
			})
		},
	}, s)
	c.Args = oneID
	c.Flags().StringVar(&reason, "reason", "", "why; the report carries it, so name nobody in it")
	return c
}

// longestReason is how many bytes a reason may have: the report shows it on a line.
const longestReason = 500

func withReason(reason string) settings.Faults {
	switch {
	case strings.TrimSpace(reason) == "":
		return settings.Faults{{Name: "--reason", Problem: "is not given; the report carries why the shard was let go"}}
	case len(reason) > longestReason:
		return settings.Faults{{Name: "--reason", Problem: "is longer than 500 bytes"}}
	}
	return nil
}

// wantsLegacy refuses settings without the legacy database.
func wantsLegacy(s *settings.Settings, why string) func() settings.Faults {
	return func() settings.Faults {
		if s.Legacy != nil {
			return nil
		}
		return settings.Faults{{Name: "LEGACY_DSN", Problem: "is not set; " + why}}
	}
}

// wrongID gives an ID that is none the status of a wrong setting.
func wrongID(err error) error {
	if id := (*producer.IDError)(nil); errors.As(err, &id) {
		return settings.WithExit(settings.ExitSettings, err)
	}
	return err
}

func (d *desk) dead(t *telemetry.Telemetry) *producer.DeadLetters {
	return &producer.DeadLetters{Migration: d.name, Pool: d.pool, Legacy: d.legacy, Log: t.Log, Version: version, By: settings.Operator()}
}

// write writes a listing in the form that was asked for.
func write(w io.Writer, s *settings.Settings, listing any, text func(io.Writer) error) error {
	if s.Output != "json" {
		return text(w)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(listing)
}
