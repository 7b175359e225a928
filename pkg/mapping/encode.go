package mapping

import (
	"encoding/binary"
	"encoding/hex"

	"rehome/pkg/keyspace"
	"rehome/pkg/value"
)

// An Ending is what becomes of one row that was read.
type Ending uint8

// The endings of a row.
const (
	Written Ending = iota // it goes into the target
	LeftOut               // a rule of the mapping leaves it where it is
	Waits                 // it needs a row that is not there
	Refused               // a value was refused, and its unit with it
)

// An Encoded is what Encode made of a row.
type Encoded struct {
	Ending  Ending
	Cause   string // of Refused and Waits: KIND:TABLE.COLUMN
	Changed bool   // a declared rule changed at least one value
	Needs   *RowPlan
	Key     []byte // the row's target key, or of Waits the key that it needs in the table of Needs; valid until the next Encode
}

// An Encoder turns the rows of one plan into binary COPY tuples. It is not safe for use by several goroutines.
type Encoder struct {
	plan *RowPlan
	hits []value.Hit
	ends []int // where each column of the newest tuple begins, and its end
	key  []byte
	kept []int  // positions of the columns whose originals are kept
	text []byte // of an original that is a key
}

// NewEncoder returns an encoder for rows of the plan.
func (p *RowPlan) NewEncoder() *Encoder {
	return &Encoder{plan: p, hits: make([]value.Hit, len(p.Columns)), ends: make([]int, len(p.Columns)+1), kept: p.kept()}
}

// Encode appends the row as one tuple to dst. The cells are the plan's Select; unit is the canonical key of the user it belongs
// to, nil where it has none. Where the row does not end as Written, dst is returned as it was.
func (e *Encoder) Encode(dst []byte, unit []byte, cells []value.Cell) ([]byte, Encoded) {
	out := binary.BigEndian.AppendUint16(dst, uint16(len(e.plan.Columns)))
	var changed value.Hit
	for i := range e.plan.Columns {
		e.ends[i] = len(out)
		out = append(out, 0, 0, 0, 0)
		built := e.plan.Columns[i].build(&out, unit, cells)
		if built.null && built.ending == Written && e.plan.Columns[i].notNull {
			built.ending, built.fault = Refused, "not_null"
		}
		if built.ending != Written {
			return dst, e.stopped(i, built)
		}
		size := uint32(len(out) - e.ends[i] - 4)
		if built.null {
			size = 0xffffffff
		}
		binary.BigEndian.PutUint32(out[e.ends[i]:], size)
		e.hits[i] = built.hit
		changed |= built.hit
	}
	e.ends[len(e.plan.Columns)] = len(out)
	e.key = e.key[:0]
	for _, c := range e.plan.KeyColumns {
		e.key = append(e.key, out[e.ends[c]:e.ends[c+1]]...)
	}
	return out, Encoded{Changed: changed != 0, Key: e.key}
}

func (e *Encoder) stopped(column int, b built) Encoded {
	cause := ""
	switch b.ending {
	case Refused:
		cause = e.plan.cause(string(b.fault), column)
	case Waits:
		cause = e.plan.cause("waits", column)
	}
	e.key = e.key[:0]
	if b.needs != nil {
		e.key = append(binary.BigEndian.AppendUint32(e.key, uint32(len(b.key))), b.key[:]...)
	}
	return Encoded{Ending: b.ending, Cause: cause, Needs: b.needs, Key: e.key}
}

// Hits returns, for each column of the newest row, which of the column's rules changed it. It is valid until the next Encode, and of a
// row that ended as Written alone.
func (e *Encoder) Hits() []value.Hit { return e.hits }

func (p *RowPlan) cause(kind string, column int) string {
	return kind + ":" + p.Into + "." + p.Columns[column].Name
}

// TupleKey appends to dst the read-back key of a tuple in binary COPY form, each column with its length word. The tuple is one that
// has the plan's columns.
func (p *RowPlan) TupleKey(dst, tuple []byte) []byte {
	for _, column := range p.KeyColumns {
		at := 2
		for range column {
			at += 4 + fieldSize(tuple[at:])
		}
		dst = append(dst, tuple[at:at+4+fieldSize(tuple[at:])]...)
	}
	return dst
}

// Differs returns the name of the first column in which two tuples of the plan differ.
func (p *RowPlan) Differs(a, b []byte) string {
	at := 2
	for _, column := range p.Columns {
		end := at + 4 + fieldSize(a[at:])
		if end > len(b) || string(a[at:end]) != string(b[at:end]) {
			return column.Name
		}
		at = end
	}
	return "(none)"
}

func fieldSize(field []byte) int {
	return max(0, int(int32(binary.BigEndian.Uint32(field))))
}

// A built is what became of one column of a row.
type built struct {
	null   bool
	hit    value.Hit
	ending Ending
	fault  value.Fault
	needs  *RowPlan // of Waits: whose row is not there
	key    [16]byte // and that row's identifier
}

// A builder appends one column's body to a tuple.
type builder func(out *[]byte, unit []byte, cells []value.Cell) built

// fromProgram builds a column from the cell at the given position.
func fromProgram(at int, program *value.Program) builder {
	return func(out *[]byte, _ []byte, cells []value.Cell) built {
		body, null, hit, fault := program.Append(*out, cells[at])
		if fault != "" {
			return built{ending: Refused, fault: fault}
		}
		*out = body
		return built{null: null, hit: hit}
	}
}

// fromConst builds a column that is the same in each row.
func fromConst(body []byte) builder {
	return func(out *[]byte, _ []byte, _ []value.Cell) built {
		*out = append(*out, body...)
		return built{}
	}
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

func (r *reference) build(out *[]byte, unit []byte, cells []value.Cell) built {
	for _, at := range r.of {
		if cells[at] == nil {
			return built{null: true}
		}
	}
	var scratch [64]byte
	switch {
	case r.owner && unit != nil:
		r.put(out, unit)
		return built{}
	case r.owner:
		return r.absent(r.spell(scratch[:0], r.of, cells))
	case len(r.found) > 0 && cells[r.found[0]] == nil:
		return r.absent(r.spell(scratch[:0], r.of, cells))
	case len(r.found) > 0:
		r.put(out, r.spell(scratch[:0], r.found, cells))
	default:
		r.put(out, r.spell(scratch[:0], r.of, cells))
	}
	return built{}
}

func (r *reference) put(out *[]byte, key []byte) {
	id := r.entity.ID(key)
	*out = append(*out, id[:]...)
}

func (r *reference) absent(key []byte) built {
	switch r.missing {
	case MissingToNull:
		return built{null: true, hit: 1}
	case MissingLeave:
		return built{ending: LeftOut}
	}
	return built{ending: Waits, needs: r.maker, key: r.entity.ID(key)}
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

// Rules returns the names of the rules that may change the column; a name's position is its bit in Hits.
func (c *FedColumn) Rules() []string { return c.rules }
