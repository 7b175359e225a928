package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
)

var errSchemaChanged = errors.New("the legacy schema is not what it was when the migration was planned: undo the change, or reset and plan again")

// SchemaChanged reports whether the error says that the legacy schema has changed since the plan.
func SchemaChanged(err error) bool { return errors.Is(err, errSchemaChanged) }

// Compile compiles the canonical mapping of a planned migration against the legacy catalog as it is now and the target's as it was
// when the plan was made. Where the legacy schema is another by now, SchemaChanged knows the error, and its kind is shard.Schema.
func Compile(ctx context.Context, db *legacy.DB, canonical []byte, m *ledger.Migration) (*mapping.Compiled, error) {
	f, err := compile(ctx, db, canonical, m)
	return f.Compiled, err
}

func compile(ctx context.Context, db *legacy.DB, canonical []byte, m *ledger.Migration) (fitted, error) {
	var planned plan.Record
	if err := json.Unmarshal(m.Plan, &planned); err != nil {
		return fitted{}, fmt.Errorf("read the plan of migration %s: %w", m.Name, err)
	}
	file, err := mapping.Decode(canonical)
	if err != nil {
		return fitted{}, err
	}
	file.Legacy.TimeZone.Text = planned.TimeZone
	catalog, err := db.Catalog(ctx)
	if err != nil {
		return fitted{}, err
	}
	c, _, err := mapping.Compile(ctx, file, catalog, planned.Catalog)
	switch faults := (mapping.Faults)(nil); {
	case errors.As(err, &faults):
		return fitted{}, shard.Fail(shard.Schema, "", fmt.Errorf("%w (%s)", errSchemaChanged, strings.ReplaceAll(faults.Error(), "\n", "; ")))
	case err != nil:
		return fitted{}, err
	case c.Fingerprint != m.Fingerprint:
		return fitted{}, shard.Fail(shard.Schema, "", errSchemaChanged)
	}
	return fitted{Compiled: c, target: planned.Catalog, read: mapping.ReadTables(c, catalog)}, nil
}
