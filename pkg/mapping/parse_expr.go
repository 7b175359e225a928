package mapping

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Ident is a name in an expression: a column, mostly, as it is written.
type Ident struct {
	Schema, Table string // empty where the expression does not say
	Name          string
	Quoted        bool // the name stands in backticks, so that it is no keyword
}

// Identifiers returns the names in an expression, in order, each as often as it stands there: posts.Id is {Table: posts,
// Name: Id}. Names of functions and of variables, and prefixes of literals (N'…', _utf8mb4'…'), are left out. Keywords
// are among them, since only a catalog can tell. Of an expression that Parse refuses it returns what comes before the
// first fault.
func Identifiers(expr string) []Ident {
	tokens, _ := tokenize(expr)
	var out []Ident
	for i := 0; i < len(tokens); {
		name, after := dotted(tokens, i)
		if len(name) == 0 {
			i++
			continue
		}
		if !called(tokens, after) && !prefixed(tokens, i, after) {
			out = append(out, ident(name))
		}
		i = after
	}
	return out
}

// dotted is the run of names joined by dots that begins at i, and the index after it.
func dotted(tokens []sqlToken, i int) (name []sqlToken, after int) {
	for i < len(tokens) && (tokens[i].kind == tokenWord || tokens[i].kind == tokenName) {
		name = append(name, tokens[i])
		i++
		if i+1 >= len(tokens) || !tokens[i].is(".") || tokens[i+1].kind > tokenName {
			break
		}
		i++
	}
	return name, i
}

func (t sqlToken) is(symbol string) bool { return t.kind == tokenSymbol && t.text == symbol }

func called(tokens []sqlToken, after int) bool {
	return after < len(tokens) && tokens[after].is("(")
}

// prefixed reports whether the name is a variable's (@x), or the prefix of a literal.
func prefixed(tokens []sqlToken, first, after int) bool {
	if first > 0 && tokens[first-1].is("@") && tokens[first-1].end == tokens[first].start {
		return true
	}
	return after < len(tokens) && tokens[after].kind == tokenText && tokens[after-1].end == tokens[after].start
}

func ident(name []sqlToken) Ident {
	last := name[len(name)-1]
	id := Ident{Name: last.text, Quoted: last.kind == tokenName}
	if len(name) > 1 {
		id.Table = name[len(name)-2].text
	}
	if len(name) > 2 {
		id.Schema = name[len(name)-3].text
	}
	return id
}

// checkExpr reports why an expression cannot stand where it is put: it would not be the one expression that it has to be.
// A list is what may follow FROM, which may hold commas.
func checkExpr(expr string, list bool) *slip {
	tokens, s := tokenize(expr)
	if s != nil {
		return s
	}
	if len(tokens) == 0 {
		return &slip{"the expression is empty", ""}
	}
	depth := 0
	for _, t := range tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0 && !list:
			return &slip{"a comma makes two expressions of it", "one expression stands here; several are a list: [A, B]"}
		}
		if depth < 0 {
			return &slip{"a ) closes nothing", ""}
		}
	}
	if depth > 0 {
		return &slip{"a ( is not closed", cutFix}
	}
	return nil
}

// expression is a single expression; fix says what to write where YAML has a null.
func expression(fix string) shape[Expr] { return exprShape(false, fix) }

// cutFix is for what YAML has cut off.
const cutFix = `YAML takes " #" for a comment, and a comma inside { } for an end: put the whole in quotes`

// fromShape is what may follow FROM.
var fromShape = exprShape(true, "write a table of the legacy database, or a join")

func exprShape(list bool, fix string) shape[Expr] {
	s := &schema{Type: scalarTypes, MinLength: 1}
	return shape[Expr]{s, func(at place, n ast.Node) Expr {
		text, ok := at.text(n, fix)
		sql := strings.TrimSpace(text)
		if !ok {
			return Expr{Pos: at.pos}
		}
		if s := checkExpr(sql, list); s != nil {
			at.fault(s.fix, "%s", s.message)
		}
		return Expr{SQL: sql, Pos: at.pos}
	}}
}
