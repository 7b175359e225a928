package value

import "encoding/binary"

// hexDigit maps a hexadecimal digit to its value, every other byte to 0xff.
var hexDigit = func() (table [256]byte) {
	for i := range table {
		table[i] = 0xff
	}
	for i := range byte(10) {
		table['0'+i] = i
	}
	for i := range byte(6) {
		table['a'+i], table['A'+i] = 10+i, 10+i
	}
	return table
}()

func (c *compiler) toUUID() stage {
	switch c.class {
	case character, identifier:
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			id, ok := readUUID(in)
			if !ok {
				return refuse(dst, badUUID)
			}
			return done(append(dst, id[:]...), 0)
		}
	case bytesOf:
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if len(in) != 16 {
				return refuse(dst, badUUID)
			}
			return done(append(dst, in...), 0)
		}
	}
	return c.missing("write {uuid: ENTITY, of: COLUMN}")
}

// readUUID reads 32 hexadecimal digits of either case, with a hyphen after the 8th, 12th, 16th and 20th or with none.
func readUUID(in []byte) (id [16]byte, ok bool) {
	switch {
	case len(in) == 36 && in[8] == '-' && in[13] == '-' && in[18] == '-' && in[23] == '-':
		return decodeUUID(in, in[9:], in[14:], in[19:], in[24:])
	case len(in) == 32:
		return decodeUUID(in, in[8:], in[12:], in[16:], in[20:])
	}
	return id, false
}

// decodeUUID decodes the digits at the beginning of each part: 8, three times 4, and 12.
func decodeUUID(a, b, c, d, e []byte) (id [16]byte, ok bool) {
	four := func(part []byte) uint64 { return uint64(binary.LittleEndian.Uint32(part)) }
	first, ok1 := decodeHex(binary.LittleEndian.Uint64(a))
	second, ok2 := decodeHex(four(b) | four(c)<<32)
	third, ok3 := decodeHex(four(d) | four(e)<<32)
	fourth, ok4 := decodeHex(binary.LittleEndian.Uint64(e[4:]))
	binary.LittleEndian.PutUint64(id[:8], uint64(first)|uint64(second)<<32)
	binary.LittleEndian.PutUint64(id[8:], uint64(third)|uint64(fourth)<<32)
	return id, ok1 && ok2 && ok3 && ok4
}

// decodeHex decodes eight hexadecimal digits, the first in the lowest byte, into four bytes in the same order.
func decodeHex(digits uint64) (four uint32, ok bool) {
	letters := digits >> 6 & lows // a digit that has this bit is a letter, whose other bits count from 1
	n := digits&(lows*0x0f) + letters*9
	// What was read is written again, and has to be what it was but for the case of letters.
	written := n + lows*'0' + (n+lows*6)>>4&lows*('a'-'9'-1)
	ok = (written^digits)&^(letters<<5) == 0 && n&(lows*0xf0) == 0
	n = (n<<4 | n>>8) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	return uint32(n | n>>16), ok
}

// plainUUID takes one that is written as such.
func plainUUID(dst, in []byte) ([]byte, bool) {
	id, ok := readUUID(in)
	if !ok {
		return dst, false
	}
	return append(dst, id[:]...), true
}
