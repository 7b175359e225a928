package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5/pgtype"

	"rehome/pkg/checksum"
)

// A keyArray is a parameter of type bytea[]: keys, in which a nil one is NULL. It is its own elements, one after the other, so that none has to be
// made for each; so is a hashArray.
type keyArray struct {
	keys [][]byte
	at   int
}

// Dimensions is pgx's, as are the methods below.
func (a *keyArray) Dimensions() []pgtype.ArrayDimension { return dimension(len(a.keys)) }

// Index goes to an element.
func (a *keyArray) Index(i int) any {
	a.at = i
	return a
}

// IndexType tells what Index returns.
func (a *keyArray) IndexType() any { return a }

// BytesValue returns the element.
func (a *keyArray) BytesValue() ([]byte, error) { return a.keys[a.at], nil }

// A hashArray is a parameter of type bigint[]: the hashes of keys, in which that of a nil one is NULL.
type hashArray struct {
	keys [][]byte
	at   int
}

// Dimensions is pgx's, as are the methods below.
func (a *hashArray) Dimensions() []pgtype.ArrayDimension { return dimension(len(a.keys)) }

// Index goes to an element.
func (a *hashArray) Index(i int) any {
	a.at = i
	return a
}

// IndexType tells what Index returns.
func (a *hashArray) IndexType() any { return a }

// Int64Value returns the element.
func (a *hashArray) Int64Value() (pgtype.Int8, error) {
	key := a.keys[a.at]
	return pgtype.Int8{Int64: checksum.Key(key), Valid: key != nil}, nil
}

func dimension(n int) []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(n), LowerBound: 1}}
}

// appendBigints appends the elements, but NULLs, of a bigint[] in PostgreSQL's binary form.
func appendBigints(out []int64, array []byte) ([]int64, error) {
	const head, dimension, word = 12, 8, 4
	if len(array) < head {
		return nil, errors.New("read an array: it is cut short")
	}
	if binary.BigEndian.Uint32(array) == 0 {
		return out, nil // without dimensions: empty
	}
	if len(array) < head+dimension {
		return nil, errors.New("read an array: it is cut short")
	}
	for rest := array[head+dimension:]; len(rest) > 0; {
		switch {
		case len(rest) >= word && binary.BigEndian.Uint32(rest) == 1<<32-1:
			rest = rest[word:]
		case len(rest) >= word+8 && binary.BigEndian.Uint32(rest) == 8:
			out, rest = append(out, int64(binary.BigEndian.Uint64(rest[word:]))), rest[word+8:]
		default:
			return nil, errors.New("read an array: an element is no bigint")
		}
	}
	return out, nil
}
