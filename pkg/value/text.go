package value

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

func (c *compiler) toText(k kind) stage {
	switch c.class {
	case bitString:
		return c.missing("write sql: COLUMN + 0 for its number")
	case bytesOf:
		if c.rules.BadText.Word == "" {
			return c.missing("write sql: CONVERT(COLUMN USING utf8mb4), or say what its bytes are with bad_text")
		}
	case day, local, instant:
		return c.temporalText(c.encodeText(k))
	}
	return c.encodeText(k)
}

func (c *compiler) encodeText(k kind) stage {
	mend, limit := c.mender(), c.to.characters()
	g := guard{fault: tooLong}
	if limit > 0 {
		g = c.guard(tooLong, c.rules.TooLong)
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		text, hit, fault := mend(in)
		if fault != "" {
			return refuse(dst, fault)
		}
		if limit == 0 {
			return done(append(dst, text...), hit)
		}
		n := utf8.RuneCount(text)
		if n > limit {
			cut := prefix(text, limit)
			// Blanks at the end of a char(n) are padding, not text; those of a varchar are text that the server would cut in silence.
			if k != kindChar || len(bytes.TrimRight(text[cut:], " ")) > 0 {
				if g.word != Truncate {
					return refuse(dst, tooLong)
				}
				hit |= g.bit
			}
			text, n = text[:cut], limit
		}
		dst = append(dst, text...)
		if k == kindChar {
			dst = pad(dst, limit-n)
		}
		return done(dst, hit)
	}
}

// prefix returns the bytes of the first n characters of a text that has more.
func prefix(text []byte, n int) int {
	at := 0
	for range n {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

func pad(dst []byte, blanks int) []byte {
	dst = slices.Grow(dst, blanks)
	for range blanks {
		dst = append(dst, ' ')
	}
	return dst
}

func (c *compiler) toBytea() stage {
	switch c.class {
	case bytesOf, bitString:
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) { return done(append(dst, in...), 0) }
	}
	return c.missing("write sql: CAST(COLUMN AS BINARY)")
}

func (c *compiler) toEnum() stage {
	if c.class != character {
		return c.missing(mapIt + ", such as {1: " + c.someLabel() + "}")
	}
	labels := make(map[string]bool, len(c.to.Labels))
	for _, label := range c.to.Labels {
		labels[label] = true
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if !labels[string(in)] {
			return refuse(dst, values)
		}
		return done(append(dst, in...), 0)
	}
}

func (c *compiler) someLabel() string {
	if len(c.to.Labels) == 0 {
		return "LABEL"
	}
	return c.to.Labels[0]
}
