package mapping

import (
	"encoding/binary"

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
	plan    *RowPlan
	columns []encoderColumn
	hits    []value.Hit
	ends    []int // where each column of the newest tuple begins, and its end
	key     []byte
	kept    []int  // positions of the columns whose originals are kept
	text    []byte // of an original that is a key
}

// An encoderColumn is what Encode needs of a FedColumn, which is much larger.
type encoderColumn struct {
	builder
	notNull bool
	last    memo
}

// NewEncoder returns an encoder for rows of the plan.
func (p *RowPlan) NewEncoder() *Encoder {
	e := &Encoder{plan: p, hits: make([]value.Hit, len(p.Columns)), ends: make([]int, len(p.Columns)+1), kept: p.kept()}
	for i := range p.Columns {
		e.columns = append(e.columns, encoderColumn{builder: p.Columns[i].build, notNull: p.Columns[i].notNull})
	}
	return e
}

// Encode appends the row as one tuple to dst. The cells are the plan's Select; unit is the canonical key of the user it belongs
// to, nil where it has none. Where the row does not end as Written, dst is returned as it was.
func (e *Encoder) Encode(dst []byte, unit []byte, cells []value.Cell) ([]byte, Encoded) {
	out := binary.BigEndian.AppendUint16(dst, uint16(len(e.columns)))
	var changed value.Hit
	for i := range e.columns {
		c, at := &e.columns[i], len(out)
		out = append(out, 0, 0, 0, 0)
		if c.program != nil {
			if body, ok := c.program.Plain(out, cells[c.cell]); ok {
				binary.BigEndian.PutUint32(body[at:], uint32(len(body)-at-4))
				e.ends[i], e.hits[i], out = at, 0, body
				continue
			}
		}
		body, built := c.append(out, unit, cells, &c.last)
		if built.ending != Written || built.null && c.notNull {
			return dst, e.stopped(i, built)
		}
		size := uint32(len(body) - at - 4)
		if built.null {
			size = 0xffffffff
		}
		binary.BigEndian.PutUint32(body[at:], size)
		e.ends[i], e.hits[i], out = at, built.hit, body
		changed |= built.hit
	}
	e.ends[len(e.columns)] = len(out)
	e.key = e.key[:0]
	for _, c := range e.plan.KeyColumns {
		e.key = append(e.key, out[e.ends[c]:e.ends[c+1]]...)
	}
	return out, Encoded{Changed: changed != 0, Key: e.key}
}

// stopped is the end of a row that is not Written because of one column.
func (e *Encoder) stopped(column int, b built) Encoded {
	out := Encoded{Ending: b.ending, Key: e.key[:0]}
	switch b.ending {
	case Written: // but for the target, which has no NULL there
		out.Ending, out.Cause = Refused, e.plan.cause("not_null", column)
	case Refused:
		out.Cause = e.plan.cause(string(b.stop.fault), column)
	case Waits:
		out.Cause, out.Needs = e.plan.cause("waits", column), b.stop.needs
		e.key = append(append(e.key[:0], 0, 0, 0, byte(len(b.stop.key))), b.stop.key[:]...)
		out.Key = e.key
	}
	return out
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

// Rules returns the names of the rules that may change the column; a name's position is its bit in Hits.
func (c *FedColumn) Rules() []string { return c.rules }
