package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/report"
	"rehome/pkg/target"
)

// The phases of a run that the producer does by itself, as the report names them.
const (
	phasePlan        = "plan"
	phaseAnalyze     = "analyze"
	phaseSettle      = "settle"
	phaseConstraints = "constraints"
	phaseIndexes     = "indexes"
	phaseSequences   = "sequences"
	phaseCounts      = "closing counts"
)

func phaseOf(part target.Part) string {
	if part.Kind == target.Index {
		return phaseIndexes
	}
	return phaseConstraints
}

// end ends the load: settling, constraints, indexes and statistics, with most of the closing counts beside them, and sequences, in an order that a crash at any point
// leaves to be gone on with.
func (r *Run) end(ctx context.Context) error {
	err := r.ending(ctx)
	if late, is := errors.AsType[*tooLate](err); is {
		return r.outOfTime(ctx, late.sight, late.why)
	}
	if err != nil || r.options.Until.At.IsZero() {
		return err
	}
	return r.ledger.ClearDeadline(ctx, r.m.Name) // for what comes after the run, such as an audit
}

func (r *Run) ending(ctx context.Context) error {
	if err := r.loaded(ctx); err != nil {
		return err
	}
	_, parts, err := r.detached(ctx)
	if err != nil {
		return err
	}
	if err := r.estimate(ctx, parts); err != nil {
		return err
	}
	pausepoint.At("settling_begins")
	err = r.stage(ctx, stage{phaseSettle, "looking for collisions and for rows that have to wait", "settling", r.mapping.Fed()}, func(ctx context.Context) error {
		return r.settle(ctx, parts)
	})
	if err != nil {
		return err
	}
	pausepoint.At("settled")
	var c closing
	if err := r.attach(ctx, r.counting(&c)); err != nil {
		return err
	}
	pausepoint.At("attached")
	return r.counts(ctx, &c)
}

// estimate gathers what settling is planned by: its anti-joins take hours by a plan made for the few rows that autovacuum, or a load before a
// reset, has seen. Full statistics come when all is put back.
func (r *Run) estimate(ctx context.Context, parts []target.Part) error {
	var tables []string
	for _, part := range parts {
		if part.Kind != target.Index {
			tables = append(tables, part.Table)
		}
		if part.Kind == target.ForeignKey {
			tables = append(tables, part.References)
		}
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	if len(tables) == 0 {
		return nil
	}
	return r.stage(ctx, stage{phaseAnalyze, "statistics for settling", "estimates", tables}, func(ctx context.Context) error {
		return r.inTx(ctx, func(tx pgx.Tx) error { return target.Estimate(ctx, tx, tables) })
	})
}

// counts moves the sequences on, and closes the counts.
func (r *Run) counts(ctx context.Context, c *closing) error {
	tables := r.mapping.Fed()
	var sequences []target.SequenceState
	err := r.stage(ctx, stage{phaseSequences, "sequences", "sequences", tables}, func(ctx context.Context) (err error) {
		sequences, err = target.Sequences(ctx, r.Pool, tables)
		return err
	})
	if err != nil {
		return err
	}
	return r.stage(ctx, stage{phaseCounts, "closing counts", "closing", nil}, func(ctx context.Context) error { return r.close(ctx, c, sequences) })
}

// loaded notes that the load is over, unless shards were republished in the last moment: from here on nobody can.
func (r *Run) loaded(ctx context.Context) error {
	if err := r.ledger.SetState(ctx, r.m.Name, ledger.Settling); err != nil {
		return err
	}
	r.m.State = ledger.Settling
	left, err := r.ledger.Left(ctx, r.m.Name)
	if n := left.Load + left.Redo; err == nil && n > 0 {
		return &Stopped{fmt.Sprintf("%d shards were republished as the load was about to end; the next run goes on with them", n)}
	}
	return err
}

// Finish puts constraints and indexes of a run that died back, after it has taken out what they would refuse. It refuses while shards are
// still to be done: rows that are there need rows that are not, and would be taken out.
func (p *Producer) Finish(ctx context.Context) (*report.Report, error) {
	r, err := p.resume(ctx, func(ctx context.Context) (*Run, error) { return p.open(ctx, sameMapping) })
	if notPlanned(err) {
		return nil, refuse("migration %s is not in the ledger of this target: there is nothing to finish", p.name())
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.m.State == ledger.Planned {
		return nil, refuse("migration %s is planned, and no constraint was taken off yet: there is nothing to finish", p.name())
	}
	if err := r.survey(ctx); err != nil {
		return nil, err
	}
	if left := r.left.Load + r.left.Redo; left > 0 {
		return nil, refuse("%d shards of migration %s are still to be done, and rows that have arrived refer to theirs: producer run goes on and "+
			"puts the constraints back at its end, producer reset takes out what has arrived", left, r.m.Name)
	}
	if r.planned.Redo != nil {
		return nil, refuse("there are users of migration %s who are to be done again: producer run goes on with that", r.m.Name)
	}
	if !r.Finished() {
		if err := r.end(ctx); err != nil {
			return nil, err
		}
	}
	return r.Report(ctx)
}
