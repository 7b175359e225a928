package ledger

import (
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// A family is units of one kind: the users, or the rows without a user of one entry as they are read.
type family struct {
	of    shard.Kind // OfUsers, Unowned or OwnKey
	entry int        // -1 for users
}

var userFamily = family{shard.OfUsers, -1}

// familyOf returns the family of units of the kind; the entry counts where they are not users.
func familyOf(kind shard.Kind, entry int) family {
	if kind.ByUser() {
		return userFamily
	}
	return family{kind, entry}
}

func (f family) ofUsers() bool { return f == userFamily }

// key spells a unit's key: of a user as the canonical text, which people look for, else in a form that can be read back whatever it holds.
func (f family) key(k keyspace.Key) []byte { return f.appendKey([]byte{}, k) }

func (f family) appendKey(dst []byte, k keyspace.Key) []byte {
	if f.ofUsers() {
		return k.AppendCanonical(dst)
	}
	return k.AppendMarshal(dst)
}

// parse reads what key has spelled. The users' key has one column.
func (f family) parse(key []byte) (keyspace.Key, error) {
	if f.ofUsers() {
		return keyspace.Key{string(key)}, nil
	}
	return keyspace.Unmarshal(key)
}

// keys spells the keys of units, which then lie in one piece of memory.
func (f family) keys(units []keyspace.Key) [][]byte {
	const lengths = 2 // bytes that a part takes beside its text, or a few more
	keys, size := make([][]byte, len(units)), 0
	for _, unit := range units {
		for _, part := range unit {
			size += len(part) + lengths
		}
	}
	room := make([]byte, 0, size)
	for i, unit := range units {
		begin := len(room)
		room = f.appendKey(room, unit)
		keys[i] = room[begin:len(room):len(room)]
	}
	return keys
}

// A unit is one unit by its family.
type unit struct {
	family
	key []byte
}

// columns returns what names the unit in the tables that tell of rows: of_kind, user_key and unit_key.
func (u unit) columns() []any {
	if u.ofUsers() {
		return []any{u.of, u.key, []byte(nil)}
	}
	return []any{u.of, []byte(nil), u.key}
}

var unitColumns = []string{"of_kind", "user_key", "unit_key"}
