package producer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/pausepoint"
	"rehome/pkg/plan"
	"rehome/pkg/shard"
	"rehome/pkg/target"
)

// A Draft is a plan that nobody has committed.
type Draft struct {
	Mapping  *mapping.Compiled
	Plan     *plan.Plan
	Parts    []target.Part // what would come off the fed tables for the load
	Warnings mapping.Faults
}

// Plan plans the migration without writing anything. It refuses one of which the ledger has a plan: that one is the plan.
func (p *Producer) Plan(ctx context.Context) (*Draft, error) {
	switch m, err := p.planned(ctx); {
	case err == nil:
		return nil, refuse("migration %s is planned already, and %s: aggregator report shows how far it has come, and producer reset takes it out", m.Name, m.State)
	case !notPlanned(err):
		return nil, err
	}
	c, warnings, err := p.Check(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.vacant(ctx, p.Pool, c); err != nil {
		return nil, err
	}
	made, err := plan.Make(ctx, c, p.Legacy, shard.ID{Migration: p.name()})
	if err != nil {
		return nil, err
	}
	parts, err := p.parts(ctx, p.Pool, made.Record(c).Entries)
	return &Draft{Mapping: c, Plan: made, Parts: parts, Warnings: warnings}, err
}

// planned returns the migration as the ledger has it, without a change to the ledger; where it has none, notPlanned knows the error.
func (p *Producer) planned(ctx context.Context) (*ledger.Migration, error) {
	if err := p.conn(ctx, func(conn *pgx.Conn) error { return ledger.CheckVersion(ctx, conn) }); err != nil {
		return nil, err
	}
	return p.ledger().Load(ctx, p.name())
}

// Begin takes the right to be the only run of the migration, plans it if nobody has, and makes its target ready for the load. A planned
// one goes on, also by another mapping that mends its own; where everyone is to be done again, by any that makes the same rows of the same
// users. Nothing is written before all guards have let it pass. The error is a *Refusal where one has not, a *Stopped where the legacy
// schema has changed since the plan, or the time is up, and a mapping.Faults where the mapping does not fit. The caller closes the Run.
func (p *Producer) Begin(ctx context.Context, o Options) (*Run, error) {
	lock, err := p.lock(ctx)
	if err != nil {
		return nil, err
	}
	change := mend
	if o.Again {
		change = again
	}
	r, err := p.begin(ctx, change, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close(context.WithoutCancel(ctx)))
	}
	r.lock = lock
	return r, nil
}

func (p *Producer) begin(ctx context.Context, change changed, o Options) (*Run, error) {
	r, err := p.open(ctx, func(ctx context.Context, r *Run, canonical []byte) error {
		if err := r.mayPass(ctx, o.Pass); err != nil {
			return err
		}
		return change(ctx, r, canonical)
	})
	if notPlanned(err) {
		if o.Pass != "" {
			return nil, openGate(o.Pass)
		}
		start := time.Now()
		if err := p.commitPlan(ctx); err != nil {
			return nil, err
		}
		if err := p.ledger().NotePhase(ctx, p.name(), phasePlan, "plan", time.Since(start)); err != nil {
			return nil, err
		}
		r, err = p.open(ctx, sameMapping)
	}
	if err != nil {
		return nil, err
	}
	pausepoint.At("planned")
	risks, err := r.Warnings(ctx)
	if err != nil {
		return nil, err
	}
	for _, risk := range risks {
		r.Log.WarnContext(ctx, risk, "migration", r.m.Name)
	}
	if r.m.Halted != nil { // what it was halted for is over, or open would have said so
		r.Log.InfoContext(ctx, "the migration was halted and goes on", "migration", r.m.Name, "halted", *r.m.Halted)
		if err := r.ledger.Lift(ctx, r.m.Name); err != nil {
			return nil, err
		}
	}
	if err := r.detach(ctx); err != nil {
		return nil, err
	}
	r.options, r.heeds = o, true
	if err := r.survey(ctx); err != nil || r.Finished() {
		return r, err
	}
	begun := ledger.Begun{By: o.By, Rehome: r.Version, Legacy: r.Legacy.Server()}
	if err := r.ledger.NoteBegun(ctx, r.m.Name, begun); err != nil {
		return nil, err
	}
	return r, r.limitTime(ctx)
}

// commitPlan plans the migration and commits the plan: from then on it is the plan.
func (p *Producer) commitPlan(ctx context.Context) error {
	from, to, err := p.identities(ctx)
	if err != nil {
		return err
	}
	c, catalog, warnings, err := p.compile(ctx)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		p.Log.WarnContext(ctx, w.String(), "migration", p.name())
	}
	if err := p.vacant(ctx, p.Pool, c); err != nil {
		return err
	}
	position, err := p.Legacy.Position(ctx)
	if err != nil {
		return err
	}
	var checks []string
	if position.Text == "" {
		p.Log.WarnContext(ctx, "that the source is unchanged will be proved by table checksums: "+string(position.Missing), "migration", p.name())
		if checks, err = p.checksums(ctx, c); err != nil {
			return err
		}
	}
	var made *plan.Plan
	making, inner := errgroup.WithContext(ctx)
	making.Go(func() (err error) {
		made, err = plan.Make(inner, c, p.Legacy, shard.ID{Migration: p.name()})
		return err
	})
	making.Go(func() error { return p.install(inner) })
	if err := making.Wait(); err != nil {
		return err
	}
	if c.File.Users.ShardRows == 0 {
		p.Log.InfoContext(ctx, "shard_rows: auto has found its number", "migration", p.name(), "shard_rows", made.ShardRows)
	}
	record := made.Record(c)
	record.TimeZone, record.Accepted = p.File.Legacy.TimeZone.Text, p.File.Legacy.AcceptUnproved.Text
	record.Catalog, record.Checks = usedTables(c, catalog), checks
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode the plan of migration %s: %w", p.name(), err)
	}
	_, err = p.ledger().Create(ctx, ledger.Plan{
		Migration: ledger.Migration{
			Name: p.name(), Mapping: c.Hash, Fingerprint: c.Fingerprint, Legacy: from, Target: to, PositionPlanned: position.Text, Plan: body,
		},
		Canonical: mapping.Canonical(p.File), Cells: cells(made), Shards: made.Shards,
	})
	return err
}

// install makes the target ready for a plan of the migration.
func (p *Producer) install(ctx context.Context) error {
	return p.conn(ctx, func(conn *pgx.Conn) error {
		if err := ledger.Install(ctx, conn); err != nil {
			return err
		}
		return ledger.Prepare(ctx, conn, p.name())
	})
}

func cells(made *plan.Plan) iter.Seq2[ledger.Cell, error] {
	return func(yield func(ledger.Cell, error) bool) {
		for i := range made.Cells {
			cell := &made.Cells[i]
			if i == len(made.Cells)/2 {
				pausepoint.At("planning")
			}
			if !yield(ledger.Cell{Range: keyspace.Range{After: cell.After, Through: cell.Through}, Hashes: cell.Hashes}, nil) {
				return
			}
		}
	}
}

// usedTables reduces the catalog to what the mapping feeds.
func usedTables(c *mapping.Compiled, catalog *mapping.TargetCatalog) *mapping.TargetCatalog {
	out := &mapping.TargetCatalog{Server: catalog.Server}
	for _, name := range c.Fed() {
		out.Tables = append(out.Tables, *catalog.Table(name))
	}
	return out
}

// checksums returns those of all legacy tables that the mapping reads: a row can change by a lookup as well as by its own table.
func (p *Producer) checksums(ctx context.Context, c *mapping.Compiled) ([]string, error) {
	froms := []string{c.Keys.From}
	for _, row := range c.Plans {
		froms = append(froms, row.From)
	}
	var tables []string
	for _, from := range froms {
		names, err := mapping.Tables(from)
		if err != nil {
			return nil, fmt.Errorf("find the tables of %s: %w", from, err)
		}
		for _, name := range names {
			if !slices.Contains(tables, name) {
				tables = append(tables, name)
			}
		}
	}
	return p.Legacy.Checksums(ctx, tables)
}

// vacant refuses tables that hold rows or are in use: their constraints could not come off.
func (p *Producer) vacant(ctx context.Context, db target.DB, c *mapping.Compiled) error {
	v, err := target.Vacant(ctx, db, c.Fed())
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(v.Rows)) {
		if v.Rows[table] {
			return refuse("table %s of the target holds rows that no manifest of ours knows: empty it, or name another target; loading into a table in use is not supported yet", table)
		}
	}
	if len(v.InUse) > 0 {
		return refuse("somebody else uses the target's tables: %s; end that first, constraints come off during the load", strings.Join(v.InUse, "; "))
	}
	return nil
}

// parts returns what comes off the tables that the entries feed, in the order in which it is put back.
func (p *Producer) parts(ctx context.Context, db target.DB, entries []plan.Entry) ([]target.Part, error) {
	kept := map[[2]string]bool{}
	var tables []string
	for _, e := range entries {
		kept[[2]string{e.Into, e.KeyName}] = true
		if !slices.Contains(tables, e.Into) {
			tables = append(tables, e.Into)
		}
	}
	parts, err := target.Detachable(ctx, db, tables, func(table, name string) bool { return kept[[2]string{table, name}] })
	if err != nil {
		return nil, err
	}
	target.Order(parts)
	return parts, nil
}
