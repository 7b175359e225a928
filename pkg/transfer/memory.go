package transfer

import (
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A Memory is what shards are moved in, one after the other: to take megabytes for each anew, and to have them collected, would cost more than to
// fill them. The zero Memory is ready; it is for one goroutine.
type Memory struct {
	room     []byte // of a window's tuples
	ends     []int  // and where each of them ends
	listings []*listing
	names    []string
	index    map[string]int32
}

// window returns room for a window's tuples, and takes it out until it is given back.
func (m *Memory) window() (room []byte, ends []int) {
	room, ends = m.room[:0], m.ends[:0]
	m.room, m.ends = nil, nil
	return room, ends
}

// giveBack keeps a window's room for the next, unless a wide row has made it larger than is good to keep.
func (m *Memory) giveBack(room []byte, ends []int, limit int) {
	if cap(room) <= limit {
		m.room = room
	}
	m.ends = ends
}

// numbered returns the canonical keys of the units, and an empty index that has room for them, as long as no other shard is moved.
func (m *Memory) numbered(units []keyspace.Key) (names []string, index map[string]int32) {
	if m.index == nil || len(m.names) > 4*len(units) { // to clear a large map for a small shard takes longer than to make a small one
		m.names, m.index = nil, map[string]int32{}
	}
	clear(m.names)
	clear(m.index)
	m.names = m.names[:0]
	for _, key := range units {
		m.names = append(m.names, key.Text())
	}
	return m.names, m.index
}

// A listing is the memory of a window's rows as the manifest lists them, with the arena that their keys lie in.
type listing struct {
	rows []shard.Arrived
	keys []byte
}

// listing returns an empty one, and takes it out until it is given back.
func (m *Memory) listing() *listing {
	n := len(m.listings) - 1
	if n < 0 {
		return &listing{}
	}
	l := m.listings[n]
	m.listings = m.listings[:n]
	l.rows, l.keys = l.rows[:0], l.keys[:0]
	return l
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
