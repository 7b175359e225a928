package value

import (
	"bytes"
	"encoding/json"
)

// jsonStep gives what stands at a path of a document. A text is given as it reads, where the next step or the conversion does not take
// JSON; null is NULL.
func (c *compiler) jsonStep(s Step) step {
	path, toNull := c.pathArgs(s.Args)
	show := c.showing()
	hit, nul := c.rule(s, len(path) > 0), c.guard(jsonNul, c.rules.JSONNul)
	return func(next stage) stage {
		return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
			if in == nil {
				return next(dst, nil)
			}
			found, fault := path.find(in)
			if fault == noPath && toNull || isNull(found) {
				return after(hit, next, dst, nil)
			}
			more := Hit(0)
			if fault == "" {
				if stripped := withoutNul(found); nul.word == Strip && len(stripped) < len(found) {
					found, more = stripped, nul.bit
				}
				found, fault = show(found)
			}
			switch {
			case fault != "":
				return refuse(dst, fault)
			case more == 0 && bytes.Equal(in, found):
				return next(dst, found)
			}
			return after(hit|more, next, dst, found)
		}
	}
}

func (c *compiler) pathArgs(args []string) (path jsonPath, toNull bool) {
	if len(args) == 0 || len(args) > 2 || len(args) == 2 && args[1] != ToNull {
		c.errorf(`steps: json takes a path, and to_null for one that is not there; write {json: "$.a.b[0]"} or {json: ["$.a.b[0]", to_null]}`)
		return nil, false
	}
	path, err := readPath(args[0])
	if err != nil {
		c.errorf("steps: json: %w", err)
	}
	return path, len(args) == 2
}

// showing returns how what was found is given on, and sets its class. A target of JSON takes it as it stands, a boolean's words are
// written as the legacy database writes them, and a number's digits are those of a decimal; the text of values, and of the next step,
// is plain.
func (c *compiler) showing() func(found []byte) ([]byte, Fault) {
	c.class = character
	if !c.final {
		return plainly
	}
	switch kindOf(c.to) {
	case kindJSON, kindJSONB:
		c.class = document
		return func(found []byte) ([]byte, Fault) { return found, "" }
	case kindBoolean:
		c.class = integer
		return asBit
	case kindSmallint, kindInteger, kindBigint, kindReal, kindDouble, kindNumeric:
		c.class = decimals
	}
	return plainly
}

// plainly gives the text of a string; anything else is the text that stands there.
func plainly(found []byte) ([]byte, Fault) {
	if found[0] != '"' {
		return found, ""
	}
	return stringText(found)
}

// asBit is plainly for the words true and false, as MySQL writes them.
func asBit(found []byte) ([]byte, Fault) {
	switch string(found) {
	case "true":
		return []byte{'1'}, ""
	case "false":
		return []byte{'0'}, ""
	}
	return plainly(found)
}

// stringText decodes a string with its quotes.
func stringText(quoted []byte) ([]byte, Fault) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], ""
	}
	p := parser{in: quoted}
	switch {
	case p.text():
		return unescaped(p.out[1 : len(p.out)-1]), ""
	case p.fault != "":
		return nil, p.fault
	}
	return nil, badJSON
}

func isNull(found []byte) bool { return string(found) == "null" }

// isNumber tells whether a text is a number of JSON's grammar.
func isNumber(text []byte) bool {
	n := len(text)
	return n > 0 && (text[0] == '-' || text[0]-'0' <= 9) && text[n-1]-'0' <= 9 && json.Valid(text)
}
