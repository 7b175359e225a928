package shard

import (
	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
)

// A List is what a shard of kind Redo does again. Its units are users, or, where Shard.Of is Unowned or OwnKey, the units of Shard.Entry.
type List struct {
	Units     []keyspace.Key // in no order; one that the legacy database no longer has is taken out
	Overwrite bool           // in a conflict the legacy database's row wins; else the target's own changes stay
	Nothing   bool           // the units are taken out, whatever the legacy database holds
	Cause     string         // why the units are quarantined, whatever the legacy database holds; empty for none
	Strays    []Stray        // rows of the target that no manifest knows; taken out only with Overwrite
}

// A Stray is a row of a fed table that is in no manifest.
type Stray struct {
	Entry     int    // any entry that feeds the table
	TargetKey []byte // as in Arrived
}

// A Standing is a row of the manifest that was not taken out again.
type Standing struct {
	Entry     int
	TargetKey []byte // as in Arrived
	LegacyKey []byte // as in Arrived
	Digest    checksum.Sum
}

// An Account is what has become of one unit so far: of a user, or of a row without a user.
type Account struct {
	Known bool   // a shard has read the unit
	State string // of a user: migrated, quarantined, left_out, merged, waiting, redone or vanished; empty where no shard has read the user
	Cause string
	Rows  []Standing
	Waits []Wait  // rows that wait; their Unit means nothing
	Sums  []Table // by entry: SetAside, LeftOut and Gathered alone, of the rows that neither arrived nor wait; without those that the entry's where leaves out. After a redo also Extra: rows that stand though the legacy database no longer has them
	Why   []Cause // what rows of the unit were set aside for, Rows alone: as the receipts have counted them
}

// Counts tells how a user of that state, as in Account, counts among migrated and quarantined users.
func Counts(state string) (migrated, quarantined int64) {
	switch state {
	case "migrated", "redone", "waiting":
		return 1, 0
	case "quarantined":
		return 0, 1
	}
	return 0, 0
}

// A Waiter is a row that waits, with its user.
type Waiter struct {
	User keyspace.Key // nil for a row without a user
	Kind Kind         // of the units that the row's entry is read by where User is nil: Unowned or OwnKey
	Own  keyspace.Key // where User is nil: the unit that the row is read by
	Wait
}

// A Conflict is a row that the target itself has changed, deleted or added since it arrived, met by a redo.
type Conflict struct {
	Unit      int32 // of Outcome.Units
	Entry     int
	LegacyKey []byte // nil for a row that only the target has
	TargetKey []byte
	Kind      ConflictKind
	Settled   bool // the legacy database's row was put in its place, or the row was taken out, as told
}

// A ConflictKind tells what the target itself has done.
type ConflictKind string

// The kinds of conflicts.
const (
	ConflictChanged  ConflictKind = "changed"  // the row is not as it arrived
	ConflictDeleted  ConflictKind = "deleted"  // the row is gone
	ConflictAdded    ConflictKind = "added"    // a row that no manifest knows has the row's key, or belongs to the user
	ConflictReferred ConflictKind = "referred" // the row would have to go, and rows that are not ours refer to it
)

// An Original is what a rule that loses something made something else of, or what was taken out of the target in a conflict.
type Original struct {
	Unit      int32 // of Outcome.Units
	Entry     int
	LegacyKey []byte // nil for a row that only the target had
	TargetKey []byte // nil where the value did not reach the target
	Column    string // empty for a whole row, which is in binary COPY form then
	Rule      string // the rule's name; "conflict" for a row of the target
	Bytes     []byte // nil is NULL
}
