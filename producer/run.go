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
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.ReplicaDSN, settings.TargetDSN, settings.NATSURL,
		settings.SlotCount, settings.ThroughWave, settings.PassGate, settings.UntilTime, settings.DoAgain, settings.HealthOn, settings.ReportFormat).WithNATS().WithStreams()
	return bind(&cobra.Command{
		Use:   "run",
		Short: "plan once, publish what is not done yet, end the load, give the verdict",
		Long: "run plans the migration once, has what is not done yet moved, ends the load, and gives the verdict.\n\n" +
			"A mapping that was changed since goes on with the migration if it only gives an outcome to what the old one rejected or let wait; those whom " +
			"that kept out are done again. Any other change is refused with its lines. With --again everyone is done again, by any mapping that makes the same " +
			"rows of the same users: what has changed in the legacy database is brought, and what the target's own application has changed stays.\n\n" +
			"A wave is published when the gate of the one before has passed; --pass WAVE goes on behind a gate that is closed. With --until nothing is in work behind " +
			"that time, by the clocks of its zone; what is left goes on with the next run. A time that clocks jump over is the first moment behind the jump, one that " +
			"they show twice is the first.",
		RunE: func(c *cobra.Command, _ []string) error {
			return with(c, s, t, func(file *mapping.File) error { return knownWaves(file, s) }, func(session *session) error {
				result, err := session.answering(c.Context(), s, t)
				if err != nil {
					return err
				}
				return show(c, s, result)
			})
		},
	}, s)
}

// knownWaves refuses waves that the mapping does not have, and to pass a gate where there is none.
func knownWaves(file *mapping.File, s *settings.Settings) error {
	var names []string
	for _, wave := range file.Waves {
		names = append(names, wave.Name.Text)
	}
	var faults settings.Faults
	for _, given := range [][2]string{{"--through", s.Through}, {"--pass", s.Pass}} {
		switch flag, name := given[0], given[1]; {
		case name == "":
		case !slices.Contains(names, name):
			faults = append(faults, settings.Fault{Name: flag, Problem: "the mapping has no wave of that name; it has " + strings.Join(names, ", ")})
		case flag == "--pass" && name == names[len(names)-1]:
			faults = append(faults, settings.Fault{Name: flag, Problem: "the last wave has no gate: nothing is published behind it"})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return settings.WithExit(settings.ExitSettings, faults)
}

// options are what the settings say of a run that is shown in the view.
func options(s *settings.Settings, view *aggregator.View) producer.Options {
	return producer.Options{Again: s.Again, Through: s.Through, Pass: s.Pass, By: settings.Operator(), Until: producer.Until(s.Until), Progress: view.Show}
}

// run runs the migration over the given NATS, or over an embedded one with workers in this process.
func (s *session) run(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*report.Report, error) {
	view := aggregator.NewView(os.Stderr)
	defer t.Through(view)()
	defer view.Close()
	if from.NATS == nil {
		return s.runAlone(ctx, from, options(from, view), t)
	}
	conn, err := connect(ctx, from, t)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	s.Queue = conn
	r, err := s.Begin(ctx, options(from, view))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return s.governed(ctx, r, from, t)
}

// connect connects to the given NATS.
func connect(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (*queue.Conn, error) {
	return queue.Connect(ctx, queue.Options{
		URL: from.NATS.Reveal(), Creds: from.NATS.Creds.Reveal(), NKey: from.NATS.NKey.Reveal(), TLS: from.NATS.TLS(),
		Name: "rehome/producer", Role: "producer", Streams: queue.Topology(from.Streams), Log: t.Log,
	})
}

// runAlone runs the migration with a queue and workers of its own. The queue leaves no trace where a guard has refused the run.
func (s *session) runAlone(ctx context.Context, from *settings.Settings, o producer.Options, t *telemetry.Telemetry) (*report.Report, error) {
	dir := queue.Store(s.File.Name.Text)
	if _, _, busy := queue.Find(dir); busy {
		return nil, settings.WithExit(settings.ExitRefused, fmt.Errorf("another run is alive and has its queue in %s: let it finish, or stop it, and start again", dir))
	}
	r, err := s.Begin(ctx, o)
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
	defer func() {
		conn.Forgo(context.WithoutCancel(ctx), s.File.Name.Text)
		end()
	}()
	s.Queue = conn
	return s.runWithWorkers(ctx, r, from, t)
}

// aloneGrace is for shards in work when somebody waits at the terminal for the process to end.
const aloneGrace = 2 * time.Second

// runWithWorkers runs the migration while a worker and its slots live in this process; they end when it has.
func (s *session) runWithWorkers(ctx context.Context, r *producer.Run, from *settings.Settings, t *telemetry.Telemetry) (*report.Report, error) {
	config, err := pgx.ParseConfig(from.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	w := &worker.Worker{
		Migration: s.File.Name.Text, Slots: from.Slots, Auto: from.SlotsAuto, Legacy: s.Legacy, Ledger: ledger.Open(s.Pool), Queue: s.Queue, Log: t.Log, Version: version,
		Grace: aloneGrace, Quiet: true, Settled: r.Settled,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config, "worker") },
	}
	var result *report.Report
	err = w.While(ctx, func(ctx context.Context) (err error) {
		result, err = s.governed(ctx, r, from, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
