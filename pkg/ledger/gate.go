package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Gate is what stands between a wave and the one behind it.
type Gate struct {
	Wave       int
	Passed     bool     // else it is closed
	Reasons    []string // why it is closed, or was
	Overridden bool     // passed all the same, as the operator said
	By         string   // who said so, for SetGate; the event of it keeps it
	At         time.Time
}

// Gates returns the gates that the run has come to, by wave. A gate that is not among them is open: nobody has judged it yet.
func (l *Ledger) Gates(ctx context.Context, name string) ([]Gate, error) {
	what := "list the gates of migration " + name
	rows, err := l.pool.Query(ctx, `
		SELECT wave, state = 'passed', reasons, overridden, at FROM rehome.gate WHERE migration = $1 ORDER BY wave`, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return collect(rows, what, func(g *Gate) []any { return []any{&g.Wave, &g.Passed, &g.Reasons, &g.Overridden, &g.At} })
}

// SetGate stores how a gate was judged, in place of an earlier judgement, with the word that it was. At is set by the ledger.
func (l *Ledger) SetGate(ctx context.Context, name string, g Gate) error {
	state := "closed"
	if g.Passed {
		state = "passed"
	}
	err := l.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO rehome.gate (migration, wave, state, reasons, overridden) VALUES ($1, $2, $3, coalesce($4::text[], '{}'), $5)
			ON CONFLICT (migration, wave) DO UPDATE
			SET state = excluded.state, reasons = excluded.reasons, overridden = excluded.overridden, at = excluded.at`,
			name, g.Wave, state, g.Reasons, g.Overridden)
		if err != nil {
			return err
		}
		detail := map[string]any{"wave": g.Wave, "reasons": append([]string{}, g.Reasons...), "overridden": g.Overridden}
		if g.By != "" {
			detail["by"] = g.By
		}
		return event(ctx, tx, name, -1, 0, 0, "gate "+state, detail)
	})
	if err != nil {
		return fmt.Errorf("store the gate of wave %d of migration %s: %w", g.Wave, name, err)
	}
	return nil
}
