package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mostAdvised is how many causes, constraints and the like are told with what to do; those that kept out most come first.
const mostAdvised = 5

// advice says what is to be done about all that is not clean, a sentence for each.
func (r *Report) advice() []string {
	var next []string
	say := func(format string, args ...any) { next = append(next, fmt.Sprintf(format, args...)) }
	r.adviseRun(say)
	if n := r.Shards.Dead; n > 0 {
		say("producer dead list tells why %s dead, producer dead show ID all about one: mend what is wrong, then producer dead republish --all and producer run; "+
			"or let one go with producer dead discard ID --reason TEXT", plural(n, "shard is", "shards are"))
	}
	r.adviseSums(say)
	r.adviseCauses(say)
	if r.leftInConflict() > 0 {
		say("Rows that the target itself has changed stay as they are, unless the legacy database's take their place: aggregator audit --repair --on-conflict legacy")
	}
	r.adviseTarget(say)
	if r.FinishedAt != nil && r.Consistency == "unproved" && r.Accepted == "" {
		say("Show that nobody wrote to the legacy database during the run, and say so in the mapping with legacy: {accept_unproved: why}; " +
			"or bring what has changed with producer run --again")
	}
	return next
}

// adviseRun tells how a run that is not over goes on.
func (r *Report) adviseRun(say func(string, ...any)) {
	if r.Verdict != Incomplete {
		return
	}
	closed := false
	for _, w := range r.Waves {
		if w.Gate == GateClosed {
			closed = true
			say("The gate of wave %s is closed: mend the mapping, republish or discard what is dead, or raise the limit of the gate, and start producer run; "+
				"or go on all the same with producer run --pass %s", w.Name, w.Name)
		}
	}
	if !closed {
		say("producer run goes on with what is left")
	}
}

// adviseSums tells what to do about sums that do not come out even.
func (r *Report) adviseSums(say func(string, ...any)) {
	off := r.Users.Unexplained() != 0 || slices.ContainsFunc(r.Legacy, func(l Legacy) bool { return l.Unexplained != 0 }) ||
		slices.ContainsFunc(r.Tables, func(t Table) bool { return t.Unexplained != 0 || t.Expected != t.Stored || t.Read != t.Source })
	if off && r.Shards.Dead == 0 {
		say("aggregator audit reads both sides again and tells which rows differ; aggregator audit --repair does their users again")
	}
}

func (r *Report) adviseCauses(say func(string, ...any)) {
	if r.Users.Quarantined > 0 {
		say("aggregator explain USER tells for one user what keeps them out, and what to do")
	}
	for _, c := range r.worst()[:min(len(r.Causes), mostAdvised)] {
		say("%s: %s", c.Cause, strings.TrimSuffix(Remedy(c.Cause), "."))
	}
}

// worst returns the causes, those that kept out most users, and then most rows, first.
func (r *Report) worst() []Cause {
	sorted := slices.Clone(r.Causes)
	slices.SortStableFunc(sorted, func(a, b Cause) int {
		return cmp.Or(-cmp.Compare(a.Users, b.Users), -cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Cause, b.Cause))
	})
	return sorted
}

func (r *Report) adviseTarget(say func(string, ...any)) {
	if r.FinishedAt == nil {
		return
	}
	told := 0
	for _, c := range r.Constraints {
		if c.State == "valid" {
			continue
		}
		if told++; told <= mostAdvised {
			say("Correct or delete the rows of %s that constraint %s refuses; producer run puts it back", c.Table, c.Name)
		}
	}
	for _, s := range r.Sequences {
		if s.State != "ok" {
			say("Set sequence %s above the highest value of its column (setval) before anybody inserts rows", s.Name)
		}
	}
}
