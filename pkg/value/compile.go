package value

import (
	"errors"
	"fmt"
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
	fallback := c.fallback()
	convert, short := c.conversion()
	if len(steps) > 0 || mapped != nil {
		convert, short = short.orElse(convert), never
	}
	run := ending(fallback, convert)
	if mapped != nil {
		run = mapped.stage(run)
	}
	for _, step := range slices.Backward(steps) {
		run = step(run)
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return &Program{names: c.names, loses: c.losing(), plain: short, run: run}, nil
}

// A compiler collects what Compile finds out.
type compiler struct {
	from  LegacyType
	to    TargetType
	rules Rules
	class class // of the value that reaches the conversion
	final bool  // the step that is compiled gives what the conversion gets
	names []string
	lossy Hit // of steps, those that lose something
	exact Hit // and those that do not
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

// literal encodes a text of the mapping as a value of the target.
func (c *compiler) literal(rule Fault, text string) []byte {
	if kindOf(c.to) == kindNone {
		return nil // that there is no such target is said elsewhere
	}
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

// fallback compiles if_null; without it, it is nil.
func (c *compiler) fallback() *guard {
	if c.rules.IfNull == nil {
		return nil
	}
	return &guard{word: To, bit: c.bit(ifNull), to: c.literal(ifNull, *c.rules.IfNull)}
}

// ending is what every program ends with: if_null, then the conversion with the policies of the target type.
func ending(fallback *guard, convert stage) stage {
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		switch {
		case in != nil:
			return convert(dst, in)
		case fallback != nil:
			return fallback.resolve(dst)
		}
		return null(dst, 0)
	}
}
