package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"rehome/pkg/aggregator"
	"rehome/pkg/dispatch"
	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/queue"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/worker"
)

// An auditing is what the audit command was told.
type auditing struct {
	*settings.Settings
	repair     bool
	onConflict string
	telemetry  *telemetry.Telemetry
}

func auditCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.LegacyDSN, settings.ReplicaDSN, settings.NATSURL, settings.MigrationName, settings.SlotCount, settings.OutputForm).WithNATS().WithStreams().
		Require(settings.TargetDSN)
	a := &auditing{Settings: s, telemetry: t}
	c := bind(&cobra.Command{
		Use: "audit", Short: "read both sides again, independently of the run, and compare them",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.load(); err != nil {
				return err
			}
			r, err := a.run(c.Context())
			if err != nil {
				return err
			}
			if err := r.Write(c.OutOrStdout(), a.Output); err != nil {
				return err
			}
			return settings.WithExit(r.Exit(), nil)
		},
	}, s)
	c.Flags().BoolVar(&a.repair, "repair", false, "do those users again in whom a difference is found")
	c.Flags().StringVar(&a.onConflict, "on-conflict", string(aggregator.KeepTarget), "with --repair, whose row stays where the target itself has changed one: keep or legacy")
	return c
}

// load reads the settings. Without NATS_URL the workers are in this process, and need the legacy database.
func (a *auditing) load() error {
	err := a.Load(nil)
	faults, _ := errors.AsType[settings.Faults](err)
	if err != nil && faults == nil {
		return err
	}
	if a.onConflict != string(aggregator.KeepTarget) && a.onConflict != string(aggregator.TakeLegacy) {
		faults = append(faults, settings.Fault{Name: "--on-conflict", Problem: "is neither keep nor legacy"})
	} else if a.onConflict == string(aggregator.TakeLegacy) && !a.repair {
		faults = append(faults, settings.Fault{Name: "--on-conflict", Problem: "says what a repair does, and --repair is not given"})
	}
	if len(faults) == 0 && a.NATS == nil && a.Legacy == nil {
		faults = settings.Faults{{Name: "LEGACY_DSN", Problem: "is not set; without NATS_URL this process reads the legacy database itself"}}
	}
	if len(faults) > 0 {
		return settings.WithExit(settings.ExitSettings, faults)
	}
	return nil
}

// run audits with the workers of the given NATS, or with some of its own.
func (a *auditing) run(ctx context.Context) (*aggregator.AuditReport, error) {
	for _, warning := range a.Warnings {
		a.telemetry.Log.WarnContext(ctx, warning)
	}
	config, err := pgxpool.ParseConfig(a.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	pool, err := openPool(ctx, config, 8)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	name, err := one(ctx, pool, a.Migration)
	if err != nil {
		return nil, err
	}
	conn, end, err := a.connect(ctx, name)
	if err != nil {
		return nil, err
	}
	defer end()
	view := aggregator.NewView(os.Stderr)
	defer view.Close()
	audit := &aggregator.Audit{
		Ledger: ledger.Open(pool), Queue: conn, Log: a.telemetry.Log, Migration: name, Version: version,
		Repair: a.repair, OnConflict: aggregator.OnConflict(a.onConflict), Show: view.Show,
	}
	var r *aggregator.AuditReport
	err = a.governed(ctx, name, config, func(ctx context.Context) (err error) {
		r, err = a.withWorkers(ctx, audit, config)
		return err
	})
	if locked := (*ledger.LockedError)(nil); errors.As(err, &locked) {
		return nil, settings.WithExit(settings.ExitRefused, fmt.Errorf("%w; let it finish, or stop it, and start again", locked))
	}
	return r, err
}

// governed does do while it is measured what both databases bear.
func (a *auditing) governed(ctx context.Context, migration string, config *pgxpool.Config, do func(context.Context) error) error {
	g, err := dispatch.NewGovernor(ctx, config, migration, a.telemetry.Log)
	if err != nil {
		return err
	}
	defer g.Close()
	if a.Legacy != nil {
		g.Legacy = func(ctx context.Context) (*legacy.DB, error) { return legacy.Open(ctx, a.Legacy.Config()) }
	}
	if a.Replica != nil {
		g.Replica = func(ctx context.Context, source *legacy.DB) (*legacy.Replica, error) {
			return legacy.OpenReplica(ctx, a.Replica.Config(), source)
		}
	}
	return g.While(ctx, do)
}

// connect connects to the given NATS, or to an embedded one.
func (a *auditing) connect(ctx context.Context, migration string) (conn *queue.Conn, end func(), err error) {
	if a.NATS == nil {
		conn, end, err = queue.Alone(ctx, queue.Store(migration), "rehome/aggregator", a.telemetry.Log)
		if queue.InUse(err) {
			err = settings.WithExit(settings.ExitRefused, err)
		}
		return conn, end, err
	}
	conn, err = queue.Connect(ctx, natsOptions(a.Settings, "producer", a.telemetry)) // it publishes, as the producer does
	if err != nil {
		return nil, nil, err
	}
	return conn, conn.Close, nil
}

// aloneGrace is for shards in work when somebody waits at the terminal for the process to end.
const aloneGrace = 2 * time.Second

// withWorkers runs the audit, beside workers of this process where no others are meant.
func (a *auditing) withWorkers(ctx context.Context, audit *aggregator.Audit, config *pgxpool.Config) (r *aggregator.AuditReport, err error) {
	if a.NATS != nil {
		return audit.Run(ctx)
	}
	from, err := legacy.Open(ctx, a.Legacy.Config())
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }() // nothing was written
	w := &worker.Worker{
		Migration: audit.Migration, Slots: a.Slots, Legacy: from, Ledger: audit.Ledger, Queue: audit.Queue, Log: audit.Log, Version: version,
		Grace: aloneGrace, Quiet: true,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return target.Connect(ctx, config.ConnConfig, "worker") },
	}
	err = w.While(ctx, func(ctx context.Context) (err error) {
		r, err = audit.Run(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}
