package value

import (
	"maps"
	"slices"
)

// An entry is an Outcome at work.
type entry struct {
	word string
	text string // of the word To, as the mapping has it
	to   []byte // of the word To, encoded
	bit  Hit
}

// A total is a map that has an outcome for every value.
type total struct {
	listed    map[string]entry
	otherwise entry
}

// outcomes compiles the map; without one it is nil.
func (c *compiler) outcomes() *total {
	if c.rules.Values == nil {
		if w := c.rules.Otherwise.Word; w != "" && w != Reject {
			c.errorf("otherwise: %s has no values before it; write values: {OLD: NEW}", w)
		}
		return nil
	}
	if c.class == bitString {
		c.errorf("values: a BIT has no text; write sql: COLUMN + 0 and list its numbers")
	}
	m := &total{listed: make(map[string]entry, len(c.rules.Values))}
	for _, old := range slices.Sorted(maps.Keys(c.rules.Values)) {
		m.listed[old] = c.entry(values, c.rules.Values[old])
	}
	m.otherwise = c.entry("otherwise", c.rules.Otherwise)
	return m
}

func (c *compiler) entry(part Fault, o Outcome) entry {
	switch o.Word {
	case "", Reject:
		return entry{word: Reject}
	case Keep:
		return entry{word: Keep}
	case ToNull:
		return entry{word: ToNull, bit: c.bit(values)}
	case To:
		return entry{word: To, bit: c.bit(values), text: o.To, to: c.literal(part, o.To)}
	}
	c.errorf("%s: %q is no outcome; write one of reject, keep, to_null, {to: VALUE}", part, o.Word)
	return entry{}
}

// stage looks values up; what is kept or becomes NULL goes on to next.
func (m *total) stage(next stage) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if in == nil {
			return next(dst, nil)
		}
		e, listed := m.listed[string(in)]
		if !listed {
			e = m.otherwise
		}
		switch e.word {
		case Keep:
			return next(dst, in)
		case ToNull:
			return after(e.bit, next, dst, nil)
		case To:
			if string(in) == e.text {
				return done(append(dst, e.to...), 0)
			}
			return done(append(dst, e.to...), e.bit)
		}
		return refuse(dst, values)
	}
}
