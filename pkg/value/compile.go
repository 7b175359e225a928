package value

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Compile returns the program that takes values of one type to the other under the given rules. The error joins everything that
// is wrong: a conversion that does not exist (with what to write instead), a word or step that is unknown, a text that is none of
// the target type.
func Compile(from LegacyType, to TargetType, rules Rules) (*Program, error) {
	c := &compiler{from: from, to: to, rules: rules, class: classOf(from)}
	c.checkPolicies()
	steps := c.steps()
	mapped := c.outcomes()
	var fallback []byte
	if rules.IfNull != nil {
		c.bit(ifNull)
		fallback = c.literal(ifNull, *rules.IfNull)
	}
	run := ending(fallback, c.bits(ifNull), rules.IfNull != nil, c.conversion())
	if mapped != nil {
		run = c.valuesStage(mapped, run)
	}
	for _, step := range slices.Backward(steps) {
		run = step(run)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return &Program{names: c.names, run: run}, nil
}

// A compiler collects what Compile finds out.
type compiler struct {
	from  LegacyType
	to    TargetType
	rules Rules
	class class // of the value that reaches the conversion
	names []string
	errs  []error
}

func (c *compiler) errorf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// bit returns the bit of a rule, and lists the rule if it is not listed yet.
func (c *compiler) bit(name Fault) Hit {
	i := slices.Index(c.names, string(name))
	if i < 0 {
		i = len(c.names)
		c.names = append(c.names, string(name))
	}
	return 1 << i
}

// bits returns the bit of a rule if it is listed.
func (c *compiler) bits(name Fault) Hit {
	if slices.Contains(c.names, string(name)) {
		return c.bit(name)
	}
	return 0
}

// literal encodes a text of the mapping as a value of the target.
func (c *compiler) literal(rule Fault, text string) []byte {
	body, err := Literal(c.to, text)
	if err != nil {
		c.errorf("%s: %w", rule, err)
	}
	return body
}

func (c *compiler) checkPolicies() {
	for _, p := range c.rules.policies() {
		if p.rule.Word != "" && !slices.Contains(p.words, p.rule.Word) {
			c.errorf("%s: %q is none of its words; write one of %s", p.name, p.rule.Word, strings.Join(p.words, ", "))
		}
	}
}

// guard puts a policy to work; from then on it is one of the program's rules, unless it rejects.
func (c *compiler) guard(name Fault, rule Policy) guard {
	g := guard{fault: name, word: rule.Word}
	if rule.Word == "" || rule.Word == Reject {
		return g
	}
	g.bit = c.bit(name)
	if rule.Word == To {
		g.to = c.literal(name, rule.To)
	}
	return g
}

// An entry is an Outcome at work.
type entry struct {
	word string
	to   []byte
	hit  Hit
}

// outcomes compiles the map, nil when there is none; the outcome of what it does not list stands under no key of its own.
func (c *compiler) outcomes() map[string]entry {
	if c.rules.Values == nil {
		if w := c.rules.Otherwise.Word; w != "" && w != Reject {
			c.errorf("otherwise: %s has no values before it; write values: {OLD: NEW}", w)
		}
		return nil
	}
	if c.class == bitString {
		c.errorf("values: a BIT has no text; write sql: COLUMN + 0 and list its numbers")
	}
	mapped := make(map[string]entry, len(c.rules.Values))
	for _, old := range slices.Sorted(maps.Keys(c.rules.Values)) {
		mapped[old] = c.entry(&old, c.rules.Values[old])
	}
	return mapped
}

// entry compiles one outcome; old is nil for that of unlisted values.
func (c *compiler) entry(old *string, o Outcome) entry {
	switch o.Word {
	case "", Reject:
		return entry{word: Reject}
	case Keep:
		return entry{word: Keep}
	case ToNull:
		return entry{word: ToNull, hit: c.bit(values)}
	case To:
		e := entry{word: To, hit: c.bit(values), to: c.literal(values, o.To)}
		if old != nil && *old == o.To {
			e.hit = 0
		}
		return e
	}
	c.errorf("values: %q is no outcome; write one of reject, keep, to_null, {to: VALUE}", o.Word)
	return entry{}
}

func (c *compiler) valuesStage(mapped map[string]entry, next stage) stage {
	otherwise := c.entry(nil, c.rules.Otherwise)
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		if in == nil {
			return next(dst, nil)
		}
		e, listed := mapped[string(in)]
		if !listed {
			e = otherwise
		}
		switch e.word {
		case Keep:
			return next(dst, in)
		case ToNull:
			return after(e.hit, next, dst, nil)
		case To:
			return done(append(dst, e.to...), e.hit)
		}
		return refuse(dst, values)
	}
}

// ending is what every program ends with: if_null, then the conversion with the policies of the target type.
func ending(fallback []byte, hit Hit, declared bool, convert stage) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		switch {
		case in != nil:
			return convert(dst, in)
		case declared:
			return done(append(dst, fallback...), hit)
		}
		return null(dst, 0)
	}
}
