package mapping

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// stepKind is a step that a column can name. With args it is {NAME: [ARG, …]}, without it is NAME.
type stepKind struct {
	name, doc string
	args      func(arg string) string // why an argument will not do, or ""; nil: the step has none
	example   string
}

// stepKinds are all steps.
var stepKinds = []stepKind{
	{name: "trim", doc: "Unicode white space off both ends"},
	{name: "lower", doc: "lower case, by Unicode and no locale"},
	{name: "empty_to_null", doc: "the empty text becomes NULL"},
	{name: "date", doc: "a date as text; the first format that fits the whole text", args: dateFormat,
		example: `{date: ["%Y-%m-%d"]}`},
}

// dateLetters are those of MySQL's STR_TO_DATE.
const dateLetters = "abcDdefHhIijklMmprSsTUuVvWwXxYy%"

func dateFormat(format string) string {
	if !strings.Contains(format, "%") {
		return "it holds no % and would fit one text only"
	}
	for rest := format; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return ""
		}
		if after == "" || !strings.Contains(dateLetters, after[:1]) {
			return "a % is not followed by a letter that MySQL's STR_TO_DATE knows"
		}
		rest = after[1:]
	}
}

func stepNames() []string {
	names := make([]string, 0, len(stepKinds))
	for _, k := range stepKinds {
		names = append(names, k.name)
	}
	return names
}

var stepArgs = oneOrList(textShape("write a text"))

var stepShape = shape[Step]{stepSchema(), func(at place, n ast.Node) Step {
	if kindOf(n) == kindMap {
		return stepMap(at, n)
	}
	text, ok := at.text(n, "one of "+strings.Join(stepNames(), ", "))
	if !ok {
		return Step{Pos: at.pos}
	}
	if kind := at.stepKind(text); kind != nil && kind.args != nil {
		at.fault("write it as "+kind.example, "%s needs arguments", text)
	}
	return Step{Name: text, Pos: at.pos}
}}

func (p place) stepKind(name string) *stepKind {
	i := slices.IndexFunc(stepKinds, func(k stepKind) bool { return k.name == name })
	if i < 0 {
		p.fault(didYouMean(name, stepNames()), "unknown step %s", shown(name))
		return nil
	}
	return &stepKinds[i]
}

func stepMap(at place, n ast.Node) Step {
	given := at.unique(n)
	if len(given) != 1 {
		if len(given) > 1 || len(pairs(n)) == 0 {
			at.fault("several steps are several elements of the list", "one step stands here")
		}
		return Step{Pos: at.pos}
	}
	name, in := given[0].name, at.key(given[0].name, given[0].pos, given[0].value)
	s := Step{Name: name, Pos: given[0].pos}
	kind := at.at(given[0].pos).stepKind(name)
	if kind == nil {
		return s
	}
	if kind.args == nil {
		in.fault("write it as "+name, "%s takes no arguments", name)
		return s
	}
	for _, arg := range stepArgs.read(in, given[0].value) {
		s.Args = append(s.Args, arg.Text)
		if wrong := kind.args(arg.Text); wrong != "" {
			in.at(arg.Pos).fault("", "%s will not do: %s", shown(arg.Text), wrong)
		}
	}
	return s
}

func stepSchema() *schema {
	var plain, with []*schema
	for _, k := range stepKinds {
		if k.args == nil {
			plain = append(plain, (schema{Enum: []string{k.name}}).describe(k.doc))
			continue
		}
		with = append(with, &schema{
			Type: "object", Properties: map[string]*schema{k.name: stepArgs.schema.describe(k.doc)},
			Required: []string{k.name}, AdditionalProperties: false,
		})
	}
	return &schema{AnyOf: slices.Concat(plain, with)}
}
