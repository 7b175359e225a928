package mapping

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Parse reads migration.yaml. The name is for messages, and env looks up the ${NAME} of both dsn (nil: nothing is set).
// The faults are all that can be found without a database, in the order of the file; without any the File is complete.
// With faults the File holds what could be read, and is good for nothing but looking for more of them.
func Parse(name string, src []byte, env func(string) (string, bool)) (*File, Faults) {
	r := &reading{file: name, env: env}
	root := place{reading: r, pos: Pos{1, 1}}
	f := &File{}
	if body := root.document(src); body != nil {
		ast.Walk(foreign{root}, body)
		*f = fileShape.read(root.at(posOf(body)), body)
	}
	f.Source = name
	if len(r.faults) == 0 {
		return f, nil
	}
	return f, r.faults.Sorted()
}

// document is the one document of a file, or nil with a fault.
func (p place) document(src []byte) ast.Node {
	if at, ok := badUTF8(src); ok {
		p.at(at).fault("save it as UTF-8", "the file is not valid UTF-8")
		return nil
	}
	file, err := syntax(strings.TrimPrefix(string(src), "\ufeff"))
	if err != nil {
		p.at(err.pos).fault(syntaxFix, "this is no YAML: %s", err.message)
		return nil
	}
	var body ast.Node
	for _, d := range file.Docs {
		switch {
		case d.Body == nil:
		case d.Body.Type() == ast.DirectiveType:
			p.at(posOf(d.Body)).fault("take it out", "directives are not part of migration.yaml")
		case body != nil:
			p.at(posOf(d.Body)).fault("one file describes one migration", "a second document begins here")
		default:
			body = d.Body
		}
	}
	if body == nil && len(p.faults) == 0 {
		p.fault("", "the file is empty")
	}
	return body
}

func badUTF8(src []byte) (Pos, bool) {
	if utf8.Valid(src) {
		return Pos{}, false
	}
	at := Pos{1, 1}
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if r == utf8.RuneError && n == 1 {
			break
		}
		at.Col++
		if r == '\n' {
			at = Pos{at.Line + 1, 1}
		}
		src = src[n:]
	}
	return at, true
}

// syntaxFix is for what most often makes an expression no YAML.
const syntaxFix = `an expression that begins with a quote, or holds ": ", goes behind a | on the next line`

type syntaxFault struct {
	pos     Pos
	message string
}

// syntax parses YAML. A slip of the pen must not end in a panic of the library.
func syntax(src string) (file *ast.File, fault *syntaxFault) {
	defer func() {
		if recover() != nil {
			file, fault = nil, &syntaxFault{Pos{1, 1}, "the parser gave up"}
		}
	}()
	file, err := parser.ParseBytes([]byte(src), 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	fault = &syntaxFault{Pos{1, 1}, "the parser gave up"}
	var known yaml.Error
	if errors.As(err, &known) {
		fault.message = known.GetMessage() // holds no value of the file, unlike err
		fault.pos = posOfToken(known.GetToken())
	}
	return nil, fault
}
