package value

import (
	"bytes"
	"slices"
	"strings"
)

// A fullName is a name in the order in which it is spoken.
type fullName struct {
	words [][]byte
	last  int // where the last name begins in words
}

// nameParts are the parts that a name can be asked for: first and rest make the whole name, and so do given and last.
var nameParts = map[string]func(fullName) [][]byte{
	"first": func(n fullName) [][]byte { return n.words[:1] },
	"rest":  func(n fullName) [][]byte { return n.words[1:] },
	"given": func(n fullName) [][]byte { return n.words[:n.last] },
	"last":  func(n fullName) [][]byte { return n.words[n.last:] },
}

// nameStep gives a part of a name, its words joined by one blank; NULL where the name is one word that is not in the part.
func (c *compiler) nameStep(s Step) step {
	part := nameParts[strings.Join(s.Args, " ")]
	if part == nil {
		c.errorf("steps: name gives one part; write {name: first}, or rest, given or last")
	}
	return rewrite(c.rule(s, true), func(in []byte) ([]byte, Fault) {
		name, ok := readName(in)
		if !ok {
			return nil, stepName
		}
		words := part(name)
		if len(words) == 0 {
			return nil, ""
		}
		return bytes.Join(words, []byte{' '}), ""
	})
}

// readName reads FIRST … LAST, whose last name is the last word, or LAST, FIRST …, whose last name is all before the comma. It is not
// ok where there is no word, nothing on one side of the comma, or more than one comma.
func readName(in []byte) (n fullName, ok bool) {
	before, after, comma := bytes.Cut(in, []byte{','})
	if !comma {
		n.words = bytes.Fields(in)
		n.last = max(len(n.words)-1, 1)
		return n, len(n.words) > 0
	}
	last, first := bytes.Fields(before), bytes.Fields(after)
	n.words, n.last = slices.Concat(first, last), len(first)
	return n, len(first) > 0 && len(last) > 0 && bytes.IndexByte(after, ',') < 0
}
