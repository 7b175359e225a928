package producer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/plan"
	"rehome/pkg/target"
)

// Reset takes out of the target what the manifests say we wrote, and then the migration out of the ledger, all in one transaction. What
// others have written since stays, unless it refers to what goes: then the constraint that says so ends the reset, and nothing is
// changed. It goes by the ledger alone, since it is the way out where the mapping or the legacy schema have changed.
func (p *Producer) Reset(ctx context.Context) error {
	if _, err := p.targetIdentity(ctx); err != nil {
		return err
	}
	r, err := p.resume(ctx, p.stored)
	if notPlanned(err) {
		return refuse("migration %s is not in the ledger of this target: there is nothing to reset", p.name())
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return p.inTx(ctx, func(tx pgx.Tx) error {
		standing, err := r.parts(ctx, tx, r.planned.Entries)
		if err != nil {
			return err
		}
		standing, all, err := r.known(ctx, standing)
		if err != nil {
			return err
		}
		if err := target.Detach(ctx, tx, standing); err != nil {
			return err
		}
		for i, e := range r.planned.Entries {
			r.Log.InfoContext(ctx, "taking out what was written, which takes a while with many rows", "migration", r.m.Name, "table", e.Into)
			if err := r.undo(ctx, tx, i, e); err != nil {
				return fmt.Errorf("take what was written out of %s: %w", e.Into, err)
			}
		}
		if err := target.AttachIn(ctx, tx, all); err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "constraints and indexes are back; taking the migration out of the ledger", "migration", r.m.Name)
		return r.ledger.ResetIn(ctx, tx, r.m.Name)
	})
}

// undo takes out what was written by the entry of that ordinal.
func (r *Run) undo(ctx context.Context, tx pgx.Tx, ordinal int, e plan.Entry) error {
	for keys, err := range r.ledger.Written(ctx, r.m.Name, ordinal) {
		if err != nil {
			return err
		}
		if err := target.Take(ctx, tx, e.Into, e.Key, e.Key, keys, func(_, _ []byte) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
