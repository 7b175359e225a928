package plan

import (
	"bytes"

	"rehome/pkg/keyspace"
)

// A queue tells of keys that come one after the other whether their order is one that can be told without the database. It is that of the
// numbers for integers, and that of the bytes for all else; a collation mostly has another, which shows as soon as two keys meet.
type queue struct {
	kind keyspace.Kind
	last []byte // the newest key; nil before the first
}

// next takes the next key, of one column, and reports whether its place behind the last one can be told.
func (q *queue) next(key keyspace.Key) bool {
	if q.kind == keyspace.Integer && !decimal(key[0]) {
		q.last = append(q.last[:0], key[0]...)
		return false
	}
	var room [64]byte
	text := append(room[:0], key[0]...)
	ascends := q.last == nil || compare(q.kind, q.last, text) < 0
	q.last = append(q.last[:0], text...)
	return ascends
}

// decimal reports whether the text is an integer in its one canonical spelling.
func decimal(text string) bool {
	digits := text
	if len(digits) > 1 && digits[0] == '-' {
		digits = digits[1:]
	}
	if digits == "" || digits[0] == '0' && len(text) > 1 {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

// compare compares two keys that a queue has let pass.
func compare(kind keyspace.Kind, a, b []byte) int {
	if kind != keyspace.Integer {
		return bytes.Compare(a, b)
	}
	switch below, other := a[0] == '-', b[0] == '-'; {
	case below && other:
		return magnitude(b[1:], a[1:])
	case below:
		return -1
	case other:
		return 1
	}
	return magnitude(a, b)
}

func magnitude(a, b []byte) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}
