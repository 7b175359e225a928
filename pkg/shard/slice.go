package shard

import (
	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// A Slice is a part of a shard that is read by itself: the units of a range, or only some of them.
type Slice struct {
	Kind  Kind
	Entry *mapping.RowPlan // whose rows the units are; nil where units are users
	Range keyspace.Range
	Where string         // the wave's condition; empty for none
	Only  []keyspace.Key // nil for all units of the range; else just these, which lie in it
	Rows  []keyspace.Key // nil for all rows of the units; else just those that have one of these keys of the row source

	// Has reports whether users of the range include the one who has the key, in the form of Row.Unit. It may be nil; else whose a row is need not
	// be asked of the database.
	Has func(unit []byte) bool
}

// A Counted is how many rows of an entry's row source belong to a slice, and how many of these a condition leaves out.
type Counted struct{ Source, LeftOut int64 }

// A Row is one row of an entry as the legacy database gives it.
type Row struct {
	Unit       []byte       // canonical text of the unit's key, see keyspace.Key.Canonical
	Key        keyspace.Key // of the row source's primary key
	Cells      []value.Cell // the entry's Select, in order, then a cell for each gathered column
	Attributes Attributes
}

// Attributes are what became of the attribute rows of the user whom a row belongs to, where its entry gathers them.
type Attributes struct {
	Rows     int64        // all that there are
	Gathered int64        // those that went into Cells
	LeftOut  int64        // those whose names the mapping leaves
	Cause    string       // why they cannot be gathered, KIND:TABLE.COLUMN; empty where they can
	Key      keyspace.Key // of the attribute row that is why
	Name     string       // of that attribute, for who asks; empty for NULL
}

// A Window is a bounded run of encoded rows of one entry, which is copied and read back as one.
type Window struct {
	Entry  *mapping.RowPlan
	Tuples []byte    // binary COPY tuples, one after the other, without header and trailer
	Rows   []Arrived // what each tuple is
	Ends   []int     // where each tuple ends in Tuples; nil where nobody knows
}

// Tuple returns the tuple of the row at the position, nil where Ends is.
func (w *Window) Tuple(at int) []byte {
	switch {
	case w.Ends == nil:
		return nil
	case at == 0:
		return w.Tuples[:w.Ends[0]]
	}
	return w.Tuples[w.Ends[at-1]:w.Ends[at]]
}

// An Outcome is what one shard came to, beside the rows that arrived.
type Outcome struct {
	Units       []keyspace.Key   // all that the shard read, in the legacy database's order
	Quarantined map[int32]string // unit to cause
	Refusals    []Refusal
	Waits       []Wait
	Collisions  []Collision
	Conflicts   []Conflict
	Sums        map[int32][]Table // as in Account.Sums, of units that have any
	Gone        map[int32]bool    // units of a redo that the legacy database no longer has, or that its List told to take out
	Guests      int               // so many of the last Units are users of whom only rows that waited came in
	GuestRows   map[int32]Waiter  // guests that are no users but rows without one, by position in Units
	Released    []Waiter          // rows that wait no more: they arrived, or were read again and ended otherwise
	Receipt     Receipt
}
