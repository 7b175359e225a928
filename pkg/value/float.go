package value

import (
	"encoding/binary"
	"math"
	"strconv"
	"unsafe"
)

func (c *compiler) toFloat(k kind) stage {
	width := 64
	if k == kindReal {
		width = 32
	}
	var exact func(in []byte, f float64, width int) bool
	read := width
	switch c.class {
	case integer:
		exact = sameInteger
	case decimals:
		exact = sameDigits
	case single:
		// A FLOAT is its 32 bits: 0.1 becomes the double 0.10000000149011612, as it would in SQL.
		read = 32
	case double:
		read = 64
		if width == 32 {
			exact = sameDouble
		}
	case character:
		return c.missing("write sql: CAST(COLUMN AS DOUBLE)")
	case bitString:
		return c.missing("write sql: COLUMN + 0")
	default:
		return c.missing("write a sql expression that makes a number of it")
	}
	g := guard{fault: outOfRange}
	if width == 32 && c.class != single && c.class != integer {
		g = c.guard(outOfRange, c.rules.OutOfRange)
	}
	return floatStage(width, read, exact, g)
}

// floatStage reads a number of one width, encodes it in another, and refuses it if exact says that it is not the same any more.
func floatStage(width, read int, exact func([]byte, float64, int) bool, g guard) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		f, ok := readFloat(in, read)
		if !ok {
			return refuse(dst, badSyntax)
		}
		stored := f
		if width == 32 {
			stored = float64(float32(f))
		}
		switch {
		case math.IsInf(stored, 0) && g.word == Clamp:
			return done(appendFloat(dst, math.Copysign(math.MaxFloat32, f), width), g.bit)
		case math.IsInf(stored, 0):
			return g.resolve(dst)
		case exact != nil && !exact(in, f, width):
			return refuse(dst, badScale)
		}
		return done(appendFloat(dst, stored, width), 0)
	}
}

func appendFloat(dst []byte, f float64, width int) []byte {
	if width == 32 {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// plainFloatOf takes a float of the width.
func plainFloatOf(width int) plain {
	return func(dst, in []byte) ([]byte, bool) {
		f, ok := readFloat(in, width)
		if !ok || math.IsInf(f, 0) {
			return dst, false
		}
		return appendFloat(dst, f, width), true
	}
}

// readFloat reads a finite number; one beyond the width is infinite.
func readFloat(in []byte, width int) (f float64, ok bool) {
	for _, b := range in {
		if b-'0' > 9 && b != '.' && b != '-' && b != '+' && b|0x20 != 'e' {
			return 0, false
		}
	}
	// ParseFloat does not keep its argument; a string of its own would be the only allocation of a number's way.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(in), len(in)), width)
	return f, err == nil || math.IsInf(f, 0)
}

// sameDouble tells whether a real holds the double itself.
func sameDouble(_ []byte, f float64, _ int) bool { return float64(float32(f)) == f }

// sameInteger tells whether a float of the width holds the integer itself.
func sameInteger(in []byte, f float64, width int) bool {
	n, fault := readInteger(in)
	if width == 32 {
		f = float64(float32(f))
	}
	f = math.Abs(f)
	return fault == "" && f < 1<<64 && uint64(f) == n.abs
}

// sameDigits tells whether the float of the width is written with the digits of the decimal: those are what a decimal is.
func sameDigits(in []byte, f float64, width int) bool {
	d, fault := readDecimal(in)
	top, bottom, nonzero := d.span()
	certain := 15
	if width == 32 {
		certain = 6
	}
	switch {
	case fault != "":
		return false
	case !nonzero || top-bottom < certain:
		return true
	}
	var room [32]byte
	e, _ := readDecimal(strconv.AppendFloat(room[:0], f, 'e', -1, width))
	first, last, _ := e.span()
	if first != top || last != bottom {
		return false
	}
	for power := bottom; power <= top; power++ {
		if d.digit(power) != e.digit(power) {
			return false
		}
	}
	return true
}
