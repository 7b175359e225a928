package producer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/target"
)

// detach takes constraints and indexes off for the first load.
func (r *Run) detach(ctx context.Context) error {
	if r.m.State != ledger.Planned {
		return nil
	}
	if err := r.vacant(ctx, r.Pool, r.mapping); err != nil { // which tells who is in the way, where the lock would only wait
		return err
	}
	return r.takeOff(ctx, func(tx pgx.Tx) error { return r.vacant(ctx, tx, r.mapping) })
}

// reopen takes constraints and indexes off once more where an earlier run died after it had begun to put them back, and there are
// shards to be loaded since, of users who have appeared: their rows would be refused whose needed rows come later. Units that are done again
// need it not.
func (r *Run) reopen(ctx context.Context) error {
	if r.m.State == ledger.Loading {
		return nil
	}
	left, err := r.ledger.Left(ctx, r.m.Name)
	if err != nil || left.Load == 0 {
		return err
	}
	v, err := target.Vacant(ctx, r.Pool, r.mapping.Fed())
	if err != nil {
		return err
	}
	if len(v.InUse) > 0 {
		return refuse("%d shards are left, and somebody else uses the target's tables: %s; end that first, constraints come off again for the load",
			left.Load, strings.Join(v.InUse, "; "))
	}
	return r.takeOff(ctx, func(tx pgx.Tx) error { return r.oursAlone(ctx, tx) })
}

// takeOff takes off what stands, in the transaction that writes the definitions down, unless check refuses.
func (r *Run) takeOff(ctx context.Context, check func(pgx.Tx) error) error {
	before, err := r.ledger.Parts(ctx, r.m.Name) // which nobody else changes
	if err != nil {
		return err
	}
	err = r.inTx(ctx, func(tx pgx.Tx) error {
		if err := target.Hold(ctx, tx, r.mapping.Fed()); err != nil {
			return err
		}
		if err := check(tx); err != nil { // now that nobody else can write there
			return err
		}
		standing, err := r.parts(ctx, tx, r.planned.Entries)
		if err != nil {
			return err
		}
		all, err := known(before, standing)
		if err != nil {
			return err
		}
		rows := make([]ledger.Part, len(all))
		for i, part := range all {
			detail, err := json.Marshal(part)
			if err != nil {
				return err
			}
			rows[i] = ledger.Part{Ordinal: i, Table: part.Table, Name: part.Name, Kind: string(part.Kind), Definition: part.Definition,
				Detail: detail, State: ledger.Off}
		}
		if err := r.ledger.SaveParts(ctx, tx, r.m.Name, rows); err != nil {
			return err
		}
		if err := target.Detach(ctx, tx, standing); err != nil {
			return err
		}
		return r.ledger.LoadIn(ctx, tx, r.m.Name)
	})
	if err != nil {
		return fmt.Errorf("take the constraints off for the load: %w", err)
	}
	r.m.State, r.m.Closing, r.m.Verdict = ledger.Loading, nil, nil
	pausepoint.At("detached")
	return nil
}

// known returns all parts, those that stand as the ledger remembers them from before, from an earlier load: what a crash left half put back would else be
// remembered as half.
func known(before []ledger.Part, standing []target.Part) (all []target.Part, err error) {
	for _, row := range before {
		part, err := partOf(row)
		if err != nil {
			return nil, err
		}
		all = append(all, part)
	}
	for _, part := range standing {
		if !slices.ContainsFunc(all, func(p target.Part) bool { return p.Table == part.Table && p.Name == part.Name }) {
			all = append(all, part)
		}
	}
	target.Order(all)
	return all, nil
}

func partOf(row ledger.Part) (part target.Part, err error) {
	if err := json.Unmarshal(row.Detail, &part); err != nil {
		return part, fmt.Errorf("read the definition of %s in the ledger: %w", row.Name, err)
	}
	return part, nil
}

// oursAlone refuses tables that hold other rows than those of the manifests.
func (r *Run) oursAlone(ctx context.Context, tx pgx.Tx) error {
	facts, err := r.ledger.Facts(ctx, r.m.Name)
	if err != nil {
		return err
	}
	written := map[string]int64{}
	for _, t := range facts.Tables {
		written[r.mapping.Plans[t.Entry].Into] += t.Written + t.Extra
	}
	for _, table := range r.mapping.Fed() {
		rows, err := target.CountKeys(ctx, tx, table)
		if err != nil {
			return err
		}
		if rows != written[table] {
			return refuse("table %s of the target holds %d rows, and the manifests know %d of them: somebody else has written there since the load ended, "+
				"so its constraints stay on and the shards that are left cannot be loaded; take these rows out and start again", table, rows, written[table])
		}
	}
	return nil
}

// detached returns the parts that are not back yet, in the order in which they come back.
func (r *Run) detached(ctx context.Context) ([]ledger.Part, []target.Part, error) {
	rows, err := r.ledger.Parts(ctx, r.m.Name)
	if err != nil {
		return nil, nil, err
	}
	var known []ledger.Part
	var parts []target.Part
	for _, row := range rows {
		if row.State == ledger.Valid {
			continue
		}
		part, err := partOf(row)
		if err != nil {
			return nil, nil, err
		}
		known, parts = append(known, row), append(parts, part)
	}
	return known, parts, nil
}
