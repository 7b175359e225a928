package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
)

// Compile compiles the canonical mapping of a planned migration against the legacy catalog as it is now and the target's as it was
// when the plan was made.
func Compile(ctx context.Context, db *legacy.DB, canonical []byte, m *ledger.Migration) (*mapping.Compiled, error) {
	var planned plan.Record
	if err := json.Unmarshal(m.Plan, &planned); err != nil {
		return nil, fmt.Errorf("read the plan of migration %s: %w", m.Name, err)
	}
	file, err := mapping.Decode(canonical)
	if err != nil {
		return nil, err
	}
	file.Legacy.TimeZone.Text = planned.TimeZone
	catalog, err := db.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	c, _, err := mapping.Compile(ctx, file, catalog, planned.Catalog)
	return c, err
}
