package value

import "encoding/binary"

func plainBoolean(dst, in []byte) ([]byte, bool) {
	if len(in) != 1 || in[0]-'0' > 1 {
		return dst, false
	}
	return append(dst, in[0]-'0'), true
}

// plainDigits is how many decimal digits always fit into 63 bits.
const plainDigits = 18

func plainInteger(width int) plain {
	switch width {
	case 2:
		return func(dst, in []byte) ([]byte, bool) {
			n, ok := readPlain(in)
			if !ok || n != int64(int16(n)) {
				return dst, false
			}
			return binary.BigEndian.AppendUint16(dst, uint16(n)), true
		}
	case 4:
		return func(dst, in []byte) ([]byte, bool) {
			n, ok := readPlain(in)
			if !ok || n != int64(int32(n)) {
				return dst, false
			}
			return binary.BigEndian.AppendUint32(dst, uint32(n)), true
		}
	}
	return func(dst, in []byte) ([]byte, bool) {
		n, ok := readPlain(in)
		if !ok {
			return dst, false
		}
		return binary.BigEndian.AppendUint64(dst, uint64(n)), true
	}
}

// readPlain reads digits, with a minus or without a sign.
func readPlain(in []byte) (n int64, ok bool) {
	negative := len(in) > 0 && in[0] == '-'
	if negative {
		in = in[1:]
	}
	abs, ok := readDigits(in)
	if n = int64(abs); negative {
		n = -n
	}
	return n, ok && len(in) > 0
}

// readDigits reads as many digits as there are, none is zero.
func readDigits(in []byte) (n uint64, ok bool) {
	if len(in) > plainDigits {
		return 0, false
	}
	for _, b := range in {
		d := b - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, true
}

// powers are those of ten that fit into 64 bits.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := range p[1:] {
		p[i+1] = p[i] * 10
	}
	return p
}()

// plainNumeric takes numbers without exponent, whose digits before and after the point fit into 63 bits each.
func (c *compiler) plainNumeric() plain {
	precision, scale, limited := c.to.numeric()
	if !limited {
		return func(dst, in []byte) ([]byte, bool) {
			n, ok := readPlainDecimal(in)
			if !ok {
				return dst, false
			}
			return n.appendTo(dst, n.scale), true
		}
	}
	if scale < 0 || scale > precision {
		return never
	}
	most := powers[min(precision-scale, plainDigits)]
	return func(dst, in []byte) ([]byte, bool) {
		n, ok := readPlainDecimal(in)
		if !ok || n.whole >= most || n.scale > scale {
			return dst, false
		}
		return n.appendTo(dst, scale), true
	}
}

// A plainDecimal is the number whole + part / 10^scale, or its negative.
type plainDecimal struct {
	whole, part uint64
	scale       int // digits of part as they are written, at most 16
	negative    bool
}

func readPlainDecimal(in []byte) (n plainDecimal, ok bool) {
	n.negative = len(in) > 0 && in[0] == '-'
	if n.negative {
		in = in[1:]
	}
	point := 0
	for point < len(in) && in[point] != '.' {
		point++
	}
	if point == 0 {
		return n, false
	}
	if n.whole, ok = readDigits(in[:point]); !ok || point == len(in) {
		return n, ok
	}
	n.scale = len(in) - point - 1
	n.part, ok = readDigits(in[point+1:])
	return n, ok && n.scale <= 16
}

// appendTo appends the number as appendNumeric does.
func (n plainDecimal) appendTo(dst []byte, shown int) []byte {
	const units = 4 // the group of 10^0 to 10^3; 18 digits before it and 16 behind it are 4 groups more on each side
	var groups [9]uint16
	first, end := units+1, units+1+(n.scale+3)/4
	for w := n.whole; w > 0; w /= 10_000 {
		first--
		groups[first] = uint16(w % 10_000)
	}
	part := n.part * powers[4*(end-units-1)-n.scale]
	for i := end - 1; i > units; i-- {
		groups[i] = uint16(part % 10_000)
		part /= 10_000
	}
	for first < end && groups[first] == 0 {
		first++
	}
	for end > first && groups[end-1] == 0 {
		end--
	}
	if first == end {
		return binary.BigEndian.AppendUint64(dst, uint64(shown))
	}
	head := uint64(end-first)<<48 | uint64(uint16(units-first))<<32 | uint64(shown)
	if n.negative {
		head |= signNegative << 16
	}
	dst = binary.BigEndian.AppendUint64(dst, head)
	for _, group := range groups[first:end] {
		dst = binary.BigEndian.AppendUint16(dst, group)
	}
	return dst
}

// plainFloat takes what is a float of the target's width already.
func (c *compiler) plainFloat(k kind) plain {
	switch {
	case c.class == single && k == kindReal:
		return plainFloatOf(32)
	case c.class == double && k == kindDouble:
		return plainFloatOf(64)
	}
	return never
}
