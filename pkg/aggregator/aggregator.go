// Package aggregator is the body of the aggregator program: it collects receipts into a tally that can be watched, comes to the
// verdict from the ledger, has the workers audit both sides, and explains users. But for audits it writes nothing, so that any number
// of them, started at any time, see the same.
package aggregator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// Report comes to the verdict on a migration from the ledger alone. The error wraps ledger.ErrNotFound if there is none of that name.
func Report(ctx context.Context, l *ledger.Ledger, name, version string) (*report.Report, error) {
	return ReportBy(ctx, l, name, version, nil)
}

// ReportBy is Report where a census may have been taken: it holds unless a shard has ended since. Nil is none.
func ReportBy(ctx context.Context, l *ledger.Ledger, name, version string, taken *ledger.CensusAsOf) (*report.Report, error) {
	facts, err := l.Facts(ctx, name)
	if err != nil {
		return nil, err
	}
	census, err := l.CensusBy(ctx, name, taken)
	if err != nil {
		return nil, err
	}
	record, err := recordOf(&facts.Migration)
	if err != nil {
		return nil, err
	}
	f := report.Facts{
		Migration: facts.Migration.Name, Run: facts.Migration.Run, Rehome: version,
		Rules: facts.Rules, ShardRows: record.ShardRows, Accepted: record.Accepted, Started: facts.Migration.StartedAt, Now: time.Now().UTC(), Key: facts.Migration.SealKey(),
		Users: report.Users{
			Planned: record.Users, Appeared: census.Appeared, Migrated: facts.Users.Migrated, Quarantined: facts.Users.Quarantined,
			LeftOut: census.LeftOut, Vanished: census.Vanished, Pending: census.Pending,
		},
	}
	addSums(&f, record, facts)
	for _, add := range []func() error{
		func() (err error) { f.Mappings, err = mappings(ctx, l, facts); return err },
		func() error { return addAgain(ctx, l, &facts.Migration, &f) },
		func() error { return addDead(ctx, l, name, &f) },
		func() error { return addCosts(ctx, l, name, record, &f) },
		func() error { return addWaves(ctx, l, record, facts, &f) },
		func() error { return addClosing(&facts.Migration, &f) },
	} {
		if err := add(); err != nil {
			return nil, err
		}
	}
	return report.Build(f), nil
}

// addSums adds what the receipts and the parts say.
func addSums(f *report.Facts, record *plan.Record, facts *ledger.Facts) {
	f.Sums = make([]shard.Table, len(record.Entries))
	for i, e := range record.Entries {
		f.Entries = append(f.Entries, report.Entry{Into: e.Into, From: e.From, Rows: e.Rows})
		f.Sums[i].Entry = i
	}
	for _, t := range facts.Tables {
		f.Sums[t.Entry] = t
	}
	for _, c := range facts.Causes {
		f.Causes = append(f.Causes, report.Cause{Cause: c.Cause.Cause, Users: c.Users, Rows: c.Rows, SampleKeys: notNil(c.Samples)})
	}
	for _, d := range facts.Discards {
		f.Discarded = append(f.Discarded, report.Discarded{Shard: d.Ordinal, Users: d.Read, Rows: d.Rows(), Reason: d.Reason, At: d.At})
	}
	for _, p := range facts.Parts {
		if p.State != ledger.Valid {
			f.Off = append(f.Off, report.Constraint{Name: p.Name, Table: p.Table, State: string(p.State), Violations: p.Violations})
		}
	}
}

func addWaves(ctx context.Context, l *ledger.Ledger, record *plan.Record, facts *ledger.Facts, f *report.Facts) error {
	gates, err := l.Gates(ctx, facts.Migration.Name)
	if err != nil {
		return err
	}
	waves(f, record, facts.Waves, gates)
	return nil
}

// addClosing adds what the end of the load has found out, if it has been there.
func addClosing(m *ledger.Migration, f *report.Facts) error {
	if len(m.Closing) == 0 {
		return nil
	}
	f.Closing = new(report.Closing)
	if err := json.Unmarshal(m.Closing, f.Closing); err != nil {
		return fmt.Errorf("read the closing counts of migration %s in the ledger: %w", m.Name, err)
	}
	return nil
}

// mappings returns the hashes of those that something was done by, and of the one that holds now, in the order in which they were accepted.
func mappings(ctx context.Context, l *ledger.Ledger, facts *ledger.Facts) ([]string, error) {
	accepted, err := l.Accepted(ctx, facts.Migration.Name)
	if err != nil {
		return nil, err
	}
	var hashes []string
	for _, a := range accepted {
		used := a.Hash == facts.Migration.Mapping || slices.Contains(facts.Mappings, a.Hash)
		if used && !slices.Contains(hashes, a.Hash) {
			hashes = append(hashes, a.Hash)
		}
	}
	return hashes, nil
}

// addAgain adds what doing units again has met, and what was kept of what was lost.
func addAgain(ctx context.Context, l *ledger.Ledger, m *ledger.Migration, f *report.Facts) error {
	conflicts, err := l.Conflicts(ctx, m)
	if err != nil {
		return err
	}
	at := map[[2]string]int{}
	for _, c := range conflicts {
		key := [2]string{f.Entries[c.Entry].Into, string(c.Kind)}
		i, known := at[key]
		if !known {
			i, at[key] = len(f.Conflicts), len(f.Conflicts)
			f.Conflicts = append(f.Conflicts, report.Conflict{Table: key[0], Kind: key[1], SampleKeys: []string{}})
		}
		f.Conflicts[i].Rows += c.Rows
		if c.Settled {
			f.Conflicts[i].Settled += c.Rows
		} else {
			f.Conflicts[i].SampleKeys = append(f.Conflicts[i].SampleKeys, c.Samples...)
		}
	}
	originals, err := l.Originals(ctx, m.Name)
	for _, o := range originals {
		kept := report.Original{Table: f.Entries[o.Entry].Into, Column: o.Column, Rule: o.Rule, Rows: o.Rows}
		i := slices.IndexFunc(f.Originals, func(k report.Original) bool {
			return k.Table == kept.Table && k.Column == kept.Column && k.Rule == kept.Rule
		})
		if i < 0 {
			f.Originals = append(f.Originals, kept)
			continue
		}
		f.Originals[i].Rows += kept.Rows
	}
	return err
}

func recordOf(m *ledger.Migration) (*plan.Record, error) {
	var record plan.Record
	if err := json.Unmarshal(m.Plan, &record); err != nil {
		return nil, fmt.Errorf("read the plan of migration %s in the ledger: %w", m.Name, err)
	}
	return &record, nil
}

// waves sums up the mapping's waves and all shards.
func waves(f *report.Facts, record *plan.Record, progress []ledger.Wave, gates []ledger.Gate) {
	states := gateStates(record, progress, gates)
	for i, w := range record.Waves {
		f.Waves = append(f.Waves, report.Wave{Name: w.Name, Users: report.WaveUsers{Planned: w.Users},
			Gate: states[i].state, Override: states[i].override, Why: states[i].why})
	}
	for _, p := range progress {
		f.Shards.Planned += int64(p.Planned + p.Done + p.Dead + p.Discarded)
		f.Shards.Done += int64(p.Done)
		f.Shards.Dead += int64(p.Dead)
		f.Shards.Discarded += int64(p.Discarded)
		f.Shards.Pending += int64(p.Planned)
		if p.Wave < len(f.Waves) {
			f.Waves[p.Wave].Users.Migrated, f.Waves[p.Wave].Users.Quarantined = p.Migrated, p.Quarantined
		}
	}
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
