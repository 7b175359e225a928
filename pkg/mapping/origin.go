package mapping

import (
	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// An Origin tells where a fed column's value comes from, for those who compute it once more by code of their own.
type Origin struct {
	Cells  []int              // positions, in a row's cells, of the column's expression, or of the parts of its key; nil for a constant
	Types  []value.LegacyType // of these cells
	Const  string             // of a constant
	Entity string             // of a uuid column; else empty
	Kinds  []keyspace.Kind    // of the key of a uuid column
	Found  []int              // positions of that key as its owner spells it, NULL where there is no such row; nil where nobody is asked
	Owner  bool               // the key is that of the user whom the row belongs to

	Ordered bool // the uuids of the entity sort as its keys do
}

// originOf returns the origin of a column whose expressions are the cells from position at on.
func originOf(c *Column, at int, types []value.LegacyType) Origin {
	if c.SQL != nil {
		types = types[:1] // the dates that its steps ask for are no part of the value
	}
	o := Origin{Types: types}
	for i := range types {
		o.Cells = append(o.Cells, at+i)
	}
	switch {
	case c.UUID != nil:
		o.Entity = c.UUID.Entity.Text
	case c.Const != nil:
		o.Const = c.Const.Text
	}
	return o
}
