package shard

import (
	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
)

// A Class is what an audit finds a row to be, once both sides were read again.
type Class string

// The classes of rows. Those from Changed on are differences.
const (
	Identical     Class = "identical"      // the target holds what the legacy database holds
	ByRule        Class = "by_rule"        // it differs by what a rule of the mapping makes of it
	Unchecked     Class = "unchecked"      // of values, not rows: equal by the migration's own conversion, and the audit has none of its own
	Changed       Class = "changed"        // the target's row is not the one that arrived, nor what the legacy database holds
	Deleted       Class = "deleted"        // the row that arrived is gone from the target
	Added         Class = "added"          // a row of the target that no manifest knows
	Wrong         Class = "wrong"          // the row stands as it arrived, and is not what the legacy database holds: a defect of rehome
	LegacyChanged Class = "legacy_changed" // the row stands as it arrived, and the legacy database's has changed since
	LegacyGone    Class = "legacy_gone"    // the row stands as it arrived, and the legacy database has it no more, or a rule leaves it out by now
	LegacyNew     Class = "legacy_new"     // a row of the legacy database that no shard has seen
)

// A Finding is a row in which both sides differ. It holds keys and names, never a value.
type Finding struct {
	Class     Class
	Entry     int
	User      []byte   // canonical key; nil where the row has no user, or where it cannot be told
	LegacyKey []byte   // as in Arrived; nil where the legacy database has no such row
	TargetKey []byte   // as in Arrived; nil where the target never had one
	Columns   []string // of the target, in which the rows differ; nil where one of them is missing
}

// An Audited counts what an audit came to.
type Audited struct {
	Entry  int
	Class  Class
	Column string // of ByRule and Unchecked: the column, with the rule, whose values are counted; empty where rows are
	Rule   string
	Rows   int64
}

// An AuditResult is what the audit of one shard came to.
type AuditResult struct {
	Counts   []Audited
	Findings []Finding // a limited number; Counts has the true one
	Suspects []Suspect // each once, all of them
	Receipt  Receipt
}

// A Suspect is a unit with a difference: what has to be done again to put it right.
type Suspect struct {
	Of    Kind // of the unit, see Shard.Of
	Entry int  // -1 for users
	Unit  keyspace.Key
}

// A Pair names a row on both sides.
type Pair struct{ TargetKey, LegacyKey []byte }

// A Base is what the manifest knows of a row that stands.
type Base struct {
	Known bool
	Pair
	User   []byte // canonical key; nil for a row without a user
	Digest checksum.Sum
	Moved  bool // the legacy database has a row of that key, which belongs elsewhere or is left out by now
}

// A Stored is a row of the target, spelled twice by the server. It is valid until the next one.
type Stored struct {
	Key   []byte   // as in Arrived.TargetKey
	Tuple []byte   // in binary COPY form
	Texts [][]byte // the fed columns as the server prints them; nil is NULL
}

// An Unmatched is a row of the legacy database for which the manifest has none under the same keys.
type Unmatched struct {
	Pair
	User   []byte
	Counts bool // it would arrive, wait or be refused if it were read now; else a rule leaves it out
}
