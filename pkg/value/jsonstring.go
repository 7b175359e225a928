package value

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string and writes it with the escapes of escape_json alone: those of the quote, the backslash and the controls.
func (p *parser) text() bool {
	if p.at == len(p.in) || p.in[p.at] != '"' {
		return false
	}
	p.at++
	p.out = append(p.out, '"')
	for p.at < len(p.in) {
		b := p.in[p.at]
		switch {
		case b == '"':
			p.at++
			p.out = append(p.out, '"')
			return true
		case b < ' ':
			return false
		case b == '\\':
			if !p.escape() {
				return false
			}
		default:
			p.out = append(p.out, b)
			p.at++
		}
	}
	return false
}

// escape reads one escape, or two that make a pair of surrogates.
func (p *parser) escape() bool {
	if p.at+1 >= len(p.in) {
		return false
	}
	b := p.in[p.at+1]
	if b == 'u' {
		return p.unicode()
	}
	p.at += 2
	switch b {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		p.out = append(p.out, '\\', b)
	case '/':
		p.out = append(p.out, '/')
	default:
		return false
	}
	return true
}

func (p *parser) unicode() bool {
	r, ok := p.unit()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		low, ok := p.unit()
		r = utf16.DecodeRune(r, low)
		if !ok || r == utf8.RuneError {
			return false
		}
	}
	if r == 0 {
		p.fault = jsonNul
		return false
	}
	p.out = appendEscaped(p.out, r)
	return true
}

// unit reads \uXXXX.
func (p *parser) unit() (r rune, ok bool) {
	rest := p.in[p.at:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return 0, false
	}
	for _, b := range rest[2:6] {
		digit := hexDigit[b]
		if digit > 0xf {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	p.at += 6
	return r, true
}

// short are the control characters that have an escape of one letter, at the place of that letter in letters.
var short, letters = []byte("\b\f\n\r\t\"\\"), []byte(`bfnrt"\`)

func appendEscaped(dst []byte, r rune) []byte {
	if r >= utf8.RuneSelf {
		return utf8.AppendRune(dst, r)
	}
	if i := bytes.IndexByte(short, byte(r)); i >= 0 {
		return append(dst, '\\', letters[i])
	}
	if r < ' ' {
		const digits = "0123456789abcdef"
		return append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&0xf])
	}
	return append(dst, byte(r))
}

// unescaped decodes a string in the canonical form; it returns its argument's copy, since the output moves.
func unescaped(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		i++
		if text[i] == 'u' {
			out = append(out, hexDigit[text[i+3]]<<4|hexDigit[text[i+4]])
			i += 4
			continue
		}
		out = append(out, short[bytes.IndexByte(letters, text[i])])
	}
	return out
}
