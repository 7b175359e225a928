package value

import "encoding/binary"

// A magnitude is an integer's sign and absolute value, wide enough for the signed and the unsigned 64 bits of MySQL.
type magnitude struct {
	negative bool
	abs      uint64
}

func (c *compiler) toBoolean() stage {
	var read func([]byte) (magnitude, Fault)
	switch c.class {
	case integer:
		read = readInteger
	case bitString:
		read = readBits
	default:
		return c.missing(mapIt + ", such as {yes: true, no: false}")
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		n, fault := read(in)
		switch {
		case fault != "":
			return refuse(dst, fault)
		case n.abs > 1 || n.negative:
			// No policy: what a 2 means is not a matter of range, and values says it.
			return refuse(dst, outOfRange)
		}
		return done(append(dst, byte(n.abs)), 0)
	}
}

func (c *compiler) toInteger(width int) stage {
	var read func([]byte) (magnitude, Fault)
	switch c.class {
	case integer:
		read = readInteger
	case bitString:
		read = readBits
	case decimals, single, double:
		read = readWhole
	case character:
		return c.missing("write sql: CAST(COLUMN AS SIGNED), or " + mapIt)
	default:
		return c.missing("write a sql expression that makes an integer of it")
	}
	var g guard
	if fits(c.from, width) {
		g = guard{fault: outOfRange}
	} else {
		g = c.guard(outOfRange, c.rules.OutOfRange)
	}
	return encodeInteger(width, read, g)
}

func encodeInteger(width int, read func([]byte) (magnitude, Fault), g guard) stage {
	most := uint64(1)<<(8*width-1) - 1
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		n, fault := read(in)
		limit := most
		if n.negative {
			limit++
		}
		switch {
		case fault == "" && n.abs <= limit:
			return done(appendInteger(dst, width, n), 0)
		case fault != "" && fault != outOfRange:
			return refuse(dst, fault)
		case g.word == Clamp:
			return done(appendInteger(dst, width, magnitude{n.negative, limit}), g.bit)
		}
		return g.resolve(dst)
	}
}

func appendInteger(dst []byte, width int, n magnitude) []byte {
	v := n.abs
	if n.negative {
		v = -v
	}
	switch width {
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v))
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	}
	return binary.BigEndian.AppendUint64(dst, v)
}

// readInteger reads decimal digits with an optional sign.
func readInteger(in []byte) (magnitude, Fault) {
	var n magnitude
	digits := in
	if len(in) > 0 && (in[0] == '-' || in[0] == '+') {
		n.negative, digits = in[0] == '-', in[1:]
	}
	if len(digits) == 0 {
		return n, badSyntax
	}
	for _, b := range digits {
		d := uint64(b - '0')
		if d > 9 {
			return n, badSyntax
		}
		if n.abs > (1<<64-1-d)/10 {
			return n, outOfRange
		}
		n.abs = n.abs*10 + d
	}
	n.negative = n.negative && n.abs != 0
	return n, ""
}

// readBits reads the big-endian bytes of a BIT.
func readBits(in []byte) (magnitude, Fault) {
	if len(in) > 8 {
		return magnitude{}, badSyntax
	}
	var n magnitude
	for _, b := range in {
		n.abs = n.abs<<8 | uint64(b)
	}
	return n, ""
}
