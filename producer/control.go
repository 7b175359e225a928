package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rehome/pkg/ledger"
	"rehome/pkg/producer"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// byOperator is the reason of a pause for which none is given.
const byOperator = "by the operator"

// longestPause is how many bytes a pause's reason may have: it stands in one line with other things.
const longestPause = 200

func pauseCommand(t *telemetry.Telemetry) *cobra.Command {
	s := controlSettings()
	var reason string
	var now bool
	c := bind(&cobra.Command{
		Use:   "pause",
		Short: "have the workers take no shard until producer resume",
		Long: "pause has the workers take no shard until producer resume, whatever is started or restarted meanwhile. Shards in work go on to their end, or are rolled back with --now. " +
			"It returns when all workers have seen it, or after two seconds.",
		RunE: func(c *cobra.Command, _ []string) error {
			refuse := func() settings.Faults {
				s.Legacy = nil // nobody needs it
				if c.Flags().Changed("reason") && strings.TrimSpace(reason) == "" {
					return settings.Faults{{Name: "--reason", Problem: "is empty; say why, or leave it out"}}
				}
				if len(reason) > longestPause {
					return settings.Faults{{Name: "--reason", Problem: "is longer than 200 bytes"}}
				}
				return nil
			}
			return onLedger(c, s, t, refuse, func(d *desk) error {
				steering, err := producer.Steer(c.Context(), ledger.Open(d.pool), d.name)
				if err != nil {
					return err
				}
				standing, err := steering.Look(c.Context())
				if err != nil {
					return err
				}
				if reason == "" && standing.Paused != nil {
					reason = standing.Paused.Reason // --now after all, and still for that reason
				}
				standing, err = steering.Pause(c.Context(), cmp.Or(reason, byOperator), now)
				if err != nil {
					return err
				}
				d.tellQueue(c.Context(), s, t, (*queue.Conn).Pause)
				return write(c.OutOrStdout(), s, standing, func(w io.Writer) error { return pausedText(w, standing) })
			})
		},
	}, s)
	c.Flags().BoolVar(&now, "now", false, "roll back the shards that are in work")
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever watches; without it that of the pause which holds already, if one does")
	return c
}

func resumeCommand(t *telemetry.Telemetry) *cobra.Command {
	s := controlSettings()
	return bind(&cobra.Command{
		Use: "resume", Short: "end a pause",
		RunE: func(c *cobra.Command, _ []string) error {
			refuse := func() settings.Faults {
				s.Legacy = nil // nobody needs it
				return nil
			}
			return onLedger(c, s, t, refuse, func(d *desk) error {
				steering, err := producer.Steer(c.Context(), ledger.Open(d.pool), d.name)
				if err != nil {
					return err
				}
				standing, was, err := steering.Resume(c.Context())
				if err != nil {
					return err
				}
				d.tellQueue(c.Context(), s, t, (*queue.Conn).Resume)
				return write(c.OutOrStdout(), s, standing, func(w io.Writer) error { return resumedText(w, standing, was) })
			})
		},
	}, s)
}

// controlSettings are those of a command that needs the ledger, and tells the queue if it is there.
func controlSettings() *settings.Settings {
	return settings.New(settings.MappingFile, settings.TargetDSN, settings.NATSURL, settings.MigrationName, settings.OutputForm).WithNATS()
}

// tellLimit bounds how long the queue is told something that the ledger holds already.
const tellLimit = 3 * time.Second

// tellQueue tells the queue, too, so that it hands out no tasks, or does again. What it does not take the ledger holds all the same, and the next sweep of a run repeats.
func (d *desk) tellQueue(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry, do func(*queue.Conn, context.Context, string) error) {
	if s.NATS == nil {
		return // the queue is in the process of a run, which sweeps it
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	conn, err := connect(ctx, s, t)
	if err == nil {
		err = do(conn, ctx, d.name)
		conn.Close()
	}
	if err != nil {
		t.Log.Log(ctx, slog.LevelWarn, "NATS could not be told; the ledger holds, and producer run tells NATS when it can", "migration", d.name, "err", err)
	}
}
