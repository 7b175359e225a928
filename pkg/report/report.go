// Package report turns what the ledger holds into one verdict, with all the sums that lead to it, and renders it. It asks no
// database: the same facts give the same verdict whoever computes it, at any time.
package report

import (
	"time"

	"rehome/pkg/checksum"
)

// The verdicts.
const (
	Clean      = "clean"      // all of it arrived, was verified, and every sum holds
	Unclean    = "unclean"    // the run is over, and something is left to do or to explain
	Incomplete = "incomplete" // the run is not over
)

// A Report is the contract with scripts: its JSON form is described in the documentation and only grows.
type Report struct {
	Migration   string       `json:"migration"`
	Run         string       `json:"run"`
	Rehome      string       `json:"rehome"`
	Mapping     []string     `json:"mapping"`
	Verdict     string       `json:"verdict"`
	Reasons     []string     `json:"reasons"`
	Consistency string       `json:"consistency"`
	Accepted    string       `json:"accept_unproved,omitempty"`
	Users       Users        `json:"users"`
	Shards      Shards       `json:"shards"`
	ShardRows   int64        `json:"shard_rows,omitempty"` // of a planned shard at most, but for one user's; 0 where an older release has planned
	Waves       []Wave       `json:"waves"`
	Tables      []Table      `json:"tables"`
	Legacy      []Legacy     `json:"legacy"`
	Rules       []Rule       `json:"rules"`
	Causes      []Cause      `json:"causes"`
	Discarded   []Discarded  `json:"discarded"`
	Conflicts   []Conflict   `json:"conflicts"`
	Originals   []Original   `json:"originals"`
	Own         []Own        `json:"own"`
	Constraints []Constraint `json:"constraints"`
	Sequences   []Sequence   `json:"sequences"`
	StartedAt   time.Time    `json:"started_at"`
	FinishedAt  *time.Time   `json:"finished_at"`
	Seconds     float64      `json:"seconds"`
	RowsPerSec  int64        `json:"rows_per_second"`
	Dead        []DeadCause  `json:"dead"`
	Next        []string     `json:"next"` // what is to be done, a sentence for each
	Servers     Servers      `json:"servers"`
	Begun       *Begun       `json:"begun,omitempty"` // the last start of a run; nil where an older release noted none
	Timings     Timings      `json:"timings"`
	Throughput  Throughput   `json:"throughput"`
	Made        *Made        `json:"made,omitempty"`
	Digest      string       `json:"digest,omitempty"` // of all else; see Encoded
	Seal        string       `json:"seal,omitempty"`   // of the digest, by a key that only the ledger has

	exit int
	key  []byte // of the seal; nil where it is not known
}

// A DeadCause counts the shards that are dead of one cause; its users and rows are those that the plan counted.
type DeadCause struct {
	Cause  string `json:"cause"`
	Shards int64  `json:"shards"`
	Users  int64  `json:"users"`
	Rows   int64  `json:"rows"`
}

// Servers are the names and versions of the two databases' servers, as the last start of a run met them; empty where they are not known.
type Servers struct {
	Legacy string `json:"legacy"`
	Target string `json:"target"`
}

// A Begun is who started a run last, and with what.
type Begun struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Rehome string    `json:"rehome"` // version of the program
}

// Users are the sums of the population: Planned + Appeared = Migrated + Merged + Quarantined + LeftOut + Vanished + Pending.
type Users struct {
	Planned     int64 `json:"planned"`
	Appeared    int64 `json:"appeared"`
	Migrated    int64 `json:"migrated"`
	Merged      int64 `json:"merged"`
	Quarantined int64 `json:"quarantined"`
	LeftOut     int64 `json:"left_out"`
	Vanished    int64 `json:"vanished"`
	Pending     int64 `json:"pending"`
}

// Unexplained returns how many users ended nowhere; below zero, how many ended more than once.
func (u Users) Unexplained() int64 {
	return u.Planned + u.Appeared - u.Migrated - u.Merged - u.Quarantined - u.LeftOut - u.Vanished - u.Pending
}

// Shards counts shards by how they ended. Those that were split count by their parts.
type Shards struct {
	Planned   int64 `json:"planned"`
	Done      int64 `json:"done"`
	Dead      int64 `json:"dead"`
	Discarded int64 `json:"discarded"`
	Pending   int64 `json:"pending"`
}

// A Wave is one cohort.
type Wave struct {
	Name  string    `json:"name"`
	Users WaveUsers `json:"users"`
	Gate  string    `json:"gate"` // passed, closed or open

	Override bool     `json:"gate_override,omitempty"` // passed all the same, as the operator said
	Why      []string `json:"gate_reasons,omitempty"`  // why it is closed, or was
}

// The states of a gate. That of the last wave, which nothing stands behind, has passed when nothing of the wave is left to do.
const (
	GatePassed = "passed"
	GateClosed = "closed"
	GateOpen   = "open" // nobody has judged it yet
)

// WaveUsers counts the users of a wave.
type WaveUsers struct {
	Planned     int64 `json:"planned"`
	Migrated    int64 `json:"migrated"`
	Quarantined int64 `json:"quarantined"`
}

// A Table is one entry of the mapping with its sums: Source = Read = Written + Gathered + SetAside + Waiting + LeftOut.
type Table struct {
	Into        string       `json:"into"`
	From        string       `json:"from"`
	Planned     int64        `json:"planned_rows"`
	Source      int64        `json:"source_rows"`
	Closing     int64        `json:"closing_rows"`
	Read        int64        `json:"read"`
	Written     int64        `json:"written"`
	Gathered    int64        `json:"gathered"`
	SetAside    int64        `json:"set_aside"`
	Waiting     int64        `json:"waiting"`
	LeftOut     int64        `json:"left_out"`
	Changed     int64        `json:"changed_by_rule"`
	Extra       int64        `json:"extra,omitempty"` // rows written beyond the first that a join with many made of one source row
	Unexplained int64        `json:"unexplained"`
	Bytes       int64        `json:"bytes"`   // encoded, that were copied; 0 where nobody has measured it, as is the next
	Seconds     float64      `json:"seconds"` // of all slots that were at it, one after the other
	Expected    checksum.Sum `json:"expected_checksum"`
	Stored      checksum.Sum `json:"stored_checksum"`
}

// Legacy is what became of the rows of a legacy table as a whole, over all entries that use it.
type Legacy struct {
	Table       string `json:"table"`
	Rows        int64  `json:"rows"`
	Used        int64  `json:"used"`
	LeftOut     int64  `json:"left_out"`
	Unexplained int64  `json:"unexplained"`
}

// A Rule counts the rows in which a declared rule changed a column.
type Rule struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rule   string `json:"rule"`
	Rows   int64  `json:"rows"`
}

// A Cause counts what one cause kept out. A sample key that is neither a number nor a UUID is a keyed hash.
type Cause struct {
	Cause      string   `json:"cause"`
	Users      int64    `json:"users"`
	Rows       int64    `json:"rows"`
	SampleKeys []string `json:"sample_keys"`
}

// A Conflict counts the rows of a table that the target itself has changed since they arrived, as far as doing users again has met them.
type Conflict struct {
	Table      string   `json:"table"`
	Kind       string   `json:"kind"`        // changed, deleted, added or referred, as package shard has them
	Rows       int64    `json:"rows"`        // all of them
	Settled    int64    `json:"settled"`     // those in whose place the legacy database's row was put, as told; the others stay as they are
	SampleKeys []string `json:"sample_keys"` // of the others: as in Cause
}

// An Original counts the values, or whole rows where Column is empty, that are kept as they were before a rule lost something of them.
type Original struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Rule   string `json:"rule"`
	Rows   int64  `json:"rows"`
}

// An Own is a fed table that holds more or fewer rows than were written, as the target has been in use since the load ended.
type Own struct {
	Table   string `json:"table"`
	Rows    int64  `json:"rows"`
	Written int64  `json:"written"`
}

// A Constraint is one constraint or unique index of a fed table.
type Constraint struct {
	Name       string `json:"name"`
	Table      string `json:"table"`
	State      string `json:"state"` // valid, violated or off
	Violations int64  `json:"violations"`
}

// A Sequence is one sequence that a fed table owns.
type Sequence struct {
	Name  string `json:"name"`
	State string `json:"state"` // ok or behind
}

// Exit returns the exit status that the verdict promises: 0 clean, 3 the target is not what it should be, 4 something was kept out
// or is not proved, 7 the run is not over.
func (r *Report) Exit() int { return r.exit }
