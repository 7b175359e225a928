package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/settings"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
)

// checkRights warns of rights that an aggregator does not need, or refuses them.
func checkRights(ctx context.Context, s *settings.Settings, t *telemetry.Telemetry, pool *pgxpool.Pool) error {
	role := target.Operator
	if s.Pages.Listen.IsZero() {
		role = target.Reader
	}
	excess, err := target.Excess(ctx, pool, role)
	if err != nil {
		return err
	}
	if err := s.RefuseExcess(excess); err != nil {
		return err
	}
	for _, right := range excess {
		t.Log.WarnContext(ctx, "a right that an aggregator does not need", "right", right)
	}
	return nil
}
