package legacy

import (
	"encoding/hex"
	"errors"
	"strings"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

var errNullKey = errors.New("a key is NULL, and rehome names rows by it: exclude such rows, or use a column that is NOT NULL")

// key makes a key of cells, or says that one of them is NULL.
func key(cells []value.Cell, kinds []keyspace.Kind) (keyspace.Key, error) {
	return new(keyMaker).key(cells, kinds)
}

// A keyMaker makes keys whose memory is taken for many at once: each may be kept, and none is written over.
type keyMaker struct {
	texts strings.Builder
	parts []string
	bytes []byte
	hex   []byte // to write a binary part down
}

// So many bytes, or parts, are taken at once at most; the first time fewer, as there may be no other key.
const (
	firstKeyBytes, mostKeyBytes = 32, 16 << 10
	firstKeyParts, mostKeyParts = 2, 512
)

// key makes a key of cells, or says that one of them is NULL.
func (k *keyMaker) key(cells []value.Cell, kinds []keyspace.Kind) (keyspace.Key, error) {
	if n := len(cells); cap(k.parts)-len(k.parts) < n {
		k.parts = make([]string, 0, max(n, min(max(firstKeyParts, 2*cap(k.parts)), mostKeyParts)))
	}
	from := len(k.parts)
	for i, cell := range cells {
		if cell == nil {
			return nil, errNullKey
		}
		if kinds[i] == keyspace.Binary {
			k.hex = hex.AppendEncode(k.hex[:0], cell)
			cell = k.hex
		}
		k.parts = append(k.parts, k.text(cell))
	}
	return keyspace.Key(k.parts[from:len(k.parts):len(k.parts)]), nil
}

// text returns a copy of the bytes.
func (k *keyMaker) text(b []byte) string {
	if had := k.texts.Cap(); had-k.texts.Len() < len(b) {
		k.texts.Reset()
		k.texts.Grow(max(len(b), min(max(firstKeyBytes, 2*had), mostKeyBytes)))
	}
	from := k.texts.Len()
	k.texts.Write(b)
	return k.texts.String()[from:]
}

// canonical returns the key's canonical text. It is never nil: the empty text is a key, too.
func (k *keyMaker) canonical(key keyspace.Key) []byte {
	n := len(key)
	for _, part := range key {
		n += len(part)
	}
	from := k.grow(n)
	k.bytes = key.AppendCanonical(k.bytes)
	return k.bytes[from:len(k.bytes):len(k.bytes)]
}

// clone returns a copy of the bytes, never nil.
func (k *keyMaker) clone(b []byte) []byte {
	from := k.grow(len(b))
	k.bytes = append(k.bytes, b...)
	return k.bytes[from:len(k.bytes):len(k.bytes)]
}

// grow makes room for n bytes, and returns where they begin.
func (k *keyMaker) grow(n int) int {
	if cap(k.bytes)-len(k.bytes) < n || k.bytes == nil {
		k.bytes = make([]byte, 0, max(n, min(max(firstKeyBytes, 2*cap(k.bytes)), mostKeyBytes)))
	}
	return len(k.bytes)
}
