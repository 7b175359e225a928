package report

import (
	"fmt"
	"slices"
	"strings"
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
	ShardRows              int64 // of a planned shard at most
	Waves                  []Wave
	Sums                   []shard.Table // over all receipts, one for each entry
	Rules                  []shard.Rule
	Causes                 []Cause
	Discarded              []Discarded
	Conflicts              []Conflict
	Originals              []Original
	Off                    []Constraint // taken off for the load and not back yet
	Closing                *Closing     // nil until the load has ended
	Accepted               string       // why an unproved source is good enough
	Started                time.Time
	Now                    time.Time
	Dead                   []DeadCause
	Servers                Servers
	Begun                  *Begun
	Timings                Timings
	Spent                  []TableTime // by entry, or shorter
	Throughput             Throughput
	Key                    []byte // of the seal; nil makes none
}

// An Entry is one entry of the mapping's tables, with the rows of its row source as the plan counted them.
type Entry struct {
	Into, From string
	Rows       int64
}

// A Closing is what the end of the load found out; the ledger keeps it.
type Closing struct {
	Consistency string       `json:"consistency"`
	Rows        []int64      `json:"rows"`     // of each entry's row source
	Standing    []Standing   `json:"standing"` // of each fed table
	Legacy      []Legacy     `json:"legacy"`
	Constraints []Constraint `json:"constraints"`
	Sequences   []Sequence   `json:"sequences"`
	Again       bool         `json:"again,omitempty"` // the load has ended before, and the target may be in use since
	Finished    time.Time    `json:"finished_at"`
}

// Build computes the report.
func Build(f Facts) *Report {
	r := &Report{
		Migration: f.Migration, Run: f.Run, Rehome: f.Rehome, Mapping: f.Mappings, Consistency: "unproved", Accepted: f.Accepted,
		Users: f.Users, Shards: f.Shards, ShardRows: f.ShardRows, Waves: f.Waves, Causes: f.Causes, Discarded: f.Discarded, Conflicts: f.Conflicts, Originals: f.Originals,
		Constraints: f.Off, StartedAt: f.Started, Reasons: []string{}, Legacy: []Legacy{}, Sequences: []Sequence{},
		Dead: f.Dead, Servers: f.Servers, Begun: f.Begun, Timings: f.Timings, Throughput: f.Throughput, key: f.Key,
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
	r.Rules = f.rules()
	r.Seconds = toMillis(max(0, end.Sub(f.Started))) // the two may come from different clocks
	if r.Seconds > 0 {
		r.RowsPerSec = int64(float64(written) / r.Seconds)
	}
	r.judge(f)
	r.Next = r.advice()
	return r
}

// rules sums up what the rules changed by column of the target, which several entries may feed, in the order of the entries. What
// was taken out of the target again is no change.
func (f *Facts) rules() []Rule {
	sums, at := []Rule{}, map[Rule]int{}
	for _, rule := range f.Rules {
		key := Rule{Table: f.Entries[rule.Entry].Into, Column: rule.Column, Rule: rule.Rule}
		i, ok := at[key]
		if !ok {
			i, at[key] = len(sums), len(sums)
			sums = append(sums, key)
		}
		sums[i].Rows += rule.Rows
	}
	return slices.DeleteFunc(sums, func(r Rule) bool { return r.Rows == 0 })
}

func (f *Facts) table(i int, e Entry, consistency string) Table {
	s := f.Sums[i]
	t := Table{
		Into: e.Into, From: e.From, Planned: e.Rows, Source: s.Source, Read: s.Read, Written: s.Written, Gathered: s.Gathered,
		SetAside: s.SetAside, Waiting: s.Waiting, LeftOut: s.LeftOut, Changed: s.Changed, Extra: s.Extra, Unexplained: s.Unexplained(),
		Expected: s.Expected, Stored: s.Stored,
	}
	if i < len(f.Spent) {
		t.Bytes, t.Seconds = f.Spent[i].Bytes, toMillis(f.Spent[i].Took)
	}
	if f.Closing != nil {
		t.Closing = f.Closing.Rows[i]
		if f.Shards.Dead > 0 { // whose rows no shard has counted
			return t
		}
		if missed := abs(t.Closing - t.Source); consistency == "frozen" && t.Unexplained < 0 {
			t.Unexplained -= missed // the two must not cancel out
		} else if consistency == "frozen" {
			t.Unexplained += missed
		}
	}
	return t
}

func abs(n int64) int64 { return max(n, -n) }

// judge comes to the verdict. A reason that the target is wrong outweighs one that something was kept out, and while the run is not
// over, neither counts.
func (r *Report) judge(f Facts) {
	r.Verdict = Clean
	over := r.Shards.Pending == 0 && f.Closing != nil
	if !over {
		r.Verdict, r.exit = Incomplete, exitGoOn
		r.Reasons = append(r.Reasons, r.todo())
		r.judgeGates()
	}
	wrong := func(format string, args ...any) { r.because(exitWrong, format, args...) }
	kept := func(format string, args ...any) { r.because(exitKeptOut, format, args...) }
	for _, t := range r.Tables {
		r.judgeTable(t, wrong, kept)
	}
	for _, l := range r.Legacy {
		if l.Unexplained != 0 {
			wrong("%s of the legacy table %s unexplained", plural(l.Unexplained, "row", "rows"), l.Table+isAre(l.Unexplained))
		}
	}
	r.judgeUsers(over, f.Closing != nil && f.Closing.Again, wrong, kept)
	r.judgeConflicts(kept)
	if f.Closing != nil {
		r.judgeTarget(wrong)
		r.judgeStanding(f.Closing, wrong)
	}
	if f.Closing != nil && r.Consistency == "unproved" && f.Accepted == "" {
		kept("source not proved unchanged")
	}
}

// todo tells what is still to be done.
func (r *Report) todo() string {
	if r.Shards.Pending == 0 {
		return "the load has not been ended yet: constraints, sequences and closing counts are still to be done"
	}
	return plural(r.Shards.Pending, "shard", "shards") + " and " + plural(r.Users.Pending, "user", "users") + " are still to be done"
}

// judgeGates tells what stops a run that is not over.
func (r *Report) judgeGates() {
	for _, w := range r.Waves {
		if w.Gate == GateClosed {
			r.Reasons = append(r.Reasons, fmt.Sprintf("the gate of wave %s is closed: %s", w.Name, strings.Join(w.Why, "; ")))
		}
	}
}

// judgeUsers looks at the population. Doing users again meets them as they are by then, frozen or not.
func (r *Report) judgeUsers(over, again bool, wrong, kept func(string, ...any)) {
	u := r.Users
	if n := u.Unexplained(); n != 0 {
		wrong("%s unexplained", plural(n, "user is", "users are"))
	}
	if r.Consistency == "frozen" && !again && u.Appeared+u.Vanished != 0 {
		wrong("%s and %s though nothing was changed in the source", plural(u.Appeared, "user appeared", "users appeared"), Number(u.Vanished)+" vanished")
	}
	if u.Quarantined > 0 {
		kept("%s quarantined", plural(u.Quarantined, "user is", "users are"))
	}
	if dead := r.Shards.Dead; dead > 0 && !over {
		kept("%s dead", plural(dead, "shard is", "shards are"))
	} else if dead > 0 {
		kept("%s dead, which leaves %s to be done", plural(dead, "shard is", "shards are"), plural(u.Pending, "user", "users"))
	} else if over && u.Pending > 0 {
		kept("%s still to be done", plural(u.Pending, "user is", "users are"))
	}
}

func (r *Report) judgeTable(t Table, wrong, kept func(string, ...any)) {
	name := r.nameOf(&t)
	if t.Unexplained != 0 {
		wrong("%s of %s unexplained", plural(t.Unexplained, "row", "rows"), name+isAre(t.Unexplained))
	}
	if t.Read != t.Source {
		wrong("%s: %s read, and %s counted", name, plural(t.Read, "row was", "rows were"), Number(t.Source))
	}
	if t.Expected != t.Stored {
		wrong("%s: what is stored is not what was sent", name)
	}
	if t.SetAside > 0 {
		kept("%s of %s set aside", plural(t.SetAside, "row", "rows"), name+isAre(t.SetAside))
	}
	if t.Waiting > 0 {
		kept("%s of %s for a row that is not there", plural(t.Waiting, "row", "rows"), name+choose(t.Waiting, " waits", " wait"))
	}
	if t.Written == 0 && t.Stored != (checksum.Sum{}) {
		wrong("%s: the sum of no row is not zero", name)
	}
}

// nameOf names the entry by its table, and by what it reads where several entries feed that.
func (r *Report) nameOf(t *Table) string {
	for i := range r.Tables {
		if other := &r.Tables[i]; other.Into == t.Into && other.From != t.From {
			return t.Into + " from " + cut(t.From, 40)
		}
	}
	return t.Into
}

// judgeConflicts tells how many rows stay as the target has made them. Those that gave way did so because somebody said so.
func (r *Report) judgeConflicts(kept func(string, ...any)) {
	if left := r.leftInConflict(); left > 0 {
		kept("%s in conflict with the target's own changes: kept as they are", plural(left, "row is", "rows are"))
	}
}

func (r *Report) leftInConflict() (rows int64) {
	for _, c := range r.Conflicts {
		rows += c.Rows - c.Settled
	}
	return rows
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
	if r.Verdict == Clean || r.Verdict == Unclean && exit < r.exit {
		r.Verdict, r.exit = Unclean, exit
	}
}

// plural spells how many there are of something.
func plural(n int64, one, many string) string { return Number(n) + " " + choose(n, one, many) }

func isAre(n int64) string { return choose(n, " is", " are") }

func choose(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
