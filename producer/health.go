package main

import (
	"context"

	"rehome/pkg/report"
	"rehome/pkg/settings"
	"rehome/pkg/telemetry"
)

// answering is run while health and metrics are answered, where an address is given.
func (s *session) answering(ctx context.Context, from *settings.Settings, t *telemetry.Telemetry) (result *report.Report, err error) {
	health := telemetry.NewHealth("producer", version)
	health.Add("target", s.Pool.Ping)
	health.Add("legacy", s.Legacy.Ping)
	err = t.While(ctx, from.Health.String(), health, func(ctx context.Context) (err error) {
		result, err = s.run(ctx, from, t)
		return err
	})
	return result, err
}
