package shard

import "rehome/pkg/checksum"

// An Arrived is one row as it stands in the target after its read-back; the manifest remembers it.
type Arrived struct {
	Unit      int32        // position of its user, or of itself where it has none, in Outcome.Units
	TargetKey []byte       // the columns of the table's read-back key as they stand in a binary COPY tuple: length word and bytes each
	LegacyKey []byte       // keyspace.Key.Marshal of the row source's primary key
	Digest    checksum.Sum // of the stored row
}

// A Block is a part of the manifest: up to 1,000 users or 64k rows of one entry in the order of their units.
type Block struct {
	Entry int
	Rows  []Arrived
}

// A Refusal is a row that was set aside, with why. A unit's first refusal is its cause; rows that are only set aside because
// their user is quarantined have none.
type Refusal struct {
	Unit      int32
	Entry     int
	LegacyKey []byte // empty where only the target could tell, and did not say which row
	Cause     string // KIND:TABLE.COLUMN
}

// A Wait is a row that needs another row which is not there.
type Wait struct {
	Unit      int32
	Entry     int
	LegacyKey []byte
	Cause     string // waits:TABLE.COLUMN
	NeedsKey  []byte // target key of the needed row, as in Arrived.TargetKey; of the table NeedsTable
	Needs     string // schema.table of the needed row
}

// A Collision is a row of the target that kept a unit's row out by a unique constraint that was on during the load.
type Collision struct {
	Unit      int32 // who was kept out
	Entry     int
	Cause     string // unique:TABLE.CONSTRAINT
	TargetKey []byte // the row that was there first, by the read-back key of the entry's table
}
