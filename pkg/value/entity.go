package value

import "crypto/sha1"

// An Entity makes the UUIDs of one kind of thing out of legacy keys, so that any worker can compute any reference without asking.
// It is immutable.
type Entity struct{ space [16]byte }

// root is the namespace of OIDs in RFC 9562, under which the spaces of all entities are.
var root = [16]byte{0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

// NewEntity returns the entity of that name in the mapping's namespace.
func NewEntity(namespace, entity string) Entity {
	return Entity{space: named(root, []byte("rehome:"+namespace+":"+entity))}
}

// ID returns the UUID of a key in its canonical text (keyspace.Key.Canonical): uuid5(uuid5(root, "rehome:NAMESPACE:ENTITY"), key).
func (e Entity) ID(key []byte) [16]byte { return named(e.space, key) }

// named is RFC 9562's version 5: SHA-1 over the space and the name.
func named(space [16]byte, name []byte) (id [16]byte) {
	var room [144]byte
	sum := sha1.Sum(append(append(room[:0], space[:]...), name...))
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}
