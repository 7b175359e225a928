package producer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/report"
	"rehome/pkg/shard"
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

// end ends the load: settling, constraints and indexes, sequences, statistics, closing counts, in an order that a crash at any point
// leaves to be gone on with.
func (r *Run) end(ctx context.Context) error {
	if err := r.loaded(ctx); err != nil {
		return err
	}
	all := r.mapping.Fed()
	// The anti-joins of settling take hours by a plan made for the few rows that autovacuum, or a load before a reset, has seen.
	err := r.stage(ctx, stage{phaseAnalyze, "statistics", "statistics", all}, func(ctx context.Context) error { return target.Analyze(ctx, r.Pool, all) })
	if err != nil {
		return err
	}
	pausepoint.At("settling_begins")
	_, parts, err := r.detached(ctx)
	if err != nil {
		return err
	}
	err = r.stage(ctx, stage{phaseSettle, "looking for collisions and for rows that have to wait", "settling", all}, func(ctx context.Context) error {
		return r.settle(ctx, parts)
	})
	if err != nil {
		return err
	}
	pausepoint.At("settled")
	if err := r.attach(ctx); err != nil {
		return err
	}
	pausepoint.At("attached")
	var sequences []target.SequenceState
	err = r.stage(ctx, stage{phaseSequences, "sequences", "sequences", all}, func(ctx context.Context) (err error) {
		sequences, err = target.Sequences(ctx, r.Pool, all)
		return err
	})
	if err != nil {
		return err
	}
	err = r.stage(ctx, stage{phaseAnalyze, "statistics of what was put back", "statistics", all}, func(ctx context.Context) error { return target.Analyze(ctx, r.Pool, all) })
	if err != nil {
		return err
	}
	err = r.stage(ctx, stage{phaseCounts, "closing counts", "counts", all}, func(ctx context.Context) error { return r.close(ctx, sequences) })
	if err != nil || r.options.Until.At.IsZero() {
		return err
	}
	return r.ledger.ClearDeadline(ctx, r.m.Name) // for what comes after the run, such as an audit
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

// attach puts constraints and indexes back, those that others stand on first. One that rows violate is noted, and the others go on.
func (r *Run) attach(ctx context.Context) error {
	known, parts, err := r.detached(ctx)
	if err != nil {
		return err
	}
	for i, part := range parts {
		what := fmt.Sprintf("putting back %d of %d: %s of %s", i+1, len(parts), part.Name, part.Table)
		err := r.stage(ctx, stage{phaseOf(part), what, string(part.Kind), []string{part.Table}}, func(ctx context.Context) error {
			return r.attachPart(ctx, known[i], part)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) attachPart(ctx context.Context, known ledger.Part, part target.Part) error {
	state := ledger.Valid
	err := r.conn(ctx, func(conn *pgx.Conn) error { return target.Attach(ctx, conn, part) })
	if kind, _ := shard.KindOf(err); err != nil && kind == shard.Data {
		r.Log.ErrorContext(ctx, "a constraint could not be put back", "migration", r.m.Name, "table", part.Table, "constraint", part.Name, "err", err)
		state, err = ledger.Violated, nil
	}
	if err != nil {
		return fmt.Errorf("put %s of %s back: %w", part.Name, part.Table, err)
	}
	pausepoint.At("attaching")
	return r.inTx(ctx, func(tx pgx.Tx) error { return r.ledger.SetPart(ctx, tx, r.m.Name, known.Ordinal, state, 0) })
}

// close counts both sides once more and keeps what it found.
func (r *Run) close(ctx context.Context, sequences []target.SequenceState) error {
	if err := r.recount(ctx); err != nil {
		return err
	}
	closing := report.Closing{Again: r.ended(), Sequences: []report.Sequence{}}
	for _, s := range sequences {
		closing.Sequences = append(closing.Sequences, report.Sequence(s))
	}
	_, off, err := r.detached(ctx)
	if err != nil {
		return err
	}
	states, err := target.State(ctx, r.Pool, r.mapping.Fed(), off)
	if err != nil {
		return err
	}
	for _, s := range states {
		closing.Constraints = append(closing.Constraints, report.Constraint(s))
	}
	for _, table := range r.mapping.Fed() {
		rows, err := target.CountKeys(ctx, r.Pool, table)
		if err != nil {
			return err
		}
		closing.Standing = append(closing.Standing, report.Standing{Table: table, Rows: rows})
	}
	tables := make([]string, len(r.mapping.Plans))
	for i, p := range r.mapping.Plans {
		tables[i] = p.Source
	}
	if closing.Rows, err = r.Legacy.ClosingCounts(ctx, tables); err != nil {
		return err
	}
	if closing.Legacy, err = r.legacyTables(ctx, r.mapping, tables, closing.Rows); err != nil {
		return err
	}
	position, err := r.Legacy.Position(ctx)
	if err != nil {
		return err
	}
	if closing.Consistency, err = r.consistency(ctx, position.Text); err != nil {
		return err
	}
	body, err := r.dated(closing)
	if err != nil {
		return fmt.Errorf("encode the closing counts: %w", err)
	}
	return r.ledger.SetClosing(ctx, r.m.Name, body, position.Text, closing.Consistency)
}

// dated encodes the closing counts with the time at which they were first found to be these.
func (r *Run) dated(closing report.Closing) ([]byte, error) {
	var last report.Closing
	if len(r.m.Closing) > 0 {
		if err := json.Unmarshal(r.m.Closing, &last); err != nil {
			return nil, err
		}
	}
	before, err := json.Marshal(last)
	if err != nil {
		return nil, err
	}
	closing.Finished = last.Finished
	body, err := json.Marshal(closing)
	if err != nil || bytes.Equal(body, before) {
		return body, err
	}
	closing.Finished = time.Now().UTC()
	return json.Marshal(closing)
}

// legacyTables sums up each legacy table that feeds the target: rows that no entry takes, and rows of a joined table that are not
// used once.
func (p *Producer) legacyTables(ctx context.Context, c *mapping.Compiled, tables []string, rows []int64) ([]report.Legacy, error) {
	out := []report.Legacy{}
	for i, table := range tables {
		if slices.Index(tables, table) < i {
			continue
		}
		var plans []*mapping.RowPlan
		leave := false
		for j, plan := range c.Plans {
			if tables[j] == table {
				plans = append(plans, plan)
				leave = leave || j < len(c.File.Tables) && c.File.Tables[j].Rest == mapping.RestLeave
			}
		}
		unused, err := p.Legacy.Unused(ctx, plans)
		if err != nil {
			return nil, err
		}
		l := report.Legacy{Table: table, Rows: rows[i], Used: rows[i] - unused}
		if leave {
			l.LeftOut = unused
		} else {
			l.Unexplained = unused
		}
		out = append(out, l)
	}
	joined, err := p.joinedTables(ctx, c)
	return append(out, joined...), err
}

func (p *Producer) joinedTables(ctx context.Context, c *mapping.Compiled) ([]report.Legacy, error) {
	catalog, err := p.Legacy.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	var out []report.Legacy
	for i, entry := range c.File.Tables {
		plan := c.Plans[i]
		for _, join := range entry.Joins {
			if join.Use != mapping.JoinEach {
				continue
			}
			key, err := mapping.JoinedKey(plan.From, catalog.Table(join.Table))
			if err != nil {
				return nil, err
			}
			use, err := p.Legacy.JoinedUse(ctx, plan, legacy.Joined{Table: join.Table, Key: key})
			if err != nil {
				return nil, err
			}
			out = append(out, report.Legacy{Table: join.Table, Rows: use.Rows, Used: use.Used, Unexplained: use.Rows - use.Used + use.Uses - use.Used})
		}
	}
	return out, nil
}

// consistency tells what was proved about the source: frozen, where nothing was committed from the plan to now, or since it was last said that
// everyone is to be done again. It does not look at counts: those that differ though nothing was changed are an error of ours, and the
// verdict has to say so.
func (r *Run) consistency(ctx context.Context, position string) (string, error) {
	since, checks := r.m.PositionPlanned, r.planned.Checks
	if begun := r.planned.Again; begun != nil {
		since, checks = begun.Position, begun.Checks
	}
	var frozen bool
	if since == "" {
		sums, err := r.checksums(ctx, r.mapping)
		if err != nil {
			return "", err
		}
		frozen = slices.Equal(sums, checks)
	} else {
		read, err := r.positions(ctx)
		if err != nil {
			return "", err
		}
		if frozen, err = r.Legacy.Standstill(ctx, append(read, since, position)); err != nil {
			return "", err
		}
	}
	if frozen {
		return "frozen", nil
	}
	return "unproved", nil
}

// positions returns where the legacy binlog stood when what counts was read.
func (r *Run) positions(ctx context.Context) (all []string, err error) {
	begun := r.planned.Again
	if begun == nil {
		facts, err := r.ledger.Facts(ctx, r.m.Name)
		if err != nil {
			return nil, err
		}
		return facts.Positions, nil
	}
	receipts, _, err := r.ledger.Receipts(ctx, r.m.Name, begun.Since)
	for _, receipt := range receipts {
		if !receipt.Started.IsZero() && receipt.State != shard.Dead { // settling reads nothing, and of the dead nothing counts
			all = append(all, receipt.Position)
		}
	}
	return all, err
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
