package producer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/plan"
	"rehome/pkg/target"
)

// A Removal is what a reset has taken out of the target.
type Removal struct {
	Migration string
	Tables    []Removed // in the order of the mapping, each table once
	Parts     int       // constraints and indexes that a run had left off, and that are back
}

// Removed counts the rows that were taken out of a table.
type Removed struct {
	Into string
	Rows int64
}

// Rows returns how many rows were taken out of all tables.
func (r *Removal) Rows() (rows int64) {
	for _, t := range r.Tables {
		rows += t.Rows
	}
	return rows
}

func (r *Removal) add(into string, rows int64) {
	for i := range r.Tables {
		if r.Tables[i].Into == into {
			r.Tables[i].Rows += rows
			return
		}
	}
	r.Tables = append(r.Tables, Removed{into, rows})
}

// Reset takes out of the target what the manifests say we wrote, and then the migration out of the ledger, all in one transaction. What
// others have written since stays, unless it refers to what goes: then the constraint that says so ends the reset, and nothing is
// changed. It goes by the ledger alone, since it is the way out where the mapping or the legacy schema have changed.
func (p *Producer) Reset(ctx context.Context) (*Removal, error) {
	if _, err := p.targetIdentity(ctx); err != nil {
		return nil, err
	}
	r, err := p.resume(ctx, p.stored)
	if notPlanned(err) {
		return nil, refuse("migration %s is not in the ledger of this target: there is nothing to reset", p.name())
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := &Removal{Migration: r.m.Name}
	before, err := r.ledger.Parts(ctx, r.m.Name)
	if err != nil {
		return nil, err
	}
	err = p.inTx(ctx, func(tx pgx.Tx) error {
		standing, err := r.parts(ctx, tx, r.planned.Entries)
		if err != nil {
			return err
		}
		all, err := known(before, standing)
		if err != nil {
			return err
		}
		if err := target.Detach(ctx, tx, standing); err != nil {
			return err
		}
		out.Parts = len(all) - len(standing)
		for i, e := range r.planned.Entries {
			r.Log.InfoContext(ctx, "taking out what was written, which takes a while with many rows", "migration", r.m.Name, "table", e.Into)
			rows, err := r.undo(ctx, tx, i, e)
			if err != nil {
				return fmt.Errorf("take what was written out of %s: %w", e.Into, err)
			}
			out.add(e.Into, rows)
		}
		if err := target.AttachIn(ctx, tx, all); err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "constraints and indexes are back; taking the migration out of the ledger", "migration", r.m.Name)
		return r.ledger.ResetIn(ctx, tx, r.m.Name)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// undo takes out what was written by the entry of that ordinal, and counts the rows.
func (r *Run) undo(ctx context.Context, tx pgx.Tx, ordinal int, e plan.Entry) (rows int64, err error) {
	for keys, err := range r.ledger.Written(ctx, r.m.Name, ordinal) {
		if err != nil {
			return rows, err
		}
		if err := target.Take(ctx, tx, e.Into, e.Key, e.Key, keys, func(_, _ []byte) error { return nil }); err != nil {
			return rows, err
		}
		rows += int64(len(keys))
	}
	return rows, nil
}
