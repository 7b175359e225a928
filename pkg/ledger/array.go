package ledger

import (
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
