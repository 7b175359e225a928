package value

// A decimal is a number as it is written in decimal digits. It refers to the text it was read from.
type decimal struct {
	negative    bool
	whole, part []byte // digits before and after the point
	exponent    int    // of the factor 10^exponent
}

// exponentLimit is far above what any type holds, and far below what overflows.
const exponentLimit = 1 << 28

// readDecimal reads digits with an optional sign, point and exponent, as MySQL and PostgreSQL write numbers.
func readDecimal(in []byte) (d decimal, fault Fault) {
	if len(in) > 0 && (in[0] == '-' || in[0] == '+') {
		d.negative, in = in[0] == '-', in[1:]
	}
	d.whole, in = leadingDigits(in)
	if len(in) > 0 && in[0] == '.' {
		d.part, in = leadingDigits(in[1:])
	}
	if len(d.whole)+len(d.part) == 0 {
		return d, badSyntax
	}
	if len(in) > 0 && in[0]|0x20 == 'e' {
		return d.withExponent(in[1:])
	}
	if len(in) > 0 {
		return d, badSyntax
	}
	return d, ""
}

func (d decimal) withExponent(in []byte) (decimal, Fault) {
	n, fault := readInteger(in)
	switch {
	case fault != "":
		return d, fault
	case n.abs > exponentLimit:
		return d, outOfRange
	}
	d.exponent = int(n.abs)
	if n.negative {
		d.exponent = -d.exponent
	}
	return d, ""
}

func leadingDigits(in []byte) (digits, rest []byte) {
	n := 0
	for n < len(in) && in[n]-'0' <= 9 {
		n++
	}
	return in[:n], in[n:]
}

// span returns the powers of ten of the first and the last digit that is not zero; a zero has none.
func (d *decimal) span() (top, bottom int, ok bool) {
	first, n := -1, len(d.whole)+len(d.part)
	for i := range n {
		if d.at(i) != '0' {
			first = i
			break
		}
	}
	if first < 0 {
		return 0, 0, false
	}
	last := n - 1
	for d.at(last) == '0' {
		last--
	}
	units := len(d.whole) + d.exponent - 1
	return units - first, units - last, true
}

// at returns the i-th digit as it is written.
func (d *decimal) at(i int) byte {
	if i < len(d.whole) {
		return d.whole[i]
	}
	return d.part[i-len(d.whole)]
}

// digit returns the digit of a power of ten, 0 where none is written.
func (d *decimal) digit(power int) byte {
	i := len(d.whole) + d.exponent - 1 - power
	if i < 0 || i >= len(d.whole)+len(d.part) {
		return 0
	}
	return d.at(i) - '0'
}

// scale returns how many digits after the point are written, zeros too.
func (d *decimal) scale() int { return max(len(d.part)-d.exponent, 0) }

// readWhole reads a decimal that must be an integer.
func readWhole(in []byte) (n magnitude, fault Fault) {
	d, fault := readDecimal(in)
	if fault != "" {
		return magnitude{negative: d.negative}, fault
	}
	n.negative = d.negative
	top, bottom, ok := d.span()
	switch {
	case !ok:
		return magnitude{}, ""
	case top > 19:
		return n, outOfRange
	case bottom < 0:
		return n, badScale
	}
	for power := top; power >= 0; power-- {
		digit := uint64(d.digit(power))
		if n.abs > (1<<64-1-digit)/10 {
			return n, outOfRange
		}
		n.abs = n.abs*10 + digit
	}
	return n, ""
}
