package value

import "encoding/binary"

// toBits keeps the bits of a BIT. The number of bits is part of a bit string's value, so that a bit(n) takes a BIT(n) alone.
func (c *compiler) toBits(k kind) stage {
	switch {
	case c.class == bytesOf:
		return c.missing("feed a bytea")
	case c.class == integer:
		return c.missing("feed an integer")
	case c.class != bitString:
		return c.missing("write a sql expression that makes text of it, and feed that")
	case c.from.Length == 0:
		return c.missing("the length of an expression's bits is not known: write the column itself, or feed a bigint with sql: COLUMN + 0")
	}
	bits, limit := int(c.from.Length), int(c.to.Typmod)
	switch {
	case k == kindBit && limit > 0 && bits != limit:
		c.errorf("BIT(%d) does not become bit(%d) by itself: make the column bit(%d)", bits, limit, bits)
		return nil
	case limit > 0 && bits > limit:
		c.errorf("BIT(%d) does not fit into bit varying(%d): make the column bit varying(%d)", bits, limit, bits)
		return nil
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		n, fault := readBits(in)
		if fault != "" || bits < 64 && n.abs >= 1<<bits {
			return refuse(dst, badSyntax)
		}
		return done(appendBits(dst, n.abs, bits), 0)
	}
}

// appendBits appends what bit_send sends: the number of bits, then the bits from the first on, with zeros up to a whole byte.
func appendBits(dst []byte, n uint64, bits int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(bits))
	var left [8]byte
	binary.BigEndian.PutUint64(left[:], n<<(64-bits))
	return append(dst, left[:(bits+7)/8]...)
}

// literalBits reads zeros and ones.
func literalBits(to TargetType, text []byte) ([]byte, Fault) {
	limit := int(to.Typmod)
	switch fixed := kindOf(to) == kindBit; {
	case limit > 0 && len(text) > limit:
		return nil, tooLong
	case limit > 0 && fixed && len(text) < limit:
		return nil, badSyntax
	}
	body := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	body = append(body, make([]byte, (len(text)+7)/8)...)
	for i, b := range text {
		if b != '0' && b != '1' {
			return nil, badSyntax
		}
		body[4+i/8] |= (b - '0') << (7 - i%8)
	}
	return body, ""
}
