package value

import (
	"bytes"
	"slices"
	"strconv"
)

// array reads a:COUNT:{…}, as a list as long as its keys are those of one.
func (p *phpParser) array(depth int) bool {
	p.at++
	n, ok := p.members()
	if !ok {
		return false
	}
	var keys phpKeys
	var items []int // where the items of the list begin in out
	list, begin := true, len(p.out)
	p.out = append(p.out, '[')
	for i := range n {
		key, ok := p.key()
		if !ok {
			return false
		}
		if list && string(key) != strconv.Itoa(i) {
			list = false
			p.unlist(begin, items, &keys)
		}
		if i > 0 {
			p.out = append(p.out, ',')
		}
		if list {
			items = append(items, len(p.out))
		} else if !p.name(key, &keys) {
			return false
		}
		if !p.value(depth + 1) {
			return false
		}
	}
	if list {
		return p.write("]") && p.take("}")
	}
	return p.write("}") && p.take("}")
}

// members reads :COUNT:{ of as many members as the rest of the text has room for.
func (p *phpParser) members() (n int, ok bool) {
	if !p.take(":") {
		return 0, false
	}
	n, ok = p.count()
	return n, ok && p.take(":{")
}

// unlist makes an object of the items of a list that has turned out to be none.
func (p *phpParser) unlist(begin int, items []int, keys *phpKeys) {
	written := slices.Clone(p.out[begin:])
	p.out = append(p.out[:begin], '{')
	for i, item := range items {
		key := strconv.Quote(strconv.Itoa(i))
		keys.add(key)
		end := len(written)
		if i+1 < len(items) {
			end = items[i+1] - begin
		}
		p.out = append(append(p.out, key...), ':')
		p.out = append(p.out, written[item-begin:end]...)
	}
}

// key reads the key of a member: an integer, in decimal, or a text.
func (p *phpParser) key() (key []byte, ok bool) {
	if p.at < len(p.in) && p.in[p.at] == 'i' {
		return p.digits()
	}
	key, ok = p.text()
	return key, ok && p.take(";")
}

// name writes a member's key, which must be the only one of its object.
func (p *phpParser) name(key []byte, keys *phpKeys) bool {
	start := len(p.out)
	if !p.quote(key) || !keys.add(string(p.out[start:])) {
		return false
	}
	p.out = append(p.out, ':')
	return true
}

// object reads O:LENGTH:"CLASS":COUNT:{…}.
func (p *phpParser) object(depth int) bool {
	p.at++
	var keys phpKeys
	if !p.class(&keys) {
		return false
	}
	n, ok := p.members()
	if !ok {
		return false
	}
	for range n {
		key, ok := p.key()
		if ok {
			key, ok = property(key)
		}
		p.out = append(p.out, ',')
		if !ok || !p.name(key, &keys) || !p.value(depth+1) {
			return false
		}
	}
	return p.write("}") && p.take("}")
}

// class writes { and the class of an object as its first member.
func (p *phpParser) class(keys *phpKeys) bool {
	if !p.take(":") {
		return false
	}
	class, ok := p.counted()
	p.out = append(p.out, '{')
	return ok && p.name([]byte("__class"), keys) && p.quote(class)
}

// property takes the marks off a name: NUL * NUL of a protected property, NUL CLASS NUL of a private one.
func property(name []byte) ([]byte, bool) {
	if len(name) == 0 || name[0] != 0 {
		return name, bytes.IndexByte(name, 0) < 0
	}
	_, name, marked := bytes.Cut(name[1:], []byte{0})
	return name, marked && bytes.IndexByte(name, 0) < 0
}

// enum reads E:LENGTH:"ENUM:CASE";
func (p *phpParser) enum() bool {
	p.at++
	if !p.take(":") {
		return false
	}
	text, ok := p.counted()
	class, name, colon := bytes.Cut(text, []byte{':'})
	var keys phpKeys
	p.out = append(p.out, '{')
	if !ok || !colon || !p.take(";") || !p.name([]byte("__class"), &keys) || !p.quote(class) {
		return false
	}
	p.out = append(p.out, ',')
	return p.name([]byte("__case"), &keys) && p.quote(name) && p.write("}")
}

// phpKeys are the keys that an object has so far, as JSON's strings.
type phpKeys map[string]struct{}

// add reports whether the key is new.
func (k *phpKeys) add(key string) bool {
	if _, met := (*k)[key]; met {
		return false
	}
	if *k == nil {
		*k = phpKeys{}
	}
	(*k)[key] = struct{}{}
	return true
}
