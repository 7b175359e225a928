package value

import (
	"bytes"
	"encoding/binary"
)

// What PostgreSQL's numeric can hold without a declared precision.
const (
	topPower     = 131071 // power of ten of the first digit
	mostScale    = 16383  // digits after the point
	signNegative = 0x4000
)

func (c *compiler) toNumeric() stage {
	switch c.class {
	case integer, decimals, single, double:
	case character:
		return c.missing("write sql: CAST(COLUMN AS DECIMAL(p, s))")
	case bitString:
		return c.missing("write sql: COLUMN + 0")
	default:
		return c.missing("write a sql expression that makes a number of it")
	}
	precision, scale, limited := c.to.numeric()
	if !limited {
		return numericStage(nil, c.guard(outOfRange, c.rules.OutOfRange), mostScale, topPower)
	}
	// The largest number of the precision is all nines.
	nines := decimal{whole: bytes.Repeat([]byte{'9'}, precision), exponent: -scale}
	g := c.guard(outOfRange, c.rules.OutOfRange)
	return numericStage(&clampNumeric{nines, max(scale, 0), scale}, g, scale, precision-scale-1)
}

// A clampNumeric is the largest number of a declared precision, and the scales that come with it.
type clampNumeric struct {
	most  decimal
	shown int // digits after the point that the server shows
	scale int // digits after the point that it keeps; negative for zeros before the point
}

// numericStage encodes numbers whose first digit has at most the power top and whose last is not below -scale.
func numericStage(limit *clampNumeric, g guard, scale, top int) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		d, fault := readDecimal(in)
		first, last, nonzero := d.span()
		shown := d.scale()
		if limit != nil {
			shown = limit.shown
		}
		switch {
		case fault == badSyntax:
			return refuse(dst, fault)
		case fault != "" || nonzero && first > top || limit == nil && shown > mostScale:
			if g.word == Clamp && limit != nil {
				most := limit.most
				most.negative = d.negative
				return done(appendNumeric(dst, &most, shown), g.bit)
			}
			return g.resolve(dst)
		case nonzero && last < -scale:
			return refuse(dst, badScale)
		}
		return done(appendNumeric(dst, &d, shown), 0)
	}
}

// appendNumeric appends a number as numeric_send writes it: the count of base-10000 digits, the weight of the first, the sign, the
// display scale, the digits without zeros at either end.
func appendNumeric(dst []byte, d *decimal, shown int) []byte {
	top, bottom, ok := d.span()
	if !ok {
		return binary.BigEndian.AppendUint64(dst, uint64(shown))
	}
	first, last := floor4(top), floor4(bottom)
	sign := uint16(0)
	if d.negative {
		sign = signNegative
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(first-last+1))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(first)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(shown))
	for group := first; group >= last; group-- {
		four := uint16(0)
		for power := 4*group + 3; power >= 4*group; power-- {
			four = four*10 + uint16(d.digit(power))
		}
		dst = binary.BigEndian.AppendUint16(dst, four)
	}
	return dst
}

// floor4 is n / 4 rounded down.
func floor4(n int) int { return n >> 2 }

// appendPlain appends a number as numeric_out writes it, without exponent and with all digits of its scale.
func appendPlain(dst []byte, d *decimal) []byte {
	top, _, ok := d.span()
	if ok && d.negative {
		dst = append(dst, '-')
	}
	for power := max(top, 0); power >= 0; power-- {
		dst = append(dst, '0'+d.digit(power))
	}
	if d.scale() == 0 {
		return dst
	}
	dst = append(dst, '.')
	for power := -1; power >= -d.scale(); power-- {
		dst = append(dst, '0'+d.digit(power))
	}
	return dst
}
