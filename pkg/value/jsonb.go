package value

import (
	"bytes"
	"cmp"
	"slices"
)

// jsonbVersion is the first byte of what jsonb_send sends; the document's text follows.
const jsonbVersion = 1

// deepest is how far a document may be nested; MySQL's limit is 100, and PostgreSQL's is the size of its stack.
const deepest = 1000

// jsonbEncoder appends documents as jsonb_send writes them: one blank after colons and commas, keys by length and then by bytes, numbers
// without exponent, text with the fewest escapes. Of members of the same name and different values jsonb keeps the last, and loses the
// others: what the guard says of that.
func jsonbEncoder(duplicates guard) func(dst, text []byte) ([]byte, Hit, Fault) {
	return func(dst, text []byte) ([]byte, Hit, Fault) {
		p := parser{in: text, out: append(dst, jsonbVersion), last: duplicates.word == Last}
		switch {
		case !p.value(0) || !p.blank() || p.at != len(p.in):
			return dst, 0, cmp.Or(p.fault, badJSON)
		case p.lost:
			return p.out, duplicates.bit, ""
		}
		return p.out, 0, ""
	}
}

// A parser reads a document and writes its canonical form. Its methods are false where the text is no JSON.
type parser struct {
	in    []byte
	at    int
	out   []byte
	fault Fault // of what is JSON and no jsonb
	last  bool  // the last of members of one name may stand for all
	lost  bool  // and so it does
}

// blank skips white space; it is always true.
func (p *parser) blank() bool {
	for p.at < len(p.in) && (p.in[p.at] == ' ' || p.in[p.at] == '\t' || p.in[p.at] == '\n' || p.in[p.at] == '\r') {
		p.at++
	}
	return true
}

// take skips white space and then the given byte, if it is there.
func (p *parser) take(b byte) bool {
	p.blank()
	if p.at < len(p.in) && p.in[p.at] == b {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) bool {
	if depth > deepest {
		return false
	}
	p.blank()
	if p.at == len(p.in) {
		return false
	}
	switch p.in[p.at] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.text()
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	}
	return p.number()
}

func (p *parser) word(word string) bool {
	if !bytes.HasPrefix(p.in[p.at:], []byte(word)) {
		return false
	}
	p.at += len(word)
	p.out = append(p.out, word...)
	return true
}

func (p *parser) array(depth int) bool {
	p.at++
	p.out = append(p.out, '[')
	for first := true; !p.take(']'); first = false {
		if !first {
			if !p.take(',') {
				return false
			}
			p.out = append(p.out, ", "...)
		}
		if !p.value(depth + 1) {
			return false
		}
	}
	p.out = append(p.out, ']')
	return true
}

// A member is a key with its value, both in the canonical form, at a place in the parser's output.
type member struct {
	start, end int    // of key, colon and value
	key        []byte // decoded; refers to the input or to nothing that moves
}

func (p *parser) object(depth int) bool {
	p.at++
	p.out = append(p.out, '{')
	var room [8]member
	members, start := room[:0], len(p.out)
	for first := true; !p.take('}'); first = false {
		if !first {
			if !p.take(',') {
				return false
			}
			p.out = append(p.out, ", "...)
		}
		m, ok := p.member(depth)
		if !ok {
			return false
		}
		members = append(members, m)
	}
	if !slices.IsSortedFunc(members, strictly) && !p.arrange(start, members) {
		return false
	}
	p.out = append(p.out, '}')
	return true
}

func (p *parser) member(depth int) (m member, ok bool) {
	p.blank()
	m.start = len(p.out)
	from := p.at
	if !p.text() {
		return m, false
	}
	m.key = p.in[from+1 : p.at-1]
	if bytes.IndexByte(m.key, '\\') >= 0 {
		m.key = unescaped(p.out[m.start+1 : len(p.out)-1])
	}
	if !p.take(':') {
		return m, false
	}
	p.out = append(p.out, ": "...)
	ok = p.value(depth + 1)
	m.end = len(p.out)
	return m, ok
}

// byKey is the order of jsonb: shorter keys first.
func byKey(a, b member) int {
	return cmp.Or(cmp.Compare(len(a.key), len(b.key)), bytes.Compare(a.key, b.key))
}

// strictly is byKey for which equal keys are out of order.
func strictly(a, b member) int {
	if order := byKey(a, b); order != 0 {
		return order
	}
	return -1
}

// arrange puts the members, which stand from start on, into order. It is false where a value would be lost that must not be.
func (p *parser) arrange(start int, members []member) bool {
	written := slices.Clone(p.out[start:])
	slices.SortStableFunc(members, byKey)
	p.out = p.out[:start]
	text := func(m member) []byte { return written[m.start-start : m.end-start] }
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(m.key, members[i+1].key) {
			if !bytes.Equal(text(m), text(members[i+1])) {
				p.lost = true
			}
			continue
		}
		if len(p.out) > start {
			p.out = append(p.out, ", "...)
		}
		p.out = append(p.out, text(m)...)
	}
	if p.lost && !p.last {
		p.fault = jsonDuplicate
	}
	return p.fault == ""
}

// number reads a number of JSON's grammar, which is narrower than a decimal's.
func (p *parser) number() bool {
	start := p.at
	if p.in[p.at] == '-' {
		p.at++
	}
	whole, _ := leadingDigits(p.in[p.at:])
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	p.at += len(whole)
	if p.at < len(p.in) && p.in[p.at] == '.' {
		part, _ := leadingDigits(p.in[p.at+1:])
		if len(part) == 0 {
			return false
		}
		p.at += 1 + len(part)
	}
	if p.at < len(p.in) && p.in[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.in) && (p.in[p.at] == '+' || p.in[p.at] == '-') {
			p.at++
		}
		digits, _ := leadingDigits(p.in[p.at:])
		if len(digits) == 0 {
			return false
		}
		p.at += len(digits)
	}
	d, fault := readDecimal(p.in[start:p.at])
	top, _, nonzero := d.span()
	if fault != "" || nonzero && top > topPower || d.scale() > mostScale {
		p.fault = outOfRange
		return false
	}
	p.out = appendPlain(p.out, &d)
	return true
}
