package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/dispatch"
	"rehome/pkg/legacy"
	"rehome/pkg/producer"
	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// governed goes on with the run while it is measured what both databases bear.
func (s *session) governed(ctx context.Context, r *producer.Run, from *settings.Settings, t *telemetry.Telemetry) (result *report.Report, err error) {
	config, err := pgxpool.ParseConfig(from.Target.Reveal())
	if err != nil {
		return nil, settings.WithExit(settings.ExitSettings, err)
	}
	g, err := dispatch.NewGovernor(ctx, config, s.File.Name.Text, t.Log)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	g.Legacy = func(ctx context.Context) (*legacy.DB, error) { return legacy.Open(ctx, from.Legacy.Config()) }
	if from.Replica != nil {
		g.Replica = func(ctx context.Context, source *legacy.DB) (*legacy.Replica, error) {
			return legacy.OpenReplica(ctx, from.Replica.Config(), source)
		}
	}
	err = g.While(ctx, func(ctx context.Context) (err error) {
		result, err = r.Go(ctx)
		return err
	})
	return result, err
}
