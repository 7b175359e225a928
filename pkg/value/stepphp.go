package value

import "bytes"

// phpStep turns what PHP's serialize wrote into JSON: an array whose keys are 0, 1, 2 … in this order is an array, any other an
// object; an object has its class under "__class" first, an enum its case under "__case" too. Its policy is bad_text.
func (c *compiler) phpStep(s Step) step {
	hit, bad := c.rule(s, false), c.patch(badText, c.rules.BadText)
	c.class = document
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in == nil {
				return next(dst, nil)
			}
			p := newPHPParser(in, &bad)
			if !p.whole() {
				return refuse(dst, p.fault)
			}
			return after(hit|p.hit, next, dst, p.out)
		}
	}
}

// A phpParser reads PHP's serialized form and writes JSON. Its methods are false where the text is none, or none that JSON can say.
type phpParser struct {
	in    []byte
	at    int
	out   []byte
	most  int    // bytes of out, above which references have made too much of too little
	bad   *guard // bad_text
	hit   Hit
	fault Fault

	refers  bool  // there may be references in the text, so that slots are wanted
	copying bool  // what a reference means is read again
	slots   []int // where each value begins, in the order in which references number them
}

func newPHPParser(in []byte, bad *guard) *phpParser {
	return &phpParser{
		in: in, bad: bad, fault: stepPHP, out: make([]byte, 0, len(in)), most: 8*len(in) + 1<<20,
		refers: bytes.Contains(in, []byte("r:")) || bytes.Contains(in, []byte("R:")),
	}
}

// whole reads the one value that the text has to be.
func (p *phpParser) whole() bool { return p.value(0) && p.at == len(p.in) }

func (p *phpParser) value(depth int) bool {
	if depth > deepest || p.at >= len(p.in) || len(p.out) > p.most {
		return false
	}
	kind := p.in[p.at]
	if p.refers && !p.copying && kind != 'R' && kind != 'r' {
		p.slots = append(p.slots, p.at)
	}
	switch kind {
	case 'N':
		return p.take("N;") && p.write("null")
	case 'b':
		return p.take("b:0;") && p.write("false") || p.take("b:1;") && p.write("true")
	case 'i':
		return p.integer()
	case 'd':
		return p.double()
	case 's', 'S':
		text, ok := p.text()
		return ok && p.take(";") && p.quote(text)
	case 'a':
		return p.array(depth)
	case 'O':
		return p.object(depth)
	case 'E':
		return p.enum()
	case 'r', 'R':
		return p.reference(depth)
	}
	return false // C too: what a class has written by itself only the class can read
}

func (p *phpParser) integer() bool {
	digits, ok := p.digits()
	p.out = append(p.out, digits...)
	return ok
}

// digits reads i:…; as PHP writes an integer of 64 bits.
func (p *phpParser) digits() (text []byte, ok bool) {
	if !p.take("i:") {
		return nil, false
	}
	start := p.at
	if p.at < len(p.in) && p.in[p.at] == '-' {
		p.at++
	}
	digits, _ := leadingDigits(p.in[p.at:])
	p.at += len(digits)
	text = p.in[start:p.at]
	n, fault := readInteger(text)
	canonical := len(digits) == 1 || len(digits) > 1 && digits[0] != '0'
	if n.abs == 0 {
		canonical = len(text) == 1
	}
	fits := n.abs < 1<<63 || n.negative && n.abs == 1<<63
	return text, fault == "" && canonical && fits && p.take(";")
}

// double reads a float, whose digits stay as they are. JSON has no infinity.
func (p *phpParser) double() bool {
	if !p.take("d:") {
		return false
	}
	end := bytes.IndexByte(p.in[p.at:], ';')
	if end < 0 || !isNumber(p.in[p.at:p.at+end]) {
		return false
	}
	p.out = append(p.out, p.in[p.at:p.at+end]...)
	p.at += end + 1
	return true
}

// count reads digits that count bytes or members, of which there cannot be more than the text has bytes.
func (p *phpParser) count() (n int, ok bool) {
	digits, _ := leadingDigits(p.in[p.at:])
	for _, b := range digits {
		if n = n*10 + int(b-'0'); n > len(p.in) {
			return 0, false
		}
	}
	p.at += len(digits)
	return n, len(digits) == 1 || len(digits) > 1 && digits[0] != '0'
}

// text reads s:LENGTH:"…", or the form S in which bytes may be \ and two hexadecimal digits, without the semicolon behind it.
func (p *phpParser) text() (text []byte, ok bool) {
	if p.take("S:") {
		return p.escaped()
	}
	if !p.take("s:") {
		return nil, false
	}
	return p.counted()
}

// counted reads LENGTH:"…".
func (p *phpParser) counted() (text []byte, ok bool) {
	n, ok := p.count()
	if !ok || !p.take(`:"`) || n > len(p.in)-p.at {
		return nil, false
	}
	text = p.in[p.at : p.at+n]
	p.at += n
	return text, p.take(`"`)
}

func (p *phpParser) escaped() (text []byte, ok bool) {
	n, ok := p.count()
	if !ok || !p.take(`:"`) {
		return nil, false
	}
	for len(text) < n && p.at < len(p.in) {
		b := p.in[p.at]
		p.at++
		if b == '\\' {
			if len(p.in)-p.at < 2 || hexDigit[p.in[p.at]]|hexDigit[p.in[p.at+1]] > 0xf {
				return nil, false
			}
			b = hexDigit[p.in[p.at]]<<4 | hexDigit[p.in[p.at+1]]
			p.at += 2
		}
		text = append(text, b)
	}
	return text, len(text) == n && p.take(`"`)
}

// take skips what has to stand here.
func (p *phpParser) take(what string) bool {
	if !bytes.HasPrefix(p.in[p.at:], []byte(what)) {
		return false
	}
	p.at += len(what)
	return true
}

func (p *phpParser) write(json string) bool {
	p.out = append(p.out, json...)
	return true
}

// quote writes a text as JSON's string, once bad_text has mended it.
func (p *phpParser) quote(text []byte) bool {
	text, hit, ok := p.bad.wellFormed(text)
	if !ok {
		p.fault = badText
		return false
	}
	p.hit |= hit
	p.out = appendQuoted(p.out, text)
	return true
}

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, b := range text {
		if b >= ' ' && b != '"' && b != '\\' {
			dst = append(dst, b)
			continue
		}
		dst = appendEscaped(dst, rune(b))
	}
	return append(dst, '"')
}

// reference writes again what it means, the value of that number. One that means a value around it has no end, which the limit on depth
// finds. An object that is met again, r, has a number of its own.
func (p *phpParser) reference(depth int) bool {
	again := p.in[p.at] == 'r'
	p.at++
	if !p.take(":") {
		return false
	}
	n, ok := p.count()
	if !ok || n < 1 || n > len(p.slots) || !p.take(";") {
		return false
	}
	start := p.slots[n-1]
	if again && !p.copying {
		p.slots = append(p.slots, start)
	}
	back, copying := p.at, p.copying
	p.at, p.copying = start, true
	ok = p.value(depth + 1)
	p.at, p.copying = back, copying
	return ok
}
