package shard

import (
	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
)

// A Staged is a row as the legacy database has it now, on its way into a redo's comparison.
type Staged struct {
	Unit      int32
	LegacyKey []byte // as in Arrived
	Note      []byte // what the engine wants to have back with the row; nil for nothing
	Tuple     []byte // binary COPY form
}

// A Compared is one key of one entry's table in the up to three versions that a redo compares. Its bytes are valid until the callback
// that has it returns.
type Compared struct {
	TargetKey []byte
	New       *Staged       // what the legacy database has; nil for nothing
	Base      *checksum.Sum // how we left the row; nil where no manifest of the redone units has it
	Unit      int32         // of the base, where there is one and no New
	LegacyKey []byte        // likewise
	Now       []byte        // the target's row in binary COPY form; nil for none
	Beside    bool          // the target has written to a column of its row that nothing feeds
}

// An Action is what a redo does about one key of one entry.
type Action byte

// The actions. Insert, Update, Delete and Replace write, the others do not.
const (
	Keep    Action = 'k' // it stands as we left it, and stays
	Adopt   Action = 'a' // it stands as the legacy database has it, though we left another
	Insert  Action = 'i'
	Update  Action = 'u'
	Delete  Action = 'd'
	Leave   Action = 'c' // a conflict: it stays, or stays away, as the target has it
	Taken   Action = 't' // a conflict: the key is that of a row which is not ours, so that the legacy database's row is set aside
	Waiting Action = 'w' // the legacy database's row waits for another, and nothing stands in its place
	Replace Action = 'v' // the legacy database's row waits, so that what we left goes
	Forget  Action = 'f' // neither has it any more
)

// Writes reports whether the action changes the target.
func (a Action) Writes() bool { return a == Insert || a == Update || a == Delete || a == Replace }

// Stands reports whether the key stands in the manifest after the action.
func (a Action) Stands() bool {
	return a == Keep || a == Adopt || a == Insert || a == Update || a == Leave
}

// A Decision is an action with the conflict that it answers, if it answers one.
type Decision struct {
	Action   Action
	Conflict ConflictKind // empty for none; one whose action writes is settled
}

// A Decided is a Compared with what was decided about it at last. Now is the row as it stands when it is read.
type Decided struct {
	Compared
	Decision
	Entry    *mapping.RowPlan
	Cause    string // of Waiting and Replace: waits:TABLE.COLUMNS
	Needs    string // of the same: schema.table of the needed row
	NeedsKey []byte // and its key
}
