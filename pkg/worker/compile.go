package worker

import (
	"context"
	"encoding/json"
	"fmt"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/report"
)

// A Planned is what the producer keeps of the plan in the ledger for itself and the workers.
type Planned struct {
	report.Planned
	Entries  []report.Entry         `json:"entries"`
	TimeZone string                 `json:"time_zone"`          // legacy.time_zone, which changes values and is not in the mapping's hash
	Accepted string                 `json:"accepted,omitempty"` // legacy.accept_unproved
	Catalog  *mapping.TargetCatalog `json:"catalog"`            // the target's fed tables as they were before the load took constraints off
	Checks   []string               `json:"checks,omitempty"`   // table checksums where the legacy server has no binlog
}

// Compile compiles the canonical mapping of a planned migration against the legacy catalog as it is now and the target's as it was
// when the plan was made.
func Compile(ctx context.Context, db *legacy.DB, canonical []byte, m *ledger.Migration) (*mapping.Compiled, error) {
	var planned Planned
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
