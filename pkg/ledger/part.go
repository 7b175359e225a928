package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// A PartState is how a constraint or an index stands.
type PartState string

// The states of a Part.
const (
	On       PartState = "on"       // as it was found, and not yet proved
	Off      PartState = "off"      // taken off for the load
	Valid    PartState = "valid"    // enforced, and proved for every row
	Violated PartState = "violated" // some rows violate it
)

// A Part is a constraint or an index of the target that is watched, or taken off for the load.
type Part struct {
	Ordinal    int    // the order in which parts are put back
	Table      string // schema.table
	Name       string
	Kind       string // in the words of the target edge
	Definition string // what puts it back, complete
	Detail     json.RawMessage
	State      PartState
	Violations int64
}

// SaveParts keeps the parts, in place of those of an earlier load, in the caller's transaction, the one that takes them off, so that
// their definitions cannot be lost.
func (l *Ledger) SaveParts(ctx context.Context, tx pgx.Tx, name string, parts []Part) error {
	if _, err := tx.Exec(ctx, `DELETE FROM rehome.part WHERE migration = $1`, name); err != nil {
		return fmt.Errorf("forget the parts of migration %s: %w", name, err)
	}
	for _, p := range parts {
		_, err := tx.Exec(ctx, `
			INSERT INTO rehome.part (migration, ordinal, table_name, name, kind, definition, detail, state, violations)
			VALUES ($1, $2, $3, $4, $5, $6, coalesce($7::jsonb, '{}'), $8, $9)`,
			name, p.Ordinal, p.Table, p.Name, p.Kind, p.Definition, p.Detail, p.State, p.Violations)
		if err != nil {
			return fmt.Errorf("keep the definition of %s on %s: %w", p.Name, p.Table, err)
		}
	}
	return nil
}

// Parts returns the migration's parts by ordinal.
func (l *Ledger) Parts(ctx context.Context, name string) ([]Part, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT ordinal, table_name, name, kind, definition, detail, state, violations FROM rehome.part WHERE migration = $1 ORDER BY ordinal`, name)
	what := "list the constraints and indexes of migration " + name
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(p *Part) []any {
		return []any{&p.Ordinal, &p.Table, &p.Name, &p.Kind, &p.Definition, &p.Detail, &p.State, &p.Violations}
	})
}

// SetPart notes how a part stands, in the transaction that made it so.
func (l *Ledger) SetPart(ctx context.Context, tx pgx.Tx, name string, ordinal int, state PartState, violations int64) error {
	tag, err := tx.Exec(ctx, `UPDATE rehome.part SET state = $3, violations = $4 WHERE migration = $1 AND ordinal = $2`, name, ordinal, state, violations)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("note that part %d of migration %s is %s: %w", ordinal, name, state, err)
	}
	return nil
}
