package audit

import (
	"cmp"
	"slices"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A tally collects what one shard's audit finds.
type tally struct {
	counts   map[shard.Audited]int64 // by what is counted, with Rows 0
	findings []shard.Finding
	suspects map[string]shard.Suspect
}

func newTally() *tally {
	return &tally{counts: map[shard.Audited]int64{}, suspects: map[string]shard.Suspect{}}
}

func (t *tally) count(what shard.Audited) { t.counts[what]++ }

func (t *tally) find(limit int, f shard.Finding) {
	if len(t.findings) < limit {
		t.findings = append(t.findings, f)
	}
}

func (t *tally) suspect(s shard.Suspect) { t.suspects[string(s.Of)+"/"+string(s.Unit.Marshal())] = s }

func (t *tally) result() *shard.AuditResult {
	r := &shard.AuditResult{Findings: t.findings}
	for what, n := range t.counts {
		what.Rows = n
		r.Counts = append(r.Counts, what)
	}
	slices.SortFunc(r.Counts, func(a, b shard.Audited) int {
		return cmp.Or(cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	for _, s := range t.suspects {
		r.Suspects = append(r.Suspects, s)
	}
	slices.SortFunc(r.Suspects, func(a, b shard.Suspect) int {
		return cmp.Or(cmp.Compare(a.Of, b.Of), slices.Compare(a.Unit, b.Unit))
	})
	return r
}

// find reports a row in which both sides differ.
func (r *run) find(plan *mapping.RowPlan, f shard.Finding) {
	f.Entry = plan.Ordinal
	r.tally.count(shard.Audited{Entry: f.Entry, Class: f.Class})
	r.tally.find(r.limits.Findings, f)
	if s, ok := r.unit(plan, f); ok {
		r.tally.suspect(s)
	}
}

// unit returns what would have to be done again for a row. A row without a user whose unit is not its own key cannot be named so.
func (r *run) unit(plan *mapping.RowPlan, f shard.Finding) (shard.Suspect, bool) {
	switch {
	case r.shard.Of.ByUser():
		return shard.Suspect{Of: shard.OfUsers, Entry: -1, Unit: keyspace.Key{string(f.User)}}, f.User != nil
	case r.shard.Of == shard.Unowned, r.shard.Of == shard.OwnKey && slices.Equal(plan.Key, plan.SourceKey):
		key, err := keyspace.Unmarshal(f.LegacyKey)
		return shard.Suspect{Of: r.shard.Of, Entry: plan.Ordinal, Unit: key}, err == nil && key != nil
	}
	return shard.Suspect{}, false
}
