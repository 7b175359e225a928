package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/producer"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/worker"
)

func runCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.NATSURL, settings.NATSCreds,
		settings.SlotCount, settings.ThroughWave, settings.ReportFormat)
	return bind(&cobra.Command{
		Use:   "run",
		Short: "plan once, publish what is not done yet, end the load, give the verdict",
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := load(s)
			if err != nil {
				return err
			}
			session, err := open(c.Context(), s, file, t)
			if err != nil {
				return err
			}
			defer session.close()
			if err := session.install(c.Context()); err != nil {
				return err
			}
			result, err := session.run(c.Context(), s, file, t)
			if err != nil {
				return err
			}
			return show(c, s, result)
		},
	}, s)
}

// run runs the migration over the given NATS, or over an embedded one with workers in this process.
func (s *session) run(ctx context.Context, from *settings.Settings, file *mapping.File, t *telemetry.Telemetry) (*report.Report, error) {
	options := queue.Options{Name: "rehome/producer", Log: t.Log}
	embedded := from.NATS == nil
	if embedded {
		server, err := queue.Embed(ctx, filepath.Join(".rehome", file.Name.Text))
		if queue.InUse(err) {
			return nil, settings.WithExit(settings.ExitRefused, err)
		}
		if err != nil {
			return nil, err
		}
		defer server.Close()
		options.URL, options.Token = server.URL(), server.Token()
	} else {
		options.URL, options.Creds = from.NATS.Reveal(), from.NATS.Creds.Reveal()
	}
	conn, err := queue.Connect(ctx, options)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s.Queue = conn
	view := aggregator.NewView(os.Stderr)
	defer view.Close()
	if !embedded {
		return s.Run(ctx, producer.Options{Through: from.Through, Progress: view.Show})
	}
	return s.runWithWorkers(ctx, from, view, t)
}

// runWithWorkers runs the migration while a worker and its slots live in this process; they end when it has.
func (s *session) runWithWorkers(ctx context.Context, from *settings.Settings, view *aggregator.View, t *telemetry.Telemetry) (*report.Report, error) {
	config, err := pgx.ParseConfig(from.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	if err := s.Queue.Declare(ctx, s.File.Name.Text); err != nil {
		return nil, err
	}
	w := &worker.Worker{
		Migration: s.File.Name.Text, Slots: from.Slots, Legacy: s.Legacy, Ledger: ledger.Open(s.Pool), Queue: s.Queue, Log: t.Log, Version: version, Quiet: true,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config, "worker") },
	}
	group, ctx := errgroup.WithContext(ctx)
	workers, stop := context.WithCancel(ctx)
	defer stop()
	group.Go(func() error { return w.Run(workers) })
	var result *report.Report
	var ended error
	group.Go(func() error {
		defer stop()
		result, ended = s.Run(ctx, producer.Options{Through: from.Through, Progress: view.Show})
		return ended
	})
	return result, errors.Join(group.Wait())
}
