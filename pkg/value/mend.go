package value

import (
	"bytes"
	"unicode/utf8"
)

// A mender gives the text that PostgreSQL can store in place of one that it cannot, with the rules that changed it.
type mender func(in []byte) (text []byte, hit Hit, fault Fault)

// mender compiles bad_text and nul_byte, in this order.
func (c *compiler) mender() mender {
	switch c.class {
	case character, bytesOf, document, dated, moment:
	default:
		return func(in []byte) ([]byte, Hit, Fault) { return in, 0, "" }
	}
	bad := c.patch(badText, c.rules.BadText)
	nul := c.patch(nulByte, c.rules.NulByte)
	return func(in []byte) ([]byte, Hit, Fault) {
		text, hit, ok := bad.wellFormed(in)
		if !ok {
			return nil, 0, badText
		}
		if bytes.IndexByte(text, 0) >= 0 {
			if nul.word != Strip && nul.word != To {
				return nil, 0, nulByte
			}
			text = bytes.ReplaceAll(text, []byte{0}, nul.to)
			hit |= nul.bit
		}
		if text == nil {
			text = []byte{}
		}
		return text, hit, ""
	}
}

// wellFormed gives the text that bad_text makes of bytes which are no UTF-8; not ok where it refuses them.
func (g *guard) wellFormed(in []byte) (text []byte, hit Hit, ok bool) {
	if utf8.Valid(in) {
		return in, 0, true
	}
	switch g.word {
	case Strip, To:
		return bytes.ToValidUTF8(in, g.to), g.bit, true
	case CP1252:
		return decodeCP1252(in), g.bit, true
	}
	return nil, 0, false
}

// patch is a guard whose text stands in place of the offending bytes alone, not of the value.
func (c *compiler) patch(name Fault, rule Policy) guard {
	g := guard{fault: name, word: rule.Word}
	if rule.Word == "" || rule.Word == Reject {
		return g
	}
	g.bit = c.bit(name)
	if rule.Word == To {
		g.to = []byte(rule.To)
		if !utf8.ValidString(rule.To) || bytes.IndexByte(g.to, 0) >= 0 {
			c.errorf("%s: its text is itself none that the target can hold", name)
		}
	}
	return g
}

// high are the characters of 0x80 to 0x9f in MySQL's latin1, which is cp1252 with the five bytes that are undefined there passed
// through as control characters.
var high = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}

// decodeCP1252 reads every byte as MySQL's latin1. It never refuses one.
func decodeCP1252(in []byte) []byte {
	out := make([]byte, 0, len(in)+len(in)/4+4)
	for _, b := range in {
		r := rune(b)
		if 0x80 <= b && b <= 0x9f {
			r = high[b-0x80]
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
