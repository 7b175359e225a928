package value

import (
	"encoding/binary"
	"math/bits"
)

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// suspect is not zero where one of eight bytes is NUL or beyond ASCII, and the lowest of them has its highest bit in it: what is below 1
// borrows, and what is above 0x7f has that bit.
func suspect(eight uint64) uint64 { return ((eight - lows) | eight) & highs }

// characters counts those of a text that PostgreSQL can store: UTF-8 without NUL. It is not ok where the text is none.
func characters(text []byte) (n int, ok bool) {
	at := asciiPrefix(text)
	if at == len(text) {
		return at, true
	}
	n, ok = mixedCharacters(text[at:])
	return at + n, ok
}

// asciiPrefix returns the length of the text if all of it is ASCII without NUL, else that of a part at its beginning that is.
func asciiPrefix(text []byte) int {
	at := 0
	for ; at+32 <= len(text); at += 32 {
		four := text[at : at+32]
		if suspect(binary.LittleEndian.Uint64(four))|suspect(binary.LittleEndian.Uint64(four[8:]))|
			suspect(binary.LittleEndian.Uint64(four[16:]))|suspect(binary.LittleEndian.Uint64(four[24:])) != 0 {
			return at
		}
	}
	for ; at+8 <= len(text); at += 8 {
		if suspect(binary.LittleEndian.Uint64(text[at:])) != 0 {
			return at
		}
	}
	if len(text) >= 8 {
		// What is left with bytes before it, which are known.
		if suspect(binary.LittleEndian.Uint64(text[len(text)-8:])) == 0 {
			return len(text)
		}
		return at
	}
	for at < len(text) && text[at]-1 < 0x7f {
		at++
	}
	return at
}

// mixedCharacters is characters where not all are ASCII.
func mixedCharacters(text []byte) (n int, ok bool) {
	n = len(text) // less the bytes that continue a character
	for at := 0; at < len(text); {
		if text[at]-1 < 0x7f {
			at++
			if at+8 <= len(text) {
				strange := suspect(binary.LittleEndian.Uint64(text[at:]))
				at += bits.TrailingZeros64(strange) / 8 // 8 of them where there is none
			}
			continue
		}
		size := multibyte(text[at:])
		if size == 0 {
			return 0, false
		}
		at += size
		n -= size - 1
	}
	return n, true
}

// multibyte returns how many bytes the first character has, of two to four; 0 where the text does not begin with such a character.
func multibyte(text []byte) int {
	const continues = 0x80
	follows := func(b byte) bool { return b&0xc0 == continues }
	switch first := text[0]; {
	case first < 0xc2:
	case first < 0xe0:
		if len(text) >= 2 && follows(text[1]) {
			return 2
		}
	case first < 0xf0:
		if len(text) < 3 || !follows(text[1]) || !follows(text[2]) || first == 0xe0 && text[1] < 0xa0 || first == 0xed && text[1] > 0x9f {
			return 0 // also what is too long, or half a pair of UTF-16
		}
		return 3
	case first < 0xf5:
		if len(text) < 4 || !follows(text[1]) || !follows(text[2]) || !follows(text[3]) || first == 0xf0 && text[1] < 0x90 || first == 0xf4 && text[1] > 0x8f {
			return 0 // also what is too long, or beyond Unicode
		}
		return 4
	}
	return 0
}
