package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

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
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.TargetDSN, settings.NATSURL,
		settings.SlotCount, settings.ThroughWave, settings.DoAgain, settings.ReportFormat).WithNATS().WithStreams()
	return bind(&cobra.Command{
		Use:   "run",
		Short: "plan once, publish what is not done yet, end the load, give the verdict",
		Long: "run plans the migration once, has what is not done yet moved, ends the load, and gives the verdict.\n\n" +
			"A mapping that was changed since goes on with the migration if it only gives an outcome to what the old one rejected or let wait; those whom " +
			"that kept out are done again. Any other change is refused with its lines. With --again everyone is done again, by any mapping that makes the same " +
			"rows of the same users: what has changed in the legacy database is brought, and what the target's own application has changed stays.",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, func(file *mapping.File) error { return knownWave(file, s.Through) }, func(session *session) error {
				result, err := session.run(c.Context(), s, t)
				if err != nil {
					return err
				}
				return show(c, s, result)
			})
		},
	}, s)
}

func knownWave(file *mapping.File, name string) error {
	var names []string
	for _, wave := range file.Waves {
		names = append(names, wave.Name.Text)
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return settings.WithExit(settings.ExitSettings, settings.Faults{{Name: "--through",
		Problem: fmt.Sprintf("the mapping has no wave of that name; it has %s", strings.Join(names, ", "))}})
}

// run runs the migration over the given NATS, or over an embedded one with workers in this process.
func (s *session) run(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*report.Report, error) {
	if from.NATS == nil {
		return s.runAlone(ctx, from, t)
	}
	conn, err := connect(ctx, from, t)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s.Queue = conn
	r, err := s.Begin(ctx, from.Again)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	view := aggregator.NewView(os.Stderr)
	defer view.Close()
	return r.Go(ctx, producer.Options{Through: from.Through, Progress: view.Show})
}

// connect connects to the given NATS.
func connect(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*queue.Conn, error) {
	return queue.Connect(ctx, queue.Options{
		URL: from.NATS.Reveal(), Creds: from.NATS.Creds.Reveal(), NKey: from.NATS.NKey.Reveal(), TLS: from.NATS.TLS(),
		Name: "rehome/producer", Role: "producer", Streams: queue.Topology(from.Streams), Log: t.Log,
	})
}

// runAlone runs the migration with a queue and workers of its own. The queue leaves no trace where a guard has refused the run.
func (s *session) runAlone(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*report.Report, error) {
	dir := queue.Store(s.File.Name.Text)
	if _, _, busy := queue.Find(dir); busy {
		return nil, settings.WithExit(settings.ExitRefused, fmt.Errorf("another run is alive and has its queue in %s: let it finish, or stop it, and start again", dir))
	}
	r, err := s.Begin(ctx, from.Again)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Finished() {
		return r.Report(ctx)
	}
	conn, end, err := queue.Alone(ctx, dir, "rehome/producer", t.Log)
	if queue.InUse(err) {
		return nil, settings.WithExit(settings.ExitRefused, err)
	}
	if err != nil {
		return nil, err
	}
	defer end()
	s.Queue = conn
	view := aggregator.NewView(os.Stderr)
	defer view.Close()
	return s.runWithWorkers(ctx, r, from, view, t)
}

// aloneGrace is for shards in work when somebody waits at the terminal for the process to end.
const aloneGrace = 2 * time.Second

// runWithWorkers runs the migration while a worker and its slots live in this process; they end when it has.
func (s *session) runWithWorkers(ctx context.Context, r *producer.Run, from *settings.Settings, view *aggregator.View, t *telemetry.Telemetry) (*report.Report, error) {
	config, err := pgx.ParseConfig(from.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	w := &worker.Worker{
		Migration: s.File.Name.Text, Slots: from.Slots, Legacy: s.Legacy, Ledger: ledger.Open(s.Pool), Queue: s.Queue, Log: t.Log, Version: version,
		Grace: aloneGrace, Quiet: true,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config, "worker") },
	}
	var result *report.Report
	err = w.While(ctx, func(ctx context.Context) (err error) {
		result, err = r.Go(ctx, producer.Options{Through: from.Through, Progress: view.Show})
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
