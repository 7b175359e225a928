package value

import (
	"unicode"
	"unicode/utf8"
)

// A step is a Step at work: it gives the stage that does it before the next.
type step func(next stage) stage

// steps compiles the steps and follows the class of the value through them.
func (c *compiler) steps() []step {
	var steps []step
	for _, s := range c.rules.Steps {
		if c.class == bitString || c.class == bytesOf && s.Name == stepDate {
			c.errorf("steps: %s works on text, not on %s; write a sql expression that makes text of it", s.Name, c.from.Name)
			continue
		}
		if s.Name != stepDate && len(s.Args) > 0 {
			c.errorf("steps: %s takes no arguments", s.Name)
		}
		switch s.Name {
		case stepTrim:
			steps = append(steps, trim(c.bit(stepTrim)))
		case stepLower:
			steps = append(steps, lower(c.bit(stepLower)))
		case stepEmpty:
			steps = append(steps, emptyToNull(c.bit(stepEmpty)))
		case stepDate:
			steps = append(steps, c.dateStep(s.Args))
			c.class = dated
		default:
			c.errorf("steps: there is no step %q; write one of trim, lower, empty_to_null, {date: [FORMAT]}", s.Name)
		}
	}
	return steps
}

// trim takes Unicode white space off both ends.
func trim(hit Hit) step {
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			text := trimmed(in)
			if len(text) == len(in) {
				return next(dst, in)
			}
			return after(hit, next, dst, text)
		}
	}
}

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

// lower maps each character to its Unicode lower case, whatever the locale and its neighbours; bytes that are no text stay.
func lower(hit Hit) step {
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			at := firstUpper(in)
			if at < 0 {
				return next(dst, in)
			}
			return after(hit, next, dst, lowered(in, at))
		}
	}
}

// firstUpper returns the index of the first character that has another lower case, or -1.
func firstUpper(in []byte) int {
	for i := 0; i < len(in); {
		if b := in[i]; b < utf8.RuneSelf {
			if 'A' <= b && b <= 'Z' {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(in[i:])
		if unicode.ToLower(r) != r {
			return i
		}
		i += size
	}
	return -1
}

func lowered(in []byte, at int) []byte {
	out := append(make([]byte, 0, len(in)+8), in[:at]...)
	for i := at; i < len(in); {
		r, size := utf8.DecodeRune(in[i:])
		switch r {
		case utf8.RuneError:
			out = append(out, in[i:i+size]...)
		case 'İ':
			// The one character whose lower case is two; a bare i would make it equal to another.
			out = append(out, "i\u0307"...)
		default:
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
		i += size
	}
	return out
}

func emptyToNull(hit Hit) step {
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in != nil && len(in) == 0 {
				return after(hit, next, dst, nil)
			}
			return next(dst, in)
		}
	}
}
