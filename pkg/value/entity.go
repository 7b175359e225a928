package value

import (
	"crypto/sha1"
	"encoding/binary"
)

// An Entity makes the UUIDs of one kind of thing out of legacy keys, so that any worker can compute any reference without asking.
// It is immutable.
type Entity struct {
	space   [16]byte
	ordered bool
}

// root is the namespace of OIDs in RFC 9562, under which the spaces of all entities are.
var root = [16]byte{0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

// NewEntity returns the entity of that name in the mapping's namespace.
func NewEntity(namespace, entity string) Entity {
	return Entity{space: named(root, []byte("rehome:"+namespace+":"+entity))}
}

// NewOrderedEntity returns the entity of that name whose keys are integers, and whose UUIDs sort as those do.
func NewOrderedEntity(namespace, entity string) Entity {
	e := NewEntity(namespace, entity)
	e.ordered = true
	return e
}

// ID returns the UUID of a key in its canonical text (keyspace.Key.Canonical): uuid5(uuid5(root, "rehome:NAMESPACE:ENTITY"), key).
// Of an ordered entity it is one of version 8: of its 122 bits but for version and variant, the first 65 are key + 2^64, which holds
// any signed and any unsigned integer of 64 bits, and the last 57 are those of the UUID of version 5, by which the keys of two
// entities, or namespaces, are not the same. What is no such integer has the latter.
func (e Entity) ID(key []byte) [16]byte {
	id := named(e.space, key)
	if !e.ordered {
		return id
	}
	n, fault := readInteger(key)
	if fault != "" || n.negative && n.abs > 1<<63 {
		return id
	}
	top, rest := uint64(1)<<63, n.abs
	if n.negative {
		top, rest = 0, -n.abs
	}
	top |= rest >> 1
	const version, variant = 0x8000, 0x80
	binary.BigEndian.PutUint64(id[:], top)
	binary.BigEndian.PutUint16(id[6:], version|uint16(top>>4)&0xfff)
	id[8] = variant | byte(top&0xf)<<2 | byte(rest&1)<<1 | id[8]&1
	return id
}

// named is RFC 9562's version 5: SHA-1 over the space and the name.
func named(space [16]byte, name []byte) (id [16]byte) {
	var room [144]byte
	sum := sha1.Sum(append(append(room[:0], space[:]...), name...))
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}
