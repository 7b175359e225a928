package legacy

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"rehome/pkg/value"
)

// Types of columns and parameters, as the protocol numbers them. Types whose values look alike are read as one.
const (
	typeDecimal   = 0
	typeTiny      = 1
	typeShort     = 2
	typeLong      = 3
	typeFloat     = 4
	typeDouble    = 5
	typeNull      = 6
	typeTimestamp = 7
	typeLongLong  = 8
	typeInt24     = 9
	typeDate      = 10
	typeTime      = 11
	typeDateTime  = 12
	typeYear      = 13
	typeNewDate   = 14
	typeVarChar   = 15
	typeBit       = 16
	typeVector    = 242
	typeJSON      = 245 // and above: DECIMAL, ENUM, SET, all BLOBs and TEXTs, strings, geometries
	typeString    = 254
)

// numberBytes are the lengths of numbers by type.
var numberBytes = [typeString + 1]int{typeTiny: 1, typeShort: 2, typeYear: 2, typeLong: 4, typeFloat: 4, typeLongLong: 8, typeDouble: 8}

// A field is a column of a result.
type field struct {
	typed    byte
	known    bool
	unsigned bool
	digits   int // after the point, of temporal types
}

// fieldOf reads what a column is.
func fieldOf(data []byte) (field, bool) {
	in := cursor{data: data}
	for range 6 { // catalog, database, table, base table, name, base name
		in.take(in.length())
	}
	in.length() // of what follows
	in.take(6)  // collation and width
	f := field{typed: byte(in.number(1)), known: true}
	const unsigned = 1 << 5
	f.unsigned = in.number(2)&unsigned != 0
	f.digits = int(in.number(1))
	switch f.typed {
	case typeInt24:
		f.typed = typeLong
	case typeTimestamp:
		f.typed = typeDateTime
	case typeNewDate:
		f.typed = typeDate
	case typeDecimal, typeVarChar, typeBit, typeVector:
		f.typed = typeString
	case typeTiny, typeShort, typeLong, typeLongLong, typeYear, typeFloat, typeDouble, typeNull, typeDate, typeTime, typeDateTime:
	default:
		f.known = f.typed >= typeJSON
		f.typed = typeString
	}
	return f, !in.short
}

// A binaryRow spells the values of rows as text, one row after the other. Texts stay where they are.
type binaryRow struct {
	fields []field
	cells  []value.Cell
	room   []byte
}

// spelledBytes is more than a number or a moment takes.
const spelledBytes = 32

// newBinaryRow returns an error if the columns cannot be read.
func newBinaryRow(fields []field) (*binaryRow, error) {
	for i, f := range fields {
		temporal := f.typed == typeTime || f.typed == typeDateTime
		switch {
		case !f.known:
			return nil, fmt.Errorf("column %d is of a type that rehome does not know: CAST it", i+1)
		case temporal && f.digits == unfixed:
			return nil, unfixedDigits(i, map[byte]string{typeTime: "TIME", typeDateTime: "DATETIME"}[f.typed])
		case temporal && f.digits > microDigits:
			return nil, fmt.Errorf("column %d has %d fractional digits", i+1, f.digits)
		}
	}
	return &binaryRow{fields: fields, cells: make([]value.Cell, len(fields)), room: make([]byte, 0, spelledBytes*len(fields))}, nil
}

// read returns the row's cells, valid until the next, and whether it is one of these columns.
func (r *binaryRow) read(data []byte) ([]value.Cell, bool) {
	in := cursor{data: data[1:]}
	nulls := in.take(uint64(len(r.fields)+7+2) / 8)
	if in.short {
		return nil, false
	}
	r.room = r.room[:0]
	for i := range r.cells {
		f := &r.fields[i]
		if bit := i + 2; nulls[bit/8]>>(bit%8)&1 != 0 {
			r.cells[i] = nil
			continue
		}
		if f.typed == typeString {
			r.cells[i] = in.take(in.length())
			continue
		}
		from := len(r.room)
		if !r.spell(f, &in) {
			return nil, false
		}
		r.cells[i] = r.room[from:len(r.room):len(r.room)]
	}
	return r.cells, !in.short && len(in.data) == 0
}

// spell spells the next value.
func (r *binaryRow) spell(f *field, in *cursor) bool {
	switch f.typed {
	case typeDate, typeDateTime:
		return r.moment(f, in.take(in.length()))
	case typeTime:
		return r.duration(f, in.take(in.length()))
	}
	size := numberBytes[f.typed]
	n := in.number(size)
	switch {
	case f.typed == typeFloat:
		r.room = strconv.AppendFloat(r.room, float64(math.Float32frombits(uint32(n))), 'g', -1, 32)
	case f.typed == typeDouble:
		r.room = strconv.AppendFloat(r.room, math.Float64frombits(n), 'g', -1, 64)
	case f.typed == typeYear && n == 0:
		r.room = append(r.room, "0000"...)
	case f.unsigned:
		r.room = strconv.AppendUint(r.room, n, 10)
	default:
		above := 64 - 8*size
		r.room = strconv.AppendInt(r.room, int64(n<<above)>>above, 10)
	}
	return true
}

// moment spells a DATE or DATETIME. What is zero at its end is not sent.
func (r *binaryRow) moment(f *field, sent []byte) bool {
	var b [11]byte
	if n := copy(b[:], sent); n != len(sent) || n != 0 && n != 4 && n != 7 && n != 11 {
		return false
	}
	year := binary.LittleEndian.Uint16(b[:])
	if year > 9999 || max(b[2], b[3], b[4], b[5], b[6]) > 99 {
		return false
	}
	out := appendPair(appendPair(r.room, byte(year/100)), byte(year%100))
	out = appendPair(append(out, '-'), b[2])
	r.room = appendPair(append(out, '-'), b[3])
	if f.typed == typeDate {
		return true
	}
	r.room = append(r.room, ' ')
	return r.clock(f, uint64(b[4]), b[5], b[6], b[7:])
}

// duration spells a TIME.
func (r *binaryRow) duration(f *field, sent []byte) bool {
	var b [12]byte
	if n := copy(b[:], sent); n != len(sent) || n != 0 && n != 8 && n != 12 || max(b[6], b[7]) > 99 {
		return false
	}
	if b[0] == 1 {
		r.room = append(r.room, '-')
	}
	return r.clock(f, uint64(binary.LittleEndian.Uint32(b[1:]))*24+uint64(b[5]), b[6], b[7], b[8:])
}

const microDigits = 6

// clock spells a time of day, or a longer one.
func (r *binaryRow) clock(f *field, hours uint64, minutes, seconds byte, micros []byte) bool {
	if hours < 100 {
		r.room = appendPair(r.room, byte(hours))
	} else {
		r.room = strconv.AppendUint(r.room, hours, 10)
	}
	r.room = appendPair(append(r.room, ':'), minutes)
	r.room = appendPair(append(r.room, ':'), seconds)
	part := binary.LittleEndian.Uint32(micros)
	if f.digits == 0 || part > 999_999 {
		return part <= 999_999
	}
	out := appendPair(append(r.room, '.'), byte(part/10_000))
	out = appendPair(appendPair(out, byte(part/100%100)), byte(part%100))
	r.room = out[:len(out)-microDigits+f.digits]
	return true
}

// appendPair appends two digits.
func appendPair(out []byte, n byte) []byte { return append(out, '0'+n/10, '0'+n%10) }

// A cursor takes what stands in a packet, one after the other. What is not there is empty, and makes it short.
type cursor struct {
	data  []byte
	short bool
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.data)) {
		c.short = true
		return nil
	}
	out := c.data[:n:n]
	c.data = c.data[n:]
	return out
}

// number takes a number of so many bytes.
func (c *cursor) number(size int) (n uint64) {
	b := c.take(uint64(size))
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// Lengths of up to mostShort are one byte, others follow one that says how long they are.
const (
	mostShort = 250
	length2   = 0xfc
	length3   = 0xfd
	length8   = 0xfe
)

// length takes the length of what follows.
func (c *cursor) length() uint64 {
	if len(c.data) > 0 && c.data[0] <= mostShort {
		n := c.data[0]
		c.data = c.data[1:]
		return uint64(n)
	}
	switch c.number(1) {
	case length2:
		return c.number(2)
	case length3:
		return c.number(3)
	case length8:
		return c.number(8)
	}
	c.short = true
	return 0
}
