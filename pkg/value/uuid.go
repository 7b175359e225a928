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
			out, ok := plainUUID(dst, in)
			if !ok {
				return refuse(dst, badUUID)
			}
			return done(out, 0)
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

// plainUUID reads 32 hexadecimal digits of either case, with a hyphen after the 8th, 12th, 16th and 20th or with none.
func plainUUID(dst, in []byte) ([]byte, bool) {
	four := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(in[at:])) }
	var a, b, c, d uint64 // eight digits each
	switch {
	case len(in) == 36 && in[8] == '-' && in[13] == '-' && in[18] == '-' && in[23] == '-':
		a, b, c, d = binary.LittleEndian.Uint64(in), four(9)|four(14)<<32, four(19)|four(24)<<32, binary.LittleEndian.Uint64(in[28:])
	case len(in) == 32:
		a, b, c, d = binary.LittleEndian.Uint64(in), binary.LittleEndian.Uint64(in[8:]), binary.LittleEndian.Uint64(in[16:]), binary.LittleEndian.Uint64(in[24:])
	default:
		return dst, false
	}
	first, wrong1 := decodeHex(a)
	second, wrong2 := decodeHex(b)
	third, wrong3 := decodeHex(c)
	fourth, wrong4 := decodeHex(d)
	if wrong1|wrong2|wrong3|wrong4 != 0 {
		return dst, false
	}
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, first|second<<32), third|fourth<<32), true
}

// decodeHex decodes eight hexadecimal digits, the first in the lowest byte, into four bytes in the same order. Wrong is not zero where
// one of them is none.
func decodeHex(digits uint64) (four, wrong uint64) {
	letters := digits >> 6 & lows // a digit that has this bit is a letter, whose other bits count from 1
	n := digits&(lows*0x0f) + letters*9
	// What was read is written again, and has to be what it was but for the case of letters.
	written := n + lows*'0' + (n+lows*6)>>4&lows*('a'-'9'-1)
	wrong = (written^digits)&^(letters<<5) | n&(lows*0xf0)
	n = (n<<4 | n>>8) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	return (n | n>>16) & 0xffffffff, wrong
}
