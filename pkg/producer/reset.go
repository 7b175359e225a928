package producer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/target"
)

// Reset takes out of the target what the manifests say we wrote, and then the migration out of the ledger, all in one transaction. What
// others have written since stays, unless it refers to what goes: then the constraint that says so ends the reset, and nothing is changed.
func (p *Producer) Reset(ctx context.Context) error {
	r, err := p.resume(ctx)
	if notPlanned(err) {
		return refuse("migration %s is not in the ledger of this target: there is nothing to reset", p.name())
	}
	if err != nil {
		return err
	}
	defer r.Close()
	return p.inTx(ctx, func(tx pgx.Tx) error {
		parts, err := r.parts(ctx, tx, r.mapping)
		if err != nil {
			return err
		}
		_, off, err := r.off(ctx)
		if err != nil {
			return err
		}
		if err := target.Detach(ctx, tx, parts); err != nil {
			return err
		}
		for _, plan := range r.mapping.Plans {
			for keys, err := range r.ledger.Written(ctx, r.m.Name, plan.Ordinal) {
				if err != nil {
					return err
				}
				err = target.Take(ctx, tx, plan.Into, columns(plan), keyColumns(plan), keys, func(_, _ []byte) error { return nil })
				if err != nil {
					return fmt.Errorf("take what was written out of %s: %w", plan.Into, err)
				}
			}
		}
		for _, part := range append(off, parts...) {
			if err := target.Attach(ctx, tx.Conn(), part); err != nil {
				return fmt.Errorf("put %s of %s back: %w", part.Name, part.Table, err)
			}
		}
		return r.ledger.ResetIn(ctx, tx, r.m.Name)
	})
}
