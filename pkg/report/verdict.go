package report

import (
	"fmt"
	"time"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// Exit statuses of the verdict.
const (
	exitClean   = 0
	exitWrong   = 3
	exitKeptOut = 4
	exitGoOn    = 7
)

// Facts are what the ledger holds of a run.
type Facts struct {
	Migration, Run, Rehome string
	Mappings               []string
	Entries                []Entry
	Users                  Users
	Shards                 Shards
	Waves                  []Wave
	Sums                   []shard.Table // over all receipts, one for each entry
	Rules                  []shard.Rule
	Causes                 []Cause
	Off                    []Constraint // taken off for the load and not back yet
	Closing                *Closing     // nil until the load has ended
	Accepted               string       // why an unproved source is good enough
	Started                time.Time
	Now                    time.Time
}

// An Entry is one entry of the mapping's tables, with the rows of its row source as the plan counted them.
type Entry struct {
	Into, From string
	Rows       int64
}

// A Closing is what the end of the load found out; the ledger keeps it.
type Closing struct {
	Consistency string       `json:"consistency"`
	Rows        []int64      `json:"rows"` // of each entry's row source
	Legacy      []Legacy     `json:"legacy"`
	Constraints []Constraint `json:"constraints"`
	Sequences   []Sequence   `json:"sequences"`
	Finished    time.Time    `json:"finished_at"`
}

// Build computes the report.
func Build(f Facts) *Report {
	r := &Report{
		Migration: f.Migration, Run: f.Run, Rehome: f.Rehome, Mapping: f.Mappings, Consistency: "unproved", Accepted: f.Accepted,
		Users: f.Users, Shards: f.Shards, Waves: f.Waves, Causes: f.Causes, Constraints: f.Off, StartedAt: f.Started,
		Reasons: []string{}, Legacy: []Legacy{}, Sequences: []Sequence{},
	}
	end := f.Now
	if f.Closing != nil {
		end = f.Closing.Finished
		r.FinishedAt, r.Consistency = &end, f.Closing.Consistency
		r.Legacy, r.Constraints, r.Sequences = f.Closing.Legacy, f.Closing.Constraints, f.Closing.Sequences
	}
	var written int64
	for i, e := range f.Entries {
		r.Tables = append(r.Tables, f.table(i, e, r.Consistency))
		written += f.Sums[i].Written
	}
	for _, rule := range f.Rules {
		r.Rules = append(r.Rules, Rule{Table: f.Entries[rule.Entry].Into, Column: rule.Column, Rule: rule.Rule, Rows: rule.Rows})
	}
	r.Seconds = end.Sub(f.Started).Seconds()
	if r.Seconds > 0 {
		r.RowsPerSec = int64(float64(written) / r.Seconds)
	}
	r.judge(f)
	return r
}

func (f *Facts) table(i int, e Entry, consistency string) Table {
	s := f.Sums[i]
	t := Table{
		Into: e.Into, From: e.From, Planned: e.Rows, Source: s.Source, Read: s.Read, Written: s.Written, Gathered: s.Gathered,
		SetAside: s.SetAside, Waiting: s.Waiting, LeftOut: s.LeftOut, Changed: s.Changed, Unexplained: s.Unexplained(),
		Expected: s.Expected, Stored: s.Stored,
	}
	if f.Closing != nil {
		t.Closing = f.Closing.Rows[i]
		if consistency == "frozen" {
			t.Unexplained += abs(t.Closing - t.Source)
		}
	}
	return t
}

func abs(n int64) int64 { return max(n, -n) }

// judge comes to the verdict. A reason that the target is wrong outweighs one that something was kept out.
func (r *Report) judge(f Facts) {
	r.Verdict = Clean
	wrong := func(format string, args ...any) { r.because(exitWrong, format, args...) }
	kept := func(format string, args ...any) { r.because(exitKeptOut, format, args...) }
	for _, t := range r.Tables {
		r.judgeTable(t, wrong, kept)
	}
	for _, l := range r.Legacy {
		if l.Unexplained != 0 {
			wrong("%d rows of the legacy table %s are unexplained", l.Unexplained, l.Table)
		}
	}
	if n := r.Users.Unexplained(); n != 0 {
		wrong("%d users are unexplained", n)
	}
	r.judgeTarget(wrong)
	if r.Users.Quarantined > 0 {
		kept("%d users are quarantined", r.Users.Quarantined)
	}
	if r.Shards.Dead > 0 {
		kept("%d shards are dead, and %d users wait for them", r.Shards.Dead, r.Users.Pending)
	}
	if f.Closing != nil && r.Consistency == "unproved" && f.Accepted == "" {
		kept("source not proved unchanged")
	}
	if r.Shards.Pending > 0 || f.Closing == nil {
		r.Verdict, r.exit = Incomplete, exitGoOn
		r.Reasons = append([]string{fmt.Sprintf("%d shards and %d users are still to be done", r.Shards.Pending, r.Users.Pending)}, r.Reasons...)
	}
}

func (r *Report) judgeTable(t Table, wrong, kept func(string, ...any)) {
	if t.Unexplained != 0 {
		wrong("%d rows of %s are unexplained", t.Unexplained, t.Into)
	}
	if t.Read != t.Source {
		wrong("%s: %d rows were read, and %d counted", t.Into, t.Read, t.Source)
	}
	if t.Expected != t.Stored {
		wrong("%s: what is stored is not what was sent", t.Into)
	}
	if t.SetAside > 0 {
		kept("%d rows of %s are set aside", t.SetAside, t.Into)
	}
	if t.Waiting > 0 {
		kept("%d rows of %s wait for a row that is not there", t.Waiting, t.Into)
	}
	if t.Written == 0 && t.Stored != (checksum.Sum{}) {
		wrong("%s: the sum of no row is not zero", t.Into)
	}
}

func (r *Report) judgeTarget(wrong func(string, ...any)) {
	for _, c := range r.Constraints {
		if c.State != "valid" {
			wrong("constraint %s of %s is %s", c.Name, c.Table, c.State)
		}
	}
	for _, s := range r.Sequences {
		if s.State != "ok" {
			wrong("sequence %s is behind", s.Name)
		}
	}
}

func (r *Report) because(exit int, format string, args ...any) {
	r.Reasons = append(r.Reasons, fmt.Sprintf(format, args...))
	if r.Verdict == Clean || exit < r.exit {
		r.Verdict, r.exit = Unclean, exit
	}
}
