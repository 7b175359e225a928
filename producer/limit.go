package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/producer"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/throttle"
)

func limitCommand(t *telemetry.Telemetry) *cobra.Command {
	s := settings.New(settings.MappingFile, settings.LegacyDSN, settings.ReplicaDSN, settings.TargetDSN, settings.MigrationName, settings.OutputForm)
	c := bind(&cobra.Command{
		Use:   "limit [NAME=VALUE...]",
		Short: "limit what the migration may cost both databases; alone it shows the limits",
		Long: "limit sets what the migration may cost both databases, over all workers together; NAME=off takes a limit away, and alone it shows what is set and measured.\n\n" +
			"  rows=5000             rows read per second\n" +
			"  slots=8               shards in work at the same time\n" +
			"  lag=2s                lag of the replica that REPLICA_DSN names; it has to be one of the legacy server\n" +
			"  threads=40            threads running in the legacy server\n" +
			"  replication_lag=5s    lag of the target's standbys\n" +
			"  backends=30           backends active in the target server, our own among them\n\n" +
			"producer run measures once a second. From 70 % of a limit on the workers slow down, at the limit a tenth of full speed is left, and above it they stand still; so " +
			"they do while nobody knows.",
		RunE: func(c *cobra.Command, args []string) error {
			l := limiting{Settings: s, args: args}
			return onLedger(c, s, t, l.refuse, func(d *desk) error {
				standing, err := l.run(c.Context(), d, t)
				if err != nil {
					return err
				}
				return write(c.OutOrStdout(), s, standing, func(w io.Writer) error { return limitsText(w, standing, len(args) > 0) })
			})
		},
	}, s)
	c.Args = cobra.ArbitraryArgs
	return c
}

// A limiting is what the limit command was told.
type limiting struct {
	*settings.Settings
	args []string
}

// refuse looks at the arguments and at what they need, before anything is touched.
func (l *limiting) refuse() (faults settings.Faults) {
	named, err := throttle.Parse(l.args, throttle.Limits{})
	if wrong, _ := errors.AsType[throttle.Faults](err); wrong != nil {
		for _, f := range wrong {
			faults = append(faults, settings.Fault{Name: f.Argument, Problem: f.Problem})
		}
	}
	if named.Lag == 0 {
		l.Legacy = nil // nobody needs it
		return faults
	}
	if l.Replica == nil {
		faults = append(faults, settings.Fault{Name: "REPLICA_DSN", Problem: "is not set, and says whose lag is limited; producer run needs it too"})
	}
	if l.Legacy == nil {
		faults = append(faults, settings.Fault{Name: "LEGACY_DSN", Problem: "is not set, and is needed to prove that REPLICA_DSN is a replica of that server"})
	}
	return faults
}

// run sets the limits, if it was told any that can be measured, and returns how all stands.
func (l *limiting) run(ctx context.Context, d *desk, t *telemetry.Telemetry) (*producer.Standing, error) {
	steering, err := producer.Steer(ctx, ledger.Open(d.pool), d.name)
	if err != nil {
		return nil, err
	}
	standing, err := steering.Look(ctx)
	if err != nil || len(l.args) == 0 {
		return standing, err
	}
	next, err := throttle.Parse(l.args, standing.Set)
	if err != nil {
		return nil, err // refuse has seen it
	}
	named, _ := throttle.Parse(l.args, throttle.Limits{}) // likewise
	if err := l.prove(ctx, d, steering, named, t); err != nil {
		if throttle.IsUnmeasurable(err) {
			err = settings.WithExit(settings.ExitRefused, err)
		}
		return nil, err
	}
	return steering.Limit(ctx, next)
}

// prove measures once what is to be limited: what cannot be measured cannot be kept, and would hold all work.
func (l *limiting) prove(ctx context.Context, d *desk, steering *producer.Steering, named throttle.Limits, t *telemetry.Telemetry) error {
	if named.Backends != 0 {
		if _, err := target.ActiveBackends(ctx, d.pool); err != nil {
			return err
		}
	}
	if named.ReplicationLag != 0 {
		if _, err := new(target.Standbys).Lag(ctx, d.pool); err != nil {
			return err
		}
	}
	if named.Lag == 0 {
		return nil
	}
	from, err := d.legacy.Identity(ctx)
	if err != nil {
		return err
	}
	if server(from) != server(steering.Legacy()) {
		return throttle.Unmeasurablef("LEGACY_DSN leads to another server than migration %s was planned from: name that one, and a replica of it", d.name)
	}
	replica, err := legacy.OpenReplica(ctx, l.Replica.Config(), d.legacy)
	if err != nil {
		return err
	}
	defer func() { _ = replica.Close() }() // it was only asked
	if unseen := replica.Unseen(); unseen != "" {
		t.Log.WarnContext(ctx, unseen, "migration", d.name)
	}
	_, err = replica.Lag(ctx)
	return err
}

// server returns the part of a legacy database's identity that its server's databases have in common.
func server(identity string) string { return identity[:max(0, strings.LastIndexByte(identity, '/'))] }
