package producer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/report"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// How many tables are looked at together when the load has ended. The legacy database has others to serve.
const (
	targetAtOnce = 4
	legacyAtOnce = 2
)

// each does do with every one of the tables and its place, so many at the same time.
func each(ctx context.Context, atOnce int, tables []string, do func(ctx context.Context, i int, table string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, table := range tables {
		group.Go(func() error { return do(ctx, i, table) })
	}
	return group.Wait()
}

// A closing is what is found out about both sides when the load has ended.
type closing struct {
	report.Closing
	sums []string // checksums of the legacy tables, where nothing else tells whether they have changed
}

// counting returns what counts both sides once more, for which nothing needs to be put back: settling was the last to change a row of ours.
func (r *Run) counting(c *closing) []task {
	fed := r.mapping.Fed()
	return []task{
		func(ctx context.Context) error {
			return r.stage(ctx, stage{phaseCounts, "closing counts of the legacy database", "counts", fed}, func(ctx context.Context) error {
				return r.sources(ctx, c)
			})
		},
		func(ctx context.Context) error {
			return r.stage(ctx, stage{phaseCounts, "closing counts of the target", "standing", fed}, func(ctx context.Context) error {
				return r.standing(ctx, c, fed)
			})
		},
		r.takeCensus,
	}
}

// close keeps what was found out, together with what can be told only now that all is put back.
func (r *Run) close(ctx context.Context, c *closing, sequences []target.SequenceState) error {
	if err := r.recount(ctx); err != nil {
		return err
	}
	c.Again, c.Sequences = r.ended(), []report.Sequence{}
	for _, s := range sequences {
		c.Sequences = append(c.Sequences, report.Sequence(s))
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
		c.Constraints = append(c.Constraints, report.Constraint(s))
	}
	position, err := r.Legacy.Position(ctx)
	if err != nil {
		return err
	}
	if c.Consistency, err = r.consistency(ctx, position.Text, c.sums); err != nil {
		return err
	}
	body, err := r.dated(c.Closing)
	if err != nil {
		return fmt.Errorf("encode the closing counts: %w", err)
	}
	return r.ledger.SetClosing(ctx, r.m.Name, body, position.Text, c.Consistency)
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

// standing adds how many rows the target's tables have.
func (r *Run) standing(ctx context.Context, c *closing, tables []string) error {
	c.Standing = make([]report.Standing, len(tables))
	return each(ctx, targetAtOnce, tables, func(ctx context.Context, i int, table string) error {
		rows, err := target.CountKeys(ctx, r.Pool, table)
		c.Standing[i] = report.Standing{Table: table, Rows: rows}
		return err
	})
}

// sources adds the rows of each entry's row source, and what became of the legacy tables. Each is counted in a snapshot of its own: where they
// differ the source was not frozen. Checksums are taken behind them: what comes in between is a change, and no row that nobody explains.
func (r *Run) sources(ctx context.Context, c *closing) (err error) {
	tables := make([]string, len(r.mapping.Plans))
	for i, p := range r.mapping.Plans {
		tables[i] = p.Source
	}
	distinct := once(tables)
	counts := make([]int64, len(distinct))
	err = each(ctx, legacyAtOnce, distinct, func(ctx context.Context, i int, table string) error {
		rows, err := r.Legacy.ClosingCounts(ctx, []string{table})
		if err == nil {
			counts[i] = rows[0]
		}
		return err
	})
	if err != nil {
		return err
	}
	c.Rows = make([]int64, len(tables))
	for i, table := range tables {
		c.Rows[i] = counts[slices.Index(distinct, table)]
	}
	c.Legacy, err = r.legacyTables(ctx, r.mapping, tables, c.Rows)
	if since, _ := r.since(); err == nil && since == "" {
		c.sums, err = r.checksums(ctx, r.mapping)
	}
	return err
}

// once returns each of the names once, in their order.
func once(names []string) (out []string) {
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// legacyTables sums up each legacy table that feeds the target: rows that no entry takes, and rows of a joined table that are not
// used once.
func (p *Producer) legacyTables(ctx context.Context, c *mapping.Compiled, tables []string, rows []int64) ([]report.Legacy, error) {
	distinct := once(tables)
	out := make([]report.Legacy, len(distinct))
	err := each(ctx, legacyAtOnce, distinct, func(ctx context.Context, i int, table string) (err error) {
		out[i], err = p.legacyTable(ctx, c, tables, table, rows[slices.Index(tables, table)])
		return err
	})
	if err != nil {
		return nil, err
	}
	joined, err := p.joinedTables(ctx, c)
	return append(out, joined...), err
}

func (p *Producer) legacyTable(ctx context.Context, c *mapping.Compiled, tables []string, table string, rows int64) (l report.Legacy, err error) {
	var plans []*mapping.RowPlan
	leave := false
	for i, plan := range c.Plans {
		if tables[i] == table {
			plans = append(plans, plan)
			leave = leave || i < len(c.File.Tables) && c.File.Tables[i].Rest == mapping.RestLeave
		}
	}
	unused, err := p.Legacy.Unused(ctx, plans)
	l = report.Legacy{Table: table, Rows: rows, Used: rows - unused}
	if leave {
		l.LeftOut = unused
	} else {
		l.Unexplained = unused
	}
	return l, err
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

// since returns where the legacy binlog stood when what is to be proved unchanged began: at the plan, or when it was last said that everyone is to be
// done again. It is empty where there is none, and the tables' checksums of then have to do.
func (r *Run) since() (position string, checks []string) {
	if begun := r.planned.Again; begun != nil {
		return begun.Position, begun.Checks
	}
	return r.m.PositionPlanned, r.planned.Checks
}

// consistency tells what was proved about the source: frozen, where nothing was committed since. It does not look at counts: those that differ though
// nothing was changed are an error of ours, and the verdict has to say so.
func (r *Run) consistency(ctx context.Context, position string, sums []string) (string, error) {
	since, checks := r.since()
	frozen := slices.Equal(sums, checks)
	if since != "" {
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
		return r.ledger.Positions(ctx, r.m.Name)
	}
	receipts, _, err := r.ledger.Receipts(ctx, r.m.Name, begun.Since)
	for _, receipt := range receipts {
		if !receipt.Started.IsZero() && receipt.State != shard.Dead { // settling reads nothing, and of the dead nothing counts
			all = append(all, receipt.Position)
		}
	}
	return all, err
}
