package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/preflight"
	"rehome/pkg/report"
)

// A look finds something that no row shows.
type look func(context.Context) ([]preflight.Finding, error)

// looks are those that can be taken: without a compiled mapping, at the databases alone.
func (p *Producer) looks(c *mapping.Compiled, full bool) []look {
	all := []look{p.risks, p.binlog}
	if c == nil {
		return all
	}
	with := func(do func(context.Context, *mapping.Compiled) ([]preflight.Finding, error)) look {
		return func(ctx context.Context) ([]preflight.Finding, error) { return do(ctx, c) }
	}
	all = append(all, with(p.engines), with(p.firing), with(p.inTheWay))
	if full {
		all = append(all, with(p.unaccounted))
	}
	return all
}

// risks are what about the target's server can lose rows.
func (p *Producer) risks(ctx context.Context) (out []preflight.Finding, err error) {
	warnings, err := p.Warnings(ctx)
	for _, w := range warnings {
		out = append(out, preflight.Finding{Severity: preflight.Warning, Message: w})
	}
	return out, err
}

// binlog tells where a frozen source can be proved by checksums alone.
func (p *Producer) binlog(ctx context.Context) ([]preflight.Finding, error) {
	position, err := p.Legacy.Position(ctx)
	if err != nil || position.Text != "" {
		return nil, err
	}
	return []preflight.Finding{{
		Severity: preflight.Warning,
		Message: "whether the legacy database changes during the load can be proved by the checksums of its tables alone, which are read " +
			"whole before and after it: " + string(position.Missing),
	}}, nil
}

// noSnapshot are the engines whose tables a consistent snapshot does not cover.
var noSnapshot = []string{"MyISAM", "Aria", "MEMORY", "MRG_MyISAM", "CSV", "ARCHIVE", "FEDERATED"}

// engines names the tables of the entries that know no snapshot.
func (p *Producer) engines(ctx context.Context, c *mapping.Compiled) (out []preflight.Finding, err error) {
	catalog, err := p.Legacy.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for i := range c.File.Tables {
		e := &c.File.Tables[i]
		froms := []mapping.Expr{e.From}
		if e.Gather != nil {
			froms = append(froms, e.Gather.From)
		}
		for _, from := range froms {
			tables, err := mapping.Tables(from.SQL)
			if err != nil {
				return nil, fmt.Errorf("find the tables of %s: %w", from.SQL, err)
			}
			for _, name := range tables {
				t := catalog.Table(name)
				if t == nil || named[t.Name] || !slices.ContainsFunc(noSnapshot, func(engine string) bool { return strings.EqualFold(engine, t.Engine) }) {
					continue
				}
				named[t.Name] = true
				out = append(out, preflight.Finding{
					Severity: preflight.Warning, File: c.File.Source, Line: from.Pos.Line, Column: from.Pos.Col, Path: fmt.Sprintf("tables[%d].from", i),
					Message: fmt.Sprintf("%s is a table of engine %s, which knows no snapshot: what changes while a shard is read is read half", t.Name, t.Engine),
					Fix:     "freeze the legacy database for the load, or ALTER TABLE " + t.Name + " ENGINE = InnoDB",
				})
			}
		}
	}
	return out, nil
}

// firing lists the triggers that the mapping allows to fire: how often is worth knowing.
func (p *Producer) firing(_ context.Context, c *mapping.Compiled) (out []preflight.Finding, err error) {
	for i := range c.File.Tables {
		for _, fire := range c.File.Tables[i].Triggers {
			out = append(out, preflight.Finding{
				Severity: preflight.Information, File: c.File.Source, Line: fire.Pos.Line, Column: fire.Pos.Col,
				Path:    fmt.Sprintf("tables[%d].triggers.%s", i, fire.Name),
				Message: fmt.Sprintf("trigger %s of %s fires for all that is loaded, as the mapping allows", fire.Name, c.Plans[i].Into),
			})
		}
	}
	return out, nil
}

// inTheWay tells what of the target's state a run would refuse, unless it has begun already.
func (p *Producer) inTheWay(ctx context.Context, c *mapping.Compiled) ([]preflight.Finding, error) {
	switch _, err := p.planned(ctx); {
	case err == nil:
		return []preflight.Finding{{
			Severity: preflight.Information,
			Message:  "migration " + p.name() + " is planned already: the rows of its users may stand in the target, and are not looked at",
		}}, nil
	case !notPlanned(err):
		return nil, err
	}
	err := p.vacant(ctx, p.Pool, c)
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return []preflight.Finding{{Severity: preflight.Warning, Message: "a run would refuse: " + refusal.Reason}}, nil
	}
	return nil, err
}

// unaccounted finds rows of the legacy tables that end nowhere: a run would call them unexplained.
func (p *Producer) unaccounted(ctx context.Context, c *mapping.Compiled) (out []preflight.Finding, err error) {
	tables := make([]string, len(c.Plans))
	for i, plan := range c.Plans {
		tables[i] = plan.Source
	}
	rows, err := p.Legacy.ClosingCounts(ctx, tables)
	if err != nil {
		return nil, err
	}
	all, err := p.legacyTables(ctx, c, tables, rows)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if f := missed(c, t); f != nil {
			out = append(out, *f)
		}
	}
	return out, nil
}

// missed is the finding of a legacy table whose rows do not all end somewhere; nil where they do.
func missed(c *mapping.Compiled, t report.Legacy) *preflight.Finding {
	f := &preflight.Finding{Severity: preflight.Problem, Cause: "unexplained:" + t.Table, Rows: t.Unexplained, File: c.File.Source}
	source := slices.IndexFunc(c.Plans, func(p *mapping.RowPlan) bool { return p.Source == t.Table && p.GatheredBy == nil })
	joined := slices.IndexFunc(c.File.Tables, func(e mapping.Entry) bool {
		return slices.ContainsFunc(e.Joins, func(j mapping.Join) bool { return j.Table == t.Table && j.Use == mapping.JoinEach })
	})
	entry := source
	switch {
	case t.Unexplained > 0 && source >= 0:
		f.Message = fmt.Sprintf("%d rows of %s meet the where of no entry, and would be unexplained", t.Unexplained, t.Table)
		f.Fix = "write rest: leave in one of the entries, or an entry that takes them"
	case t.Unexplained > 0:
		entry = joined
		f.Message = fmt.Sprintf("%d rows of %s are used by the join never, or more than once, and would be unexplained", t.Unexplained, t.Table)
		f.Fix = "write joins: {" + t.Table + ": lookup} if that is as it should be, or mend the data"
	case t.LeftOut > 0:
		f.Severity, f.Cause, f.Rows = preflight.Information, "rest:"+t.Table, t.LeftOut
		f.Message = fmt.Sprintf("%d rows of %s meet the where of no entry, and are left out by rest: leave", t.LeftOut, t.Table)
	default:
		return nil
	}
	if entry >= 0 && entry < len(c.File.Tables) {
		pos := c.File.Tables[entry].Pos
		f.Line, f.Column, f.Path = pos.Line, pos.Col, fmt.Sprintf("tables[%d]", entry)
	}
	return f
}
