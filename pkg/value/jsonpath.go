package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A jsonPath is the way from a document to one value in it.
type jsonPath []jsonLeg

// A jsonLeg goes to the member of an object, or to an item of an array.
type jsonLeg struct {
	member []byte // nil for an item
	item   int
}

// CheckJSONPath returns why a text is no path of the step json: $ for the document, then .NAME or ."NAME" for each member and
// [NUMBER], from 0 on, for each item.
func CheckJSONPath(path string) error {
	_, err := readPath(path)
	return err
}

func readPath(text string) (jsonPath, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("a path begins with $, as in $.a.b[0]")
	}
	path := jsonPath{}
	for rest != "" {
		leg, after, ok := readLeg(rest)
		if !ok {
			return nil, fmt.Errorf("the path makes no sense from its place %d on; write .NAME, .\"NAME\" or [0]", len(text)-len(rest)+1)
		}
		path, rest = append(path, leg), after
	}
	return path, nil
}

func readLeg(text string) (leg jsonLeg, rest string, ok bool) {
	if text[0] == '[' {
		digits, rest, closed := strings.Cut(text[1:], "]")
		n, err := strconv.Atoi(digits)
		return jsonLeg{item: n}, rest, closed && err == nil && strconv.Itoa(n) == digits && n >= 0
	}
	text, ok = strings.CutPrefix(text, ".")
	if !ok {
		return leg, "", false
	}
	if strings.HasPrefix(text, `"`) {
		end := stringEnd([]byte(text), 0)
		if end > len(text) || !json.Valid([]byte(text[:end])) {
			return leg, "", false
		}
		name, fault := stringText([]byte(text[:end]))
		return jsonLeg{member: append([]byte{}, name...)}, text[end:], fault == ""
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r <= 0x7f && !plainInPath(byte(r)) })
	if end < 0 {
		end = len(text)
	}
	return jsonLeg{member: []byte(text[:end])}, text[end:], end > 0
}

// plainInPath are the ASCII characters of a name that needs no quotes.
func plainInPath(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_' || b == '-'
}

// find returns the text of the value that the path leads to. The fault is json_path where there is none, and json where the document is
// none, or names the same member twice on the way, for readers differ in which one they take.
func (path jsonPath) find(doc []byte) ([]byte, Fault) {
	if !json.Valid(doc) {
		return nil, badJSON
	}
	doc = bytes.Trim(doc, " \t\r\n")
	for _, leg := range path {
		var fault Fault
		if leg.member != nil {
			doc, fault = memberOf(doc, leg.member)
		} else {
			doc, fault = itemOf(doc, leg.item)
		}
		if fault != "" {
			return nil, fault
		}
	}
	return doc, ""
}

// memberOf returns the member of an object in valid JSON.
func memberOf(doc, name []byte) (found []byte, fault Fault) {
	if doc[0] != '{' {
		return nil, noPath
	}
	for at := blankEnd(doc, 1); doc[at] != '}'; {
		end := stringEnd(doc, at)
		key, unreadable := stringText(doc[at:end])
		at = blankEnd(doc, blankEnd(doc, end)+1) // behind the colon
		end = valueEnd(doc, at)
		if unreadable == "" && bytes.Equal(key, name) {
			if found != nil {
				return nil, badJSON
			}
			found = doc[at:end]
		}
		if at = blankEnd(doc, end); doc[at] == ',' {
			at = blankEnd(doc, at+1)
		}
	}
	if found == nil {
		return nil, noPath
	}
	return found, ""
}

// itemOf returns an item of an array in valid JSON.
func itemOf(doc []byte, item int) ([]byte, Fault) {
	if doc[0] != '[' {
		return nil, noPath
	}
	for at := blankEnd(doc, 1); doc[at] != ']'; item-- {
		end := valueEnd(doc, at)
		if item == 0 {
			return doc[at:end], ""
		}
		if at = blankEnd(doc, end); doc[at] == ',' {
			at = blankEnd(doc, at+1)
		}
	}
	return nil, noPath
}

// blankEnd returns where the white space from a place on ends.
func blankEnd(doc []byte, at int) int {
	for at < len(doc) && (doc[at] == ' ' || doc[at] == '\t' || doc[at] == '\r' || doc[at] == '\n') {
		at++
	}
	return at
}

// stringEnd returns the place behind the string that begins at a place, or one beyond the text where it does not end.
func stringEnd(doc []byte, at int) int {
	for at++; at < len(doc); at++ {
		switch doc[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(doc) + 1
}

// valueEnd returns the place behind the value that begins at a place of valid JSON.
func valueEnd(doc []byte, at int) int {
	for depth := 0; at < len(doc); {
		switch doc[at] {
		case '"':
			at = stringEnd(doc, at)
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			depth--
			at++
		case ',', ':', ' ', '\t', '\r', '\n':
			at++
			continue
		default:
			at = wordEnd(doc, at)
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// wordEnd returns the place behind a number, true, false or null.
func wordEnd(doc []byte, at int) int {
	for at < len(doc) && strings.IndexByte(",:]} \t\r\n", doc[at]) < 0 {
		at++
	}
	return at
}
