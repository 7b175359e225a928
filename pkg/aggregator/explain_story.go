package aggregator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/ledger"
	"rehome/pkg/plan"
	"rehome/pkg/report"
	"rehome/pkg/shard"
)

// tell takes over what the ledger knows.
func (e *explainer) tell(s *ledger.Story) {
	o := e.out
	o.User, o.State, o.Cause, o.Planned = strings.Join(e.key, "/"), s.State, s.Cause, s.Planned
	if !s.Known {
		o.State = "unknown"
		if s.Planned {
			o.State = "pending"
		}
	}
	for _, c := range s.Shards {
		o.Shards = append(o.Shards, ExplainedShard{
			Shard: c.ID.String(), Kind: c.Kind, Wave: e.wave(c.Wave), State: string(c.State), Attempts: c.Attempt, Failures: c.Failures,
			Trace: c.TraceID, Mapping: c.Mapping, Error: c.Error, Done: c.Done,
		})
	}
	e.tables(s)
	for _, r := range s.Refusals {
		row := ExplainedRow{Table: e.table(r.Entry), Row: legacyKey(r.LegacyKey), Cause: r.Cause}
		for _, other := range r.Others {
			row.Others = append(row.Others, strings.Join(other, "/"))
		}
		e.value(&row)
		o.SetAside = append(o.SetAside, row)
	}
	for _, w := range s.Waits {
		row := ExplainedRow{Table: e.table(w.Entry), Row: legacyKey(w.LegacyKey), Cause: w.Cause,
			Needs: w.Needs + " " + spellKey(w.NeedsKey, e.record, e.feeder(w.Needs))}
		if e.value(&row); row.Value != nil {
			row.Needs += ", in the legacy database " + *row.Value
		}
		o.Waiting = append(o.Waiting, row)
	}
	for _, c := range s.Conflicts {
		o.Conflicts = append(o.Conflicts, ExplainedConflict{Table: e.table(c.Entry), Row: spellKey(c.TargetKey, e.record, c.Entry), Kind: c.Kind, Settled: c.Settled})
	}
	for _, lost := range s.Originals {
		o.Originals = append(o.Originals, ExplainedOriginal{Table: e.table(lost.Entry), Column: lost.Column, Rule: lost.Rule, Rows: lost.Rows})
	}
}

// discarded adds why shards were let go.
func (e *explainer) discarded(ctx context.Context) error {
	if !slices.ContainsFunc(e.out.Shards, func(s ExplainedShard) bool { return s.State == string(shard.Discarded) }) {
		return nil
	}
	discards, err := e.ledger.Discards(ctx, e.m.Name)
	for i := range e.out.Shards {
		for _, d := range discards {
			if s := &e.out.Shards[i]; s.Shard == d.ID.String() {
				s.Reason = d.Reason
			}
		}
	}
	return err
}

// value adds what the row's column of the cause holds, if it was read.
func (e *explainer) value(row *ExplainedRow) {
	if value, known := e.values[[3]string{row.Table, row.Row, row.Cause}]; known {
		row.Value = &value
	}
}

func (e *explainer) wave(n int) string {
	if n < len(e.record.Waves) {
		return cmp.Or(e.record.Waves[n].Name, fmt.Sprint(n))
	}
	return "(after the last)"
}

func (e *explainer) table(entry int) string {
	if entry < 0 || entry >= len(e.record.Entries) {
		return ""
	}
	return e.record.Entries[entry].Into
}

// feeder returns an entry that feeds the table.
func (e *explainer) feeder(table string) int {
	for i, entry := range e.record.Entries {
		if entry.Into == table {
			return i
		}
	}
	return -1
}

// tables counts rows by entry, those without any left out.
func (e *explainer) tables(s *ledger.Story) {
	all := make([]ExplainedTable, len(e.record.Entries))
	for i, entry := range e.record.Entries {
		all[i].Table, all[i].From = entry.Into, firstWord(entry.From)
	}
	for _, rows := range s.Standing {
		all[rows.Entry].Standing += rows.Rows
	}
	for _, sum := range s.Sums {
		t := &all[sum.Entry]
		t.SetAside, t.LeftOut, t.Gathered = t.SetAside+sum.SetAside, t.LeftOut+sum.LeftOut, t.Gathered+sum.Gathered
	}
	for _, w := range s.Waits {
		all[w.Entry].Waiting++
	}
	for _, t := range all {
		if t.Standing+t.SetAside+t.Waiting+t.LeftOut+t.Gathered != 0 {
			e.out.Tables = append(e.out.Tables, t)
		}
	}
}

func legacyKey(raw []byte) string {
	if key, err := keyspace.Unmarshal(raw); err == nil && key != nil {
		return strings.Join(key, "/")
	}
	return "(not known which)"
}

// advise says what to do, a sentence for each cause.
func (e *explainer) advise() {
	o := e.out
	say := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(o.Next, text) {
			o.Next = append(o.Next, text)
		}
	}
	switch o.State {
	case "unknown":
		e.adviseUnknown(say)
	case "pending":
		say("The user is planned and no shard has come to them yet: let producer run go on.")
	case "vanished":
		say("The legacy database had no such user any more when the user was to be done again: nothing is to be done.")
	}
	for _, s := range o.Shards {
		if s.State == string(shard.Discarded) {
			_, id, _ := strings.Cut(s.Shard, "/")
			say("The user's shard was let go (%s): producer dead republish %s takes it back.", s.Reason, id)
		}
	}
	collides := func(r ExplainedRow) bool { return r.Cause == o.Cause && len(r.Others) > 0 } // which says more
	if o.State == "quarantined" && !slices.ContainsFunc(o.SetAside, collides) {
		say("%s", report.Remedy(o.Cause))
	}
	for _, row := range o.SetAside {
		if len(row.Others) > 0 {
			say("Users %s hold the same value under %s: change it for all but one of them in the legacy database, or have the mapping make them differ, "+
				"and start producer run.", strings.Join(append([]string{o.User}, row.Others...), ", "), report.Subject(row.Cause))
			continue
		}
		say("%s", report.Remedy(row.Cause))
	}
	for _, row := range o.Waiting {
		say("A row of %s waits for %s, and comes in by itself when that arrives; if it never will, declare missing: to_null or leave for %s in the mapping, "+
			"and start producer run.", row.Table, row.Needs, report.Subject(row.Cause))
	}
	for _, c := range o.Conflicts {
		if !c.Settled {
			say("The target itself has %s a row of %s: leave it, or let the legacy database's row take its place with aggregator audit --repair --on-conflict legacy.",
				c.Kind, c.Table)
		}
	}
	if len(o.Next) == 0 {
		say("Nothing is to be done.")
	}
}

func (e *explainer) adviseUnknown(say func(string, ...any)) {
	switch e.out.Legacy {
	case "absent":
		say("Neither the legacy database nor the ledger knows a user with this key: is it spelled as %s has it?", "users.key")
	case "present":
		say("The legacy database has the user, and no shard has read them: they have come since the plan, and the next producer run brings them.")
	default:
		say("The ledger does not know a user with this key; give LEGACY_DSN to ask the legacy database.")
	}
}

// spellKey spells a target key for the person who asks.
func spellKey(key []byte, record *plan.Record, entry int) string {
	return strings.Join(targetKey(key, record, entry), "/")
}
