package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"rehome/pkg/value"
)

// A stepKind is a step that a column can name. With arguments it is {NAME: ARG} or {NAME: [ARG, …]}, without any NAME.
type stepKind struct {
	name, doc, example string
	arg                shape[string]              // without a schema the step takes no arguments
	most               int                        // arguments; 0 for any number
	bare               bool                       // it can do without the arguments that it takes
	wrong              func(args []string) string // why arguments which are right by themselves will not do together, or ""
}

// stepKinds are all steps but dated, which holds others.
var stepKinds = []stepKind{
	{name: "trim", doc: "Unicode white space off both ends"},
	{name: "collapse_spaces", doc: "each run of Unicode white space becomes one blank"},
	{name: "lower", doc: "lower case, by Unicode and no locale"},
	{name: "upper", doc: "upper case, by Unicode and no locale, character by character"},
	{name: "empty_to_null", doc: "the empty text becomes NULL"},
	{name: "mojibake", doc: "UTF-8 that was read as cp1252 or latin1 and written as UTF-8 again, up to three times over, becomes what it was; " +
		"only where the whole text can have come about like that"},
	{name: "php", doc: "what PHP's serialize wrote becomes JSON, in its order: an array with the keys 0, 1, 2 … an array, any other an object; " +
		"an object has its class under __class. For its broken bytes there is bad_text"},
	{name: "hex", doc: "pairs of hexadecimal digits become bytes: for a bytea, a uuid, or a text"},
	{name: "base64", doc: "base64 becomes bytes: for a bytea, a uuid, or a text. url is its other alphabet, unpadded is without = at the end, " +
		"lines allows the line breaks of TO_BASE64",
		arg: enum("url", "unpadded", "lines"), most: 3, bare: true, wrong: repeated, example: "base64, or {base64: [url, unpadded]}"},
	{name: "date", doc: "a date as text; the first format that fits the whole text", arg: argShape(dateFormat), example: `{date: ["%Y-%m-%d"]}`},
	{name: "unix", doc: "seconds (s), milliseconds (ms) or microseconds (us) since 1970 in UTC, 0 too", arg: enum("s", "ms", "us"), most: 1, example: "{unix: s}"},
	{name: "json", doc: `what stands at the path of a document, $.member."any member"[0]: a text as it reads, a number with its digits, NULL for null, ` +
		"JSON for an object and an array. A path that is not there is refused, or NULL with to_null behind it",
		arg: argShape(jsonArg), most: 2, wrong: jsonArgs, example: `{json: "$.a.b[0]"} or {json: ["$.a.b[0]", to_null]}`},
	{name: "charset", doc: "the charset of each value by itself: the first of utf8 and cp1252 (MySQL's latin1) that its bytes can be in",
		arg: enum("utf8", "cp1252"), most: 2, wrong: charsetArgs, example: "{charset: [utf8, cp1252]}"},
	{name: "name", doc: "a part of FIRST … LAST or of LAST, FIRST …: first and rest make the whole name, and so do given and last; NULL where a name of one word has no such part",
		arg: enum("first", "rest", "given", "last"), most: 1, example: "{name: first}"},
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

// argShape is an argument of a step that wrong has nothing against.
func argShape(wrong func(arg string) string) shape[string] {
	text := textShape("write a text")
	return shape[string]{text.schema, func(at place, n ast.Node) string {
		arg := text.read(at, n)
		if problem := wrong(arg.Text); problem != "" {
			at.at(arg.Pos).fault("", "%s will not do: %s", shown(arg.Text), problem)
		}
		return arg.Text
	}}
}

func jsonArg(arg string) string {
	if arg == value.ToNull {
		return ""
	}
	if err := value.CheckJSONPath(arg); err != nil {
		return err.Error()
	}
	return ""
}

func jsonArgs(args []string) string {
	if args[0] == value.ToNull || len(args) == 2 && args[1] != value.ToNull {
		return "it is one path, and to_null behind it for one that is not there"
	}
	return ""
}

func charsetArgs(args []string) string {
	if i := slices.Index(args, "cp1252"); i >= 0 && i < len(args)-1 {
		return "cp1252 reads every value, so that nothing behind it is tried"
	}
	return repeated(args)
}

func repeated(args []string) string {
	for i, arg := range args {
		if slices.Contains(args[:i], arg) {
			return arg + " stands there twice"
		}
	}
	return ""
}

func stepNames() []string {
	names := make([]string, 0, len(stepKinds)+1)
	for _, k := range stepKinds {
		names = append(names, k.name)
	}
	return append(names, "dated")
}

// stepShape is a step, whose schema stands by itself in stepDefinition: there are steps in dated steps.
var stepShape, stepDefinition = stepForms()

func stepForms() (shape[Step], *schema) {
	var dated shape[Dated]
	step := shape[Step]{&schema{Ref: "#/definitions/step"}, func(at place, n ast.Node) Step {
		if kindOf(n) == kindMap {
			return stepMap(at, n, dated)
		}
		return plainStep(at, n)
	}}
	dated = datedShape(step)
	return step, stepSchema(dated.schema)
}

func plainStep(at place, n ast.Node) Step {
	text, ok := at.text(n, "one of "+strings.Join(stepNames(), ", "))
	switch {
	case !ok:
		return Step{Pos: at.pos}
	case text == "dated":
		at.fault("write it as "+datedExample, "dated needs its parts")
		return Step{Pos: at.pos}
	}
	if kind := at.stepKind(text); kind != nil && kind.arg.schema != nil && !kind.bare {
		at.fault("write it as "+kind.example, "%s needs arguments", text)
	}
	return Step{Name: text, Pos: at.pos}
}

func (p place) stepKind(name string) *stepKind {
	i := slices.IndexFunc(stepKinds, func(k stepKind) bool { return k.name == name })
	if i < 0 {
		p.fault(didYouMean(name, stepNames()), "unknown step %s", shown(name))
		return nil
	}
	return &stepKinds[i]
}

func stepMap(at place, n ast.Node, dated shape[Dated]) Step {
	given := at.unique(n)
	if len(given) != 1 {
		if len(given) > 1 || len(pairs(n)) == 0 {
			at.fault("several steps are several elements of the list", "one step stands here")
		}
		return Step{Pos: at.pos}
	}
	name, in := given[0].name, at.key(given[0].name, given[0].pos, given[0].value)
	s := Step{Name: name, Pos: given[0].pos}
	if name == "dated" {
		s.Dated = new(dated.read(in, given[0].value))
		return s
	}
	if kind := at.at(given[0].pos).stepKind(name); kind != nil {
		s.Args = kind.args(in, given[0].value)
	}
	return s
}

// args reads the arguments of a step.
func (k *stepKind) args(in place, n ast.Node) []string {
	if k.arg.schema == nil {
		in.fault("write it as "+k.name, "%s takes no arguments", k.name)
		return nil
	}
	before := len(in.faults)
	args := oneOrList(k.arg).read(in, n)
	switch {
	case len(in.faults) > before:
	case k.most > 0 && len(args) > k.most:
		in.fault("write it as "+k.example, "%s takes %s", k.name, arguments(k.most))
	case k.wrong != nil && k.wrong(args) != "":
		in.fault("write it as "+k.example, "%s", k.wrong(args))
	}
	return args
}

func arguments(most int) string {
	if most == 1 {
		return "one argument"
	}
	return fmt.Sprintf("up to %d arguments", most)
}

func stepSchema(dated *schema) *schema {
	var plain, with []*schema
	for _, k := range stepKinds {
		if k.arg.schema == nil || k.bare {
			plain = append(plain, (schema{Enum: []string{k.name}}).describe(k.doc))
		}
		if k.arg.schema != nil {
			with = append(with, onlyKey(k.name, k.doc, argsSchema(k)))
		}
	}
	return &schema{AnyOf: append(slices.Concat(plain, with), onlyKey("dated", datedDoc, dated))}
}

func argsSchema(k stepKind) *schema {
	list := *listOf(k.arg).schema
	list.MaxItems = k.most
	return &schema{AnyOf: []*schema{k.arg.schema, &list}}
}

func onlyKey(name, doc string, s *schema) *schema {
	return &schema{Type: "object", Properties: map[string]*schema{name: s.describe(doc)}, Required: []string{name}, AdditionalProperties: false}
}
