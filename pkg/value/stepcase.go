package value

import (
	"unicode"
	"unicode/utf8"
)

// lowerCase maps each character to its Unicode lower case, whatever the locale and its neighbours; bytes that are no text stay.
func lowerCase(in []byte) []byte { return cased(in, unicode.ToLower) }

// upperCase maps each character to its Unicode upper case, one to one: a ß stays.
func upperCase(in []byte) []byte { return cased(in, unicode.ToUpper) }

func cased(in []byte, to func(rune) rune) []byte {
	at := firstOther(in, to)
	if at < 0 {
		return in
	}
	out := append(make([]byte, 0, len(in)+8), in[:at]...)
	for i := at; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		switch other := to(r); {
		case r == utf8.RuneError:
			out = append(out, in[i:i+size]...)
		case r == 'İ' && other != r:
			// The one character whose lower case is two; a bare i would make it equal to another.
			out = append(out, "i\u0307"...)
		default:
			out = utf8.AppendRune(out, other)
		}
		i += size
	}
	return out
}

// firstOther returns the index of the first character that has another case, or -1.
func firstOther(in []byte, to func(rune) rune) int {
	for i := 0; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		if to(r) != r {
			return i
		}
		i += size
	}
	return -1
}
