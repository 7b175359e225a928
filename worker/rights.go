package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/legacy"
	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// checkRights warns of rights that a worker does not need, or refuses them.
func checkRights(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry, pool *pgxpool.Pool, from *legacy.DB) error {
	excess, err := target.Excess(ctx, pool, target.Writer)
	if err != nil {
		return err
	}
	more, err := from.Excess(ctx)
	if err != nil {
		return err
	}
	excess = append(excess, more...)
	if err := s.RefuseExcess(excess); err != nil {
		return err
	}
	for _, right := range excess {
		t.Log.WarnContext(ctx, "a right that a worker does not need", "right", right)
	}
	return nil
}
