package mapping

import (
	"bytes"
	"encoding/hex"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// A builder makes the body of one column of a tuple.
type builder struct {
	program *value.Program // of a column that is made of one cell by itself, as most are
	cell    int

	reference *reference

	other func(dst, unit []byte, cells []value.Cell) ([]byte, built) // of all others, where the first two are nil
}

// A memo is the newest identifier of a column: the rows of a user mostly come one after the other, and refer to that user.
type memo struct {
	key []byte
	id  [16]byte
}

// A built is what became of one column of a row.
type built struct {
	null   bool
	ending Ending
	hit    value.Hit
	stop   *stop // of Refused and Waits
}

// A stop is why a column keeps its row from being written.
type stop struct {
	fault value.Fault // of Refused
	needs *RowPlan    // of Waits: whose row is not there
	key   [16]byte    // and that row's identifier
}

// append appends the column's body to dst, nothing for NULL. Where its ending is not Written, what it returns is dst as it was. The memo
// is the column's alone.
func (b *builder) append(dst, unit []byte, cells []value.Cell, last *memo) ([]byte, built) {
	switch {
	case b.reference != nil:
		return b.reference.build(dst, unit, cells, last)
	case b.program == nil:
		return b.other(dst, unit, cells)
	}
	out, null, hit, fault := b.program.Append(dst, cells[b.cell])
	if fault != "" {
		return dst, refused(fault)
	}
	return out, built{null: null, hit: hit}
}

func refused(fault value.Fault) built { return built{ending: Refused, stop: &stop{fault: fault}} }

// fromConst builds a column that is the same in each row.
func fromConst(body []byte) builder {
	return builder{other: func(dst, _ []byte, _ []value.Cell) ([]byte, built) { return append(dst, body...), built{} }}
}

// A reference is a uuid column: the identifier of the row of an entity that has the key in the cells at of.
type reference struct {
	entity  value.Entity
	kinds   []keyspace.Kind
	of      []int    // cells of the key as this row spells it
	found   []int    // cells of the key as its owner spells it, NULL where there is none; empty for an entity's own rows
	owner   bool     // the key is that of the user whom the row belongs to, so that unit tells what found would
	missing Missing  // what to do where there is none
	maker   *RowPlan // whose rows carry the entity's identifiers
}

func (r *reference) build(dst, unit []byte, cells []value.Cell, last *memo) ([]byte, built) {
	for _, at := range r.of {
		if cells[at] == nil {
			return dst, built{null: true}
		}
	}
	var scratch [64]byte
	switch {
	case r.owner && unit != nil:
		return r.recall(dst, unit, last), built{}
	case r.owner, len(r.found) > 0 && cells[r.found[0]] == nil:
		return dst, r.absent(r.spell(scratch[:0], r.of, cells))
	case len(r.found) > 0:
		return r.recall(dst, r.spell(scratch[:0], r.found, cells), last), built{}
	}
	id := r.entity.ID(r.spell(scratch[:0], r.of, cells))
	return append(dst, id[:]...), built{}
}

// recall appends the identifier of a key, which is not computed once more where the key is that of the row before.
func (r *reference) recall(dst, key []byte, last *memo) []byte {
	if last.key == nil || !bytes.Equal(last.key, key) {
		last.id, last.key = r.entity.ID(key), append(last.key[:0], key...)
	}
	return append(dst, last.id[:]...)
}

func (r *reference) absent(key []byte) built {
	switch r.missing {
	case MissingToNull:
		return built{null: true, hit: 1}
	case MissingLeave:
		return built{ending: LeftOut}
	}
	return built{ending: Waits, stop: &stop{needs: r.maker, key: r.entity.ID(key)}}
}

func (r *reference) spell(dst []byte, at []int, cells []value.Cell) []byte {
	return spell(dst, r.kinds, at, cells)
}

// spell appends a key in the cells at the given positions, in the form that entities and canonical keys have.
func spell(dst []byte, kinds []keyspace.Kind, at []int, cells []value.Cell) []byte {
	for i, cell := range at {
		if i > 0 {
			dst = append(dst, 0x1f)
		}
		if kinds[i] == keyspace.Binary {
			dst = hex.AppendEncode(dst, cells[cell])
			continue
		}
		dst = append(dst, cells[cell]...)
	}
	return dst
}
