// Package checksum digests rows: an order-free sum of 128 bits over any set of rows, which shards can add up and a redo can
// subtract from, and the short hashes by which the ledger remembers keys and rows. It does not know how a row is encoded.
package checksum

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Size is the length of a Sum in bytes.
const Size = 16

// A Sum is the sum modulo 2^128 of the digests of a set of rows. The zero Sum is that of no row. Adding is commutative, so the
// order of rows does not count, and a pair of equal rows does not cancel out as it would under exclusive or.
type Sum struct{ hi, lo uint64 }

// Row returns the digest of one row as a Sum: the first 128 bits of SHA-256 over the table's name, the length of the name and
// the row in the target's binary COPY form, which holds the key and every column with its length.
func Row(table string, row []byte) Sum {
	h := sha256.New()
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(table)))
	h.Write(head[:])
	h.Write([]byte(table))
	h.Write(row)
	var out [sha256.Size]byte
	h.Sum(out[:0])
	return FromBytes([Size]byte(out[:Size]))
}

// Add returns s + t.
func (s Sum) Add(t Sum) Sum {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, _ := bits.Add64(s.hi, t.hi, carry)
	return Sum{hi, lo}
}

// Sub returns s - t: what is left of s when the rows of t are taken out.
func (s Sum) Sub(t Sum) Sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	hi, _ := bits.Sub64(s.hi, t.hi, borrow)
	return Sum{hi, lo}
}

// Hash64 returns the upper half of a Row's digest, by which the manifest remembers the row.
func (s Sum) Hash64() int64 { return int64(s.hi) }

// String returns the sum as 32 hexadecimal digits.
func (s Sum) String() string { return fmt.Sprintf("%016x%016x", s.hi, s.lo) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the form of String.
func (s *Sum) UnmarshalText(text []byte) error {
	var raw [Size]byte
	if len(text) != 2*Size {
		return fmt.Errorf("read checksum: %d characters instead of %d", len(text), 2*Size)
	}
	if _, err := hex.Decode(raw[:], text); err != nil {
		return fmt.Errorf("read checksum: %w", err)
	}
	*s = FromBytes(raw)
	return nil
}

// Append appends the Size bytes of the sum to out, the most significant first.
func (s Sum) Append(out []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(out, s.hi), s.lo)
}

// FromBytes returns the sum that Append has written.
func FromBytes(raw [Size]byte) Sum {
	return Sum{binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])}
}

// Key returns the 64-bit hash by which the ledger finds a key: the first 64 bits of SHA-256 over its canonical text.
func Key(text []byte) int64 {
	sum := sha256.Sum256(text)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}
