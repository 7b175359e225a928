package shard

import (
	"fmt"

	"rehome/pkg/keyspace"
)

// A Kind tells which rows a shard holds and what its range ranges over.
type Kind string

// The kinds of shards.
const (
	OfUsers Kind = "users"   // users of one wave with all that is theirs; ranges over the users' key
	Late    Kind = "late"    // users whom the ledger does not hold yet, after the last wave; ranges over the users' key
	Unowned Kind = "unowned" // rows of one entry that belong to no known user; ranges over their row source's primary key
	OwnKey  Kind = "own_key" // rows of one entry that is split by a key of its own; ranges over that key
	Settle  Kind = "settle"  // what settling took out again after the load: signed sums, no range
	Redo    Kind = "redo"    // units that are done again, by a List; its sums are signed
	Audit   Kind = "audit"   // a range of a shard that is done, read again on both sides and compared; it moves nothing
)

// ByUser reports whether the shard's units are users; otherwise each of its units is a row, or the rows of one key.
func (k Kind) ByUser() bool { return k == OfUsers || k == Late }

// Divisible reports whether a shard of the kind can be split by the key over which it ranges before anything of it was read: its weight is about rows that
// lie behind each other there.
func (k Kind) Divisible() bool { return k == OfUsers || k == OwnKey }

// A Shard is one part of a committed plan. It never changes but for State; a planned one may be replaced by children that tile it.
type Shard struct {
	ID
	Kind   Kind
	Of     Kind // of Redo and Audit: the kind of their units, OfUsers, Late, Unowned or OwnKey; else empty
	Wave   int  // position in the order of publishing: the mapping's waves from 0, then the rest
	Entry  int  // the mapping's entry for units of Unowned and OwnKey, else -1
	Range  keyspace.Range
	Cells  [2]int // the grid's cells that the range lies in, first and limit; an index for "whom does the ledger hold"
	Users  int64  // planned users
	Weight int64  // planned rows in all
	Parent int    // ordinal of the shard it was split from, -1 for none
	State  State
}

// Units returns the kind of the shard's units.
func (s *Shard) Units() Kind {
	if s.Of != "" {
		return s.Of
	}
	return s.Kind
}

// Task returns the message that wakes a worker for the shard.
func (s *Shard) Task(mapping, schema string) Task {
	return Task{ID: s.ID, Mapping: mapping, Schema: schema}
}

// Split returns children that tile the shard's range, cut behind the given key, with the ordinals first and first+1.
func (s *Shard) Split(first int, cut keyspace.Key) [2]Shard {
	low, high := *s, *s
	low.Ordinal, high.Ordinal = first, first+1
	low.Parent, high.Parent = s.Ordinal, s.Ordinal
	low.Range.Through, high.Range.After = cut, cut
	low.Users, low.Weight = s.Users/2, s.Weight/2
	high.Users, high.Weight = s.Users-low.Users, s.Weight-low.Weight
	return [2]Shard{low, high}
}

// String names the shard in errors and logs.
func (s *Shard) String() string { return fmt.Sprintf("%s (%s)", s.ID, s.Kind) }
