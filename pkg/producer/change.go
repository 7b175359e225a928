package producer

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/plan"
	"rehome/pkg/report"
)

// mend accepts a mapping that only gives an outcome to what the old one rejected or let wait, and has those done again whom that kept out.
func mend(ctx context.Context, r *Run, canonical []byte) error {
	if mapping.Hash(r.File) == r.m.Mapping {
		return nil
	}
	old, err := mapping.Decode(canonical)
	if err != nil {
		return err
	}
	mends, other := mapping.Mends(old, r.File)
	if len(other) > 0 {
		return r.refuseChange(other)
	}
	was, err := r.compileStored(ctx, canonical)
	if err != nil {
		return err
	}
	now, err := r.compileChanged(ctx)
	if err != nil {
		return err
	}
	if harms := mapping.Harms(mends, was, now); len(harms) > 0 {
		return r.refuseChange(harms)
	}
	redo := plan.Redo{From: []string{r.m.Mapping}}
	if before := r.planned.Redo; before != nil {
		redo.Everyone = before.Everyone
		redo.From = append(slices.DeleteFunc(before.From, func(hash string) bool { return hash == r.m.Mapping }), r.m.Mapping)
	}
	if err := r.accept(ctx, now, map[string]any{"redo": redo}); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "the migration goes by another mapping, which mends the one before", "migration", r.m.Name, "mapping", r.m.Mapping)
	return nil
}

func (r *Run) refuseChange(lines []string) error {
	return refuse("the mapping is not the one that migration %s goes by, and does more than mend it:%sput these back; or have everyone done again "+
		"by this mapping with producer run --again; or take the migration out with reset and plan again", r.m.Name, listed(lines))
}

// again accepts a mapping by which what has arrived can be compared with what the legacy database has now, and has everyone done again.
func again(ctx context.Context, r *Run, canonical []byte) error {
	old, err := mapping.Decode(canonical)
	if err != nil {
		return err
	}
	if lines := mapping.Reshapes(old, r.File); len(lines) > 0 {
		return refuse("by this mapping the rows of migration %s have another shape than those that have arrived, so that nobody can be done again:%s"+
			"put these back, or take the migration out with reset and plan again", r.m.Name, listed(lines))
	}
	now, err := r.compileChanged(ctx)
	if err != nil {
		return err
	}
	if r.m.State == ledger.Planned && now.Hash == r.m.Mapping && now.Fingerprint == r.m.Fingerprint {
		return nil // nobody has been done once
	}
	for i, e := range r.planned.Entries {
		if p := now.Plans[i]; p.GatheredBy == nil && (p.KeyName != e.KeyName || !slices.Equal(keyColumns(p), e.Key)) {
			return refuse("the rows of %s have arrived under the key %s, and would be looked for under %s by now: take the migration out with reset, and plan again",
				e.Into, e.KeyName, p.KeyName)
		}
	}
	begun, err := r.beginAgain(ctx, now)
	if err != nil {
		return err
	}
	if err := r.accept(ctx, now, map[string]any{"redo": plan.Redo{Everyone: true}, "again": begun}); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "everyone is done again", "migration", r.m.Name, "mapping", r.m.Mapping)
	return nil
}

// beginAgain notes where the legacy database and the target stand: what is read from now on is all that counts.
func (r *Run) beginAgain(ctx context.Context, now *mapping.Compiled) (*plan.Again, error) {
	position, err := r.Legacy.Position(ctx)
	if err != nil {
		return nil, err
	}
	begun := &plan.Again{Position: position.Text}
	if position.Text == "" {
		if begun.Checks, err = r.checksums(ctx, now); err != nil {
			return nil, err
		}
	}
	_, begun.Since, err = r.ledger.Receipts(ctx, r.m.Name, math.MaxUint64)
	return begun, err
}

// compileChanged compiles the file's mapping against the legacy database as it is, and the target as it was planned for, whose constraints
// may be off by now.
func (r *Run) compileChanged(ctx context.Context) (*mapping.Compiled, error) {
	from, err := r.Legacy.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	c, warnings, err := mapping.Compile(ctx, r.File, from, r.planned.Catalog)
	for _, w := range warnings {
		r.Log.WarnContext(ctx, w.String(), "migration", r.m.Name)
	}
	return c, err
}

// accept makes the compiled mapping the migration's, with what the plan's record has to say about it.
func (r *Run) accept(ctx context.Context, c *mapping.Compiled, patch map[string]any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("encode what is to be done again of migration %s: %w", r.m.Name, err)
	}
	accepted := ledger.Accepted{Hash: c.Hash, Fingerprint: c.Fingerprint}
	if r.behind, err = r.ledger.AcceptMapping(ctx, r.m.Name, accepted, mapping.Canonical(r.File), body); err != nil {
		return err
	}
	stored, err := r.stored(ctx)
	if err != nil {
		return err
	}
	r.m, r.planned, r.mapping = stored.m, stored.planned, c
	pausepoint.At("mapping_accepted")
	return nil
}

// catchUp moves shards to the migration's mapping that somebody was at work on when it was accepted, and that have failed since.
func (r *Run) catchUp(ctx context.Context) error {
	if r.behind == 0 {
		return nil
	}
	return r.remap(ctx)
}

// remap moves all planned shards to the migration's mapping that nobody works on, and counts the others.
func (r *Run) remap(ctx context.Context) (err error) {
	accepted := ledger.Accepted{Hash: r.mapping.Hash, Fingerprint: r.mapping.Fingerprint}
	r.behind, err = r.ledger.AcceptMapping(ctx, r.m.Name, accepted, mapping.Canonical(r.File), nil)
	return err
}

// touched returns the causes that keep something out, and of these the ones that a mapping which the migration once went by did not have an
// outcome for, and the one of now has. Those that nothing touches it tells.
func (r *Run) touched(ctx context.Context) (causes []string, err error) {
	mends, err := r.mends(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := r.ledger.Facts(ctx, r.m.Name)
	if err != nil {
		return nil, err
	}
	for _, c := range facts.Causes {
		if slices.ContainsFunc(mends, func(m mapping.Mend) bool { return m.Touches(r.mapping, c.Cause.Cause) }) {
			causes = append(causes, c.Cause.Cause)
			continue
		}
		what := "stay quarantined"
		n, of := c.Users, "users"
		if n == 0 {
			n, of, what = c.Rows, "rows", "stay out"
		}
		r.Log.InfoContext(ctx, fmt.Sprintf("%s %s %s for %s: nothing in the new mapping touches it", report.Number(n), of, what, c.Cause.Cause), "migration", r.m.Name)
	}
	return causes, nil
}

// mends returns what the mapping of now mends of those that the plan's record names.
func (r *Run) mends(ctx context.Context) (all []mapping.Mend, err error) {
	for _, hash := range r.planned.Redo.From {
		canonical, err := r.ledger.Mapping(ctx, hash)
		if err != nil {
			return nil, err
		}
		old, err := mapping.Decode(canonical)
		if err != nil {
			return nil, err
		}
		mends, _ := mapping.Mends(old, r.File)
		all = append(all, mends...)
	}
	return all, nil
}
