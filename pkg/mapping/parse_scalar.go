package mapping

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// text reads a scalar as it is written. What YAML takes for a null is a fault, and fix says what to write instead.
func (p place) text(n ast.Node, fix string) (string, bool) {
	if kindOf(n) == kindNull {
		p.fault(fix, "YAML reads a null here, and that is no value")
		return "", false
	}
	if !p.want(n, kindScalar) {
		return "", false
	}
	text := textOf(n)
	switch {
	case badEscape(n, text):
		p.fault("write the character itself", `an escape in it is no character`)
		return "", false
	case strings.IndexByte(text, 0) >= 0:
		p.fault("PostgreSQL stores no NUL in a text", "the text holds a NUL byte")
		return "", false
	}
	return text, true
}

// badEscape reports whether the YAML library has put U+FFFD for an escape beyond Unicode.
func badEscape(n ast.Node, text string) bool {
	t := bare(n).GetToken()
	return t.Type == token.DoubleQuoteType && strings.ContainsRune(text, utf8.RuneError) && !strings.ContainsRune(t.Origin, utf8.RuneError)
}

// textShape is a scalar as it is written, the empty text included.
func textShape(fix string) shape[Word] {
	return shape[Word]{&schema{Type: scalarTypes}, func(at place, n ast.Node) Word {
		text, _ := at.text(n, fix)
		return Word{text, at.pos}
	}}
}

// pattern is a text that must match; rule says so in words.
func pattern(expression, rule string) shape[Word] {
	whole := regexp.MustCompile(expression)
	s := &schema{Type: "string", Pattern: expression}
	return shape[Word]{s, func(at place, n ast.Node) Word {
		text, ok := at.text(n, rule)
		if ok && !whole.MatchString(text) {
			at.fault(rule, "%s does not do here", shown(text))
		}
		return Word{text, at.pos}
	}}
}

// nameShape is a name that one of the databases knows; they check it.
var nameShape = pattern(`\S`, "write a name")

// whyShape is the word why of an ignore and its like.
var whyShape = func() shape[string] {
	s := pattern(`\S`, "say why")
	return shape[string]{&schema{Type: scalarTypes, MinLength: 1}, func(at place, n ast.Node) string { return s.read(at, n).Text }}
}()

// reasonsShape is a map from names to a word why.
var reasonsShape = sorted(
	mapOf(whyShape, func(name string, at Pos, why string) Reason { return Reason{name, why, at} }),
	func(r Reason) string { return r.Name })

// enum is one of a few words.
func enum[T ~string](words ...T) shape[T] {
	texts := make([]string, 0, len(words))
	for _, w := range words {
		texts = append(texts, string(w))
	}
	return shape[T]{&schema{Enum: texts}, func(at place, n ast.Node) T {
		text, ok := at.text(n, "one of "+strings.Join(texts, ", "))
		if ok && !slices.Contains(texts, text) {
			at.fault(didYouMean(text, texts), "%s is not known here", shown(text))
			return ""
		}
		return T(text)
	}}
}

var boolShape = shape[bool]{&schema{Type: "boolean"}, func(at place, n ast.Node) bool {
	text, ok := at.text(n, "write true or false")
	if ok && text != "true" && text != "false" {
		at.fault("write true or false", "%s is neither true nor false", shown(text))
	}
	return text == "true"
}}

var shardRowsShape = shape[int]{
	&schema{AnyOf: []*schema{{Type: "integer", Minimum: new(1)}, {Enum: []string{"auto"}}}},
	func(at place, n ast.Node) int {
		const fix = "write a number of rows, or auto"
		text, ok := at.text(n, fix)
		if !ok || text == "auto" {
			return 0
		}
		rows, err := strconv.Atoi(text)
		if err != nil || rows < 1 {
			at.fault(fix, "%s is no number of rows", shown(text))
		}
		return rows
	}}

var percentText = regexp.MustCompile(`^(\d{1,3}(?:\.\d+)?)%$`)

// percentShape is 5% or 0.5%.
var percentShape = shape[float64]{&schema{Type: "string", Pattern: percentText.String()}, func(at place, n ast.Node) float64 {
	const fix = "write it as 5%"
	text, ok := at.text(n, fix)
	if !ok {
		return 0
	}
	if m := percentText.FindStringSubmatch(text); m != nil {
		if share, err := strconv.ParseFloat(m[1], 64); err == nil && share <= 100 {
			return share
		}
	}
	at.fault(fix, "%s is no share between 0%% and 100%%", shown(text))
	return 0
}}

var (
	sizeText  = regexp.MustCompile(`^(\d{1,12}) ?(|KiB|MiB|GiB)$`)
	sizeUnits = map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

// maxSize is as much as PostgreSQL holds in one value.
const maxSize = 1 << 30

// sizeShape is a number of bytes, also as 64MiB.
var sizeShape = shape[int64]{
	&schema{AnyOf: []*schema{{Type: "integer", Minimum: new(1)}, {Type: "string", Pattern: sizeText.String()}}},
	func(at place, n ast.Node) int64 {
		const fix = "write bytes, or a number with KiB, MiB or GiB"
		text, ok := at.text(n, fix)
		if !ok {
			return 0
		}
		if m := sizeText.FindStringSubmatch(text); m != nil {
			count, err := strconv.ParseInt(m[1], 10, 64)
			if unit := sizeUnits[m[2]]; err == nil && count > 0 && count <= maxSize/unit {
				return count * unit
			}
		}
		at.fault(fix, "%s is no size between 1 byte and 1 GiB", shown(text))
		return 0
	}}
