package transfer

import (
	"sync"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A room is the memory that a window's tuples are encoded in. Windows come by the thousand and are megabytes wide: to take fresh memory for each
// would cost more than to fill it.
type room struct {
	tuples []byte
	ends   []int // where each tuple ends
}

var rooms = sync.Pool{New: func() any { return &room{} }}

// giveBack keeps the room for the next window, unless a wide row has made it larger than is good to keep.
func (r *room) giveBack(limit int) {
	if cap(r.tuples) > limit {
		return
	}
	r.tuples, r.ends = r.tuples[:0], r.ends[:0]
	rooms.Put(r)
}

// A listing is the memory of a window's rows as the manifest lists them, with the arena that their keys lie in.
type listing struct {
	rows []shard.Arrived
	keys []byte
}

var listings = sync.Pool{New: func() any { return &listing{} }}

func (l *listing) giveBack() {
	l.rows, l.keys = l.rows[:0], l.keys[:0]
	listings.Put(l)
}

// key copies a key of the target into the arena.
func (l *listing) key(key []byte) []byte {
	at := len(l.keys)
	l.keys = append(l.keys, key...)
	return l.keys[at:len(l.keys):len(l.keys)]
}

// legacyKey does so with a key of the legacy database, as the ledger spells it.
func (l *listing) legacyKey(key keyspace.Key) []byte {
	at := len(l.keys)
	l.keys = key.AppendMarshal(l.keys)
	return l.keys[at:len(l.keys):len(l.keys)]
}
