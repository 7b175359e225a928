package value

import (
	"unicode"
	"unicode/utf8"
)

// trimmed is bytes.TrimSpace that keeps the difference between an empty text and none.
func trimmed(in []byte) []byte {
	for len(in) > 0 {
		r, size := utf8.DecodeRune(in)
		if !unicode.IsSpace(r) {
			break
		}
		in = in[size:]
	}
	for len(in) > 0 {
		r, size := utf8.DecodeLastRune(in)
		if !unicode.IsSpace(r) {
			break
		}
		in = in[:len(in)-size]
	}
	return in
}

// collapsed puts one blank in place of each run of Unicode white space.
func collapsed(in []byte) []byte {
	at := firstLoose(in)
	if at < 0 {
		return in
	}
	out := append(make([]byte, 0, len(in)), in[:at]...)
	inside := false
	for i := at; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		switch {
		case !unicode.IsSpace(r):
			out = append(out, in[i:i+size]...)
			inside = false
		case !inside:
			out = append(out, ' ')
			inside = true
		}
		i += size
	}
	return out
}

// firstLoose returns where the first run of white space begins that is not one blank, or -1.
func firstLoose(in []byte) int {
	run := -1
	for i := 0; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		switch {
		case !unicode.IsSpace(r):
			run = -1
		case run >= 0:
			return run
		case r != ' ':
			return i
		default:
			run = i
		}
		i += size
	}
	return -1
}

// emptyToNull gives NULL for the empty text.
func emptyToNull(in []byte) []byte {
	if len(in) == 0 {
		return nil
	}
	return in
}
