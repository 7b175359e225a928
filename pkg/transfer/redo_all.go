package transfer

import (
	"context"
	"maps"

	"rehome/pkg/shard"
)

// all does all units again, as one: rows of different units may need each other. Where the databases refuse something that Go cannot see, the
// units are halved until the offenders stand alone; these are refused, and all is done once more without them.
func (r *redo) all(ctx context.Context) error {
	for {
		r.total = newDone(r.mapping)
		err := r.try(ctx, 0, len(r.units))
		if err == nil {
			return nil
		}
		if kind, _ := shard.KindOf(err); kind != shard.Data {
			return err
		}
		if err := r.tgt.Savepoint(ctx); err != nil {
			return err
		}
		known := len(r.refused)
		if err := r.isolate(ctx, 0, len(r.units)); err != nil {
			return err
		}
		if len(r.refused) == known {
			return r.tgt.Keep(ctx) // only together, and in that order, did they fail
		}
		if err := r.tgt.Undo(ctx); err != nil {
			return err
		}
	}
}

// isolate does units lo up to but not including hi in two halves, as they cannot be done at once.
func (r *redo) isolate(ctx context.Context, lo, hi int) error {
	if r.attempts++; r.attempts > r.limits.Attempts && hi-lo > 1 {
		return &Crowded{Attempts: r.attempts - 1, Cut: r.units[(len(r.units)-1)/2]}
	}
	if hi-lo <= 1 {
		return r.alone(ctx, lo, hi)
	}
	middle := lo + (hi-lo)/2
	for _, part := range [][2]int{{lo, middle}, {middle, hi}} {
		err := r.try(ctx, part[0], part[1])
		if kind, _ := shard.KindOf(err); err != nil && kind == shard.Data {
			err = r.isolate(ctx, part[0], part[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alone does a lone unit that failed. It is asked once more before it is refused: what it has met may have been written by the application
// at the same moment, and is seen by now.
func (r *redo) alone(ctx context.Context, lo, hi int) error {
	err := r.try(ctx, lo, hi)
	kind, cause := shard.KindOf(err)
	if err == nil || kind != shard.Data {
		return err
	}
	if lo == hi {
		return err // nobody's rows, which cannot be refused
	}
	if _, refused := r.refused[int32(lo)]; refused {
		return err // it cannot even be taken out
	}
	r.refuse(shard.Refusal{Unit: int32(lo), Entry: -1, Cause: cause})
	return r.try(ctx, lo, hi)
}

// try does units lo up to but not including hi under a savepoint. After an error nothing of the part is left.
func (r *redo) try(ctx context.Context, lo, hi int) error {
	if err := r.tgt.Savepoint(ctx); err != nil {
		return err
	}
	p := &redoPart{redo: r, done: newDone(r.mapping), lo: lo, hi: hi, out: maps.Clone(r.refused)}
	err := p.run(ctx)
	if err == nil {
		r.total.add(p.done)
		return r.tgt.Keep(ctx)
	}
	if undone := r.tgt.Undo(ctx); undone != nil {
		return notUndone(err, undone)
	}
	return err
}

// notUndone is the error of a part that failed of err and could not be undone: an outage is why it could not, and of anything else the
// transaction is lost all the same.
func notUndone(err, undone error) error {
	if kind, _ := shard.KindOf(err); kind == shard.Outage {
		return err
	}
	return undone
}
