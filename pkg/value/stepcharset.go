package value

import (
	"slices"
	"unicode/utf8"
)

// charsets are those that the charset step knows, each with what it makes of bytes that are written in it.
var charsets = map[string]func(in []byte) (text []byte, ok bool){
	"utf8":   func(in []byte) ([]byte, bool) { return in, utf8.Valid(in) },
	"cp1252": func(in []byte) ([]byte, bool) { return decodeCP1252(in), true },
}

// charsetStep reads each value in the first of the charsets that it can be in.
func (c *compiler) charsetStep(s Step) step {
	if problem := charsetProblem(s.Args); problem != "" {
		c.errorf("steps: charset %s; write {charset: [utf8, cp1252]}", problem)
	}
	c.class = character
	return rewrite(c.rule(s, false), func(in []byte) ([]byte, Fault) {
		for _, name := range s.Args {
			if text, ok := charsets[name](in); ok {
				return text, ""
			}
		}
		return nil, stepCharset
	})
}

func charsetProblem(names []string) string {
	if len(names) == 0 {
		return "needs the charsets to try"
	}
	for i, name := range names {
		switch {
		case charsets[name] == nil:
			return "knows utf8 and cp1252 alone"
		case slices.Contains(names[:i], "cp1252"):
			return "reads every value as cp1252, so that nothing behind it is tried"
		case slices.Contains(names[:i], name):
			return "has " + name + " twice"
		}
	}
	return ""
}

// scrambles is how often a text may have been read as cp1252 and written as UTF-8 before it is given up.
const scrambles = 3

// unscrambled takes back that UTF-8 was read as cp1252, or as latin1, and written as UTF-8 again, as often as up to three times. It
// does so only where the whole text could have come about like that.
func unscrambled(in []byte) []byte {
	for range scrambles {
		if firstHigh(in) < 0 || !utf8.Valid(in) {
			return in
		}
		before, ok := encodeCP1252(in)
		if !ok || !utf8.Valid(before) {
			return in
		}
		in = before
	}
	return in
}

// firstHigh returns the index of the first byte that is not ASCII, or -1.
func firstHigh(in []byte) int {
	return slices.IndexFunc(in, func(b byte) bool { return b >= utf8.RuneSelf })
}

// lowOf maps the characters that only cp1252 has to their bytes.
var lowOf = func() map[rune]byte {
	m := make(map[rune]byte, len(high))
	for i, r := range high {
		m[r] = 0x80 + byte(i)
	}
	return m
}()

// encodeCP1252 is what decodeCP1252, or a decoder of latin1, has made the text of; not ok where neither can have.
func encodeCP1252(text []byte) (out []byte, ok bool) {
	out = make([]byte, 0, len(text))
	for _, r := range string(text) {
		b, special := lowOf[r]
		switch {
		case special:
		case r <= 0xff:
			b = byte(r)
		default:
			return nil, false
		}
		out = append(out, b)
	}
	return out, true
}
