package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/aggregator"
	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
	"rehome/pkg/worker"
)

// waitEvery is how often the aggregator looks for its migration while there is none.
const waitEvery = 2 * time.Second

func collectCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.LegacyDSN, settings.NATSURL, settings.MigrationName, settings.HealthOn, settings.StrictRoles, settings.TraceURL).WithNATS().WithPages().
		Require(settings.TargetDSN)
	return bind(&cobra.Command{
		Use: "aggregator", Short: "collect the workers' receipts, and serve the dashboard", Version: version, SilenceErrors: true, SilenceUsage: true,
		Long: "aggregator counts the workers' receipts as they come, and serves the dashboard. Without NATS servers, as beside a producer run that has none either, " +
			"it counts them as the ledger has them.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.Load(nil); err != nil {
				return err
			}
			return settings.Asked(c.Context(), collect(c.Context(), s, t))
		},
	}, s)
}

// collect counts receipts until it is told to stop.
func collect(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry) error {
	for _, warning := range s.Warnings {
		t.Log.WarnContext(ctx, warning)
	}
	pool, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := checkRights(ctx, s, t, pool); err != nil {
		return err
	}
	health := telemetry.NewHealth("aggregator", version)
	health.Add("target", pool.Ping)
	conn, err := connect(ctx, s, t, health)
	if err != nil {
		return err
	}
	if conn != nil {
		defer conn.Close()
	}
	view := aggregator.NewView(os.Stderr)
	defer t.Through(view)()
	defer view.Close()
	group, ctx := errgroup.WithContext(ctx)
	if !s.Health.IsZero() {
		server, err := telemetry.ListenHealth(ctx, s.Health.String(), t.Handler(health))
		if err != nil {
			return err
		}
		group.Go(func() error { return server.Serve(ctx) })
	}
	pages, err := openPages(ctx, s, t, pool, view)
	if err != nil {
		return err
	}
	pages.serve(ctx, group)
	group.Go(func() error {
		defer health.Drain()
		name, err := worker.Await(ctx, pool, s.Migration, pausepoint.Wait("await", waitEvery), t.Log)
		if err != nil {
			return err
		}
		return aggregator.Collect(ctx, conn, ledger.Open(pool), name, pages.follow(name, view.Show))
	})
	return group.Wait()
}

// connect connects to the NATS servers, if any are given, and has their connection checked.
func connect(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry, health *telemetry.Health) (*queue.Conn, error) {
	if s.NATS == nil {
		return nil, nil //nolint:nilnil // nobody has to be reached, and nothing is wrong
	}
	conn, err := queue.Connect(ctx, natsOptions(s, "aggregator", t))
	if err != nil {
		return nil, err
	}
	health.Add("nats", func(context.Context) error {
		if !conn.Connected() {
			return errors.New("not connected to NATS")
		}
		return nil
	})
	return conn, nil
}

// natsOptions are those of the given NATS, with the rights of the role.
func natsOptions(s *settings.Settings, role string, t *telemetry.Telemetry) queue.Options {
	return queue.Options{
		URL: s.NATS.Reveal(), Creds: s.NATS.Creds.Reveal(), NKey: s.NATS.NKey.Reveal(), TLS: s.NATS.TLS(),
		Name: "rehome/aggregator", Role: role, Streams: queue.Topology(s.Streams), Log: t.Log,
	}
}

// withLedger runs do with the ledger and the name of the migration.
func withLedger(c *cobra.Command, s *settings.Settings, do func(*ledger.Ledger, string) error) error {
	if err := s.Load(nil); err != nil {
		return err
	}
	pool, err := open(c.Context(), s)
	if err != nil {
		return err
	}
	defer pool.Close()
	name, err := one(c.Context(), pool, s.Migration)
	if err != nil {
		return err
	}
	return do(ledger.Open(pool), name)
}
