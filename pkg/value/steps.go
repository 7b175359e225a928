package value

import (
	"bytes"
	"cmp"
)

// A Step is one named transformation of a value that is not NULL, with its arguments. Each gives a value or a fault.
//
//	trim                     Unicode white space off both ends
//	collapse_spaces          each run of Unicode white space becomes one blank
//	lower, upper             by Unicode and no locale, character by character
//	empty_to_null            the empty text becomes NULL
//	mojibake                 UTF-8 that was read as cp1252 or latin1 and written again becomes what it was, up to three times over
//	name PART                first or rest, given or last, of FIRST … LAST or of LAST, FIRST …
//	date FORMAT…             a date by MySQL's letters: the first format that fits the whole text
//	unix s, ms or us         a number since 1970, in UTC
//	php                      what PHP's serialize wrote becomes JSON
//	json PATH [to_null]      what stands at the path of a document; where nothing does, NULL or the fault json_path
//	charset CHARSET…         utf8 and cp1252: the first that the bytes can be in
//	hex                      pairs of hexadecimal digits become bytes
//	base64 [url] [unpadded] [lines]  RFC 4648 becomes bytes: its other alphabet, without padding, with line breaks
type Step struct {
	Name string
	Args []string
	Rule string // the name under which its hits are listed; empty for Name
}

// A step is a Step at work: it gives the stage that does it before the next.
type step func(next stage) stage

// The names of steps, and the fault of a path that leads nowhere.
const (
	stepTrim     = "trim"
	stepCollapse = "collapse_spaces"
	stepLower    = "lower"
	stepUpper    = "upper"
	stepEmpty    = "empty_to_null"
	stepDate     = "date"
	stepUnix     = "unix"
	stepPHP      = "php"
	stepJSON     = "json"
	stepCharset  = "charset"
	stepMojibake = "mojibake"
	stepName     = "name"
	stepHex      = "hex"
	stepBase64   = "base64"
	stepDated    = "dated"

	noPath = "json_path"
)

// A stepKind is what Compile knows of a step.
type stepKind struct {
	on   intake
	args bool // whether it takes any
	make func(c *compiler, s Step) step
}

// An intake is what a step works on.
type intake struct {
	what    string
	classes func(class) bool
}

var (
	anyText = intake{"text", func(k class) bool { return k != bitString }}
	noBytes = intake{"text", func(k class) bool { return k != bitString && k != bytesOf }}
	textual = intake{"text", func(k class) bool { return k == character }}
	encoded = intake{"text or bytes", func(k class) bool { return k == character || k == bytesOf }}
	jsonish = intake{"a document", func(k class) bool { return k == document || k == character || k == bytesOf }}
	numeral = intake{"a number", func(k class) bool { return k == character || k == integer || k == decimals || k == double }}
)

// stepKinds are all steps, by name.
var stepKinds = map[string]stepKind{
	stepTrim:     {on: anyText, make: changing(trimmed)},
	stepCollapse: {on: anyText, make: changing(collapsed)},
	stepLower:    {on: anyText, make: changing(lowerCase)},
	stepUpper:    {on: anyText, make: changing(upperCase)},
	stepEmpty:    {on: anyText, make: changing(emptyToNull)},
	stepMojibake: {on: textual, make: changing(unscrambled)},
	stepName:     {on: textual, args: true, make: (*compiler).nameStep},
	stepDate:     {on: noBytes, args: true, make: (*compiler).dateStep},
	stepUnix:     {on: numeral, args: true, make: (*compiler).unixStep},
	stepPHP:      {on: encoded, make: (*compiler).phpStep},
	stepJSON:     {on: jsonish, args: true, make: (*compiler).jsonStep},
	stepCharset:  {on: encoded, args: true, make: (*compiler).charsetStep},
	stepHex:      {on: encoded, make: (*compiler).hexStep},
	stepBase64:   {on: encoded, args: true, make: (*compiler).base64Step},
}

const stepList = "trim, collapse_spaces, lower, upper, empty_to_null, mojibake, {name: PART}, {date: [FORMAT]}, {unix: s}, php, {json: PATH}, " +
	"{charset: [utf8, cp1252]}, hex, base64"

// steps compiles the steps and follows the class of the value through them.
func (c *compiler) steps() []step {
	var steps []step
	for i, s := range c.rules.Steps {
		kind, known := stepKinds[s.Name]
		switch {
		case s.Name == stepDated:
			c.errorf("steps: dated asks a date of the row, which only a column of {sql: EXPR} can")
		case !known:
			c.errorf("steps: there is no step %q; write one of %s", s.Name, stepList)
		case !kind.on.classes(c.class):
			c.errorf("steps: %s works on %s, not on %s; write a sql expression that makes text of it", s.Name, kind.on.what, c.className())
		case !kind.args && len(s.Args) > 0:
			c.errorf("steps: %s takes no arguments", s.Name)
		default:
			c.final = i+1 == len(c.rules.Steps) && c.rules.Values == nil
			steps = append(steps, kind.make(c, s))
		}
	}
	return steps
}

// rule returns the bit of a step, and remembers whether it loses anything.
func (c *compiler) rule(s Step, loses bool) Hit {
	bit := c.bit(Fault(cmp.Or(s.Rule, s.Name)))
	if loses {
		c.lossy |= bit
	} else {
		c.exact |= bit
	}
	return bit
}

// className says of what kind the value is that the next step, or the conversion, gets.
func (c *compiler) className() string {
	switch c.class {
	case dated:
		return "a date step's result"
	case moment:
		return "a unix step's result"
	}
	return c.from.Name
}

// changing is a step that makes something less of a text, or NULL.
func changing(change func(in []byte) []byte) func(*compiler, Step) step {
	return func(c *compiler, s Step) step {
		return rewrite(c.rule(s, true), func(in []byte) ([]byte, Fault) { return change(in), "" })
	}
}

// rewrite is the step that f does on what is not NULL. It counts where f gives something else.
func rewrite(hit Hit, f func(in []byte) (out []byte, fault Fault)) step {
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in == nil {
				return next(dst, nil)
			}
			out, fault := f(in)
			switch {
			case fault != "":
				return refuse(dst, fault)
			case out != nil && bytes.Equal(in, out):
				return next(dst, out)
			}
			return after(hit, next, dst, out)
		}
	}
}
