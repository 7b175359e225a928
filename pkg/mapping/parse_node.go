package mapping

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// reading is one call of Parse.
type reading struct {
	file   string
	env    func(string) (string, bool)
	faults Faults
}

// place is where the reading is: a path for the operator's eyes and a position.
type place struct {
	*reading
	path string
	pos  Pos
}

func (p place) fault(fix, format string, args ...any) {
	p.faults.Add(Fault{Pos: p.pos, File: p.file, Path: p.path, Message: fmt.Sprintf(format, args...), Fix: fix})
}

var plainKey = regexp.MustCompile(`^[\w.$-]{1,64}$`)

// key is the place of the value under name. A value that is not written has no position of its own.
func (p place) key(name string, at Pos, value ast.Node) place {
	if value != nil && value.GetToken().Type != token.ImplicitNullType {
		at = posOf(value)
	}
	step := "[" + shown(name) + "]"
	if plainKey.MatchString(name) {
		step = "." + name
	}
	return place{p.reading, strings.TrimPrefix(p.path+step, "."), at}
}

func (p place) index(i int, value ast.Node) place {
	return place{p.reading, p.path + "[" + strconv.Itoa(i) + "]", posOf(value)}
}

// at is the same path at another position.
func (p place) at(pos Pos) place {
	p.pos = pos
	return p
}

// shown quotes a text of the file for a message. A misplaced DSN must not show its password, nor a text its length.
func shown(text string) string {
	if strings.Contains(text, "://") {
		return "(a url)"
	}
	if utf8.RuneCountInString(text) > 40 {
		return strconv.Quote(string([]rune(text)[:40])) + "…"
	}
	return strconv.Quote(text)
}

// nodeKind is what a node is to the model.
type nodeKind int

const (
	kindNull nodeKind = iota
	kindScalar
	kindList
	kindMap
	kindAlias
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a plain value", "a list", "a map", "an alias"}[k]
}

// bare takes tags and anchors off; reportForeign has said that they do not belong here.
func bare(n ast.Node) ast.Node {
	for {
		switch wrapped := n.(type) {
		case *ast.TagNode:
			n = wrapped.Value
		case *ast.AnchorNode:
			n = wrapped.Value
		case *ast.MappingKeyNode:
			n = wrapped.Value
		default:
			return n
		}
	}
}

func kindOf(n ast.Node) nodeKind {
	switch n := bare(n).(type) {
	case nil:
		return kindNull
	case *ast.NullNode:
		return kindNull
	case *ast.AliasNode:
		return kindAlias
	case *ast.SequenceNode:
		return kindList
	case *ast.MappingNode, *ast.MappingValueNode:
		return kindMap
	case ast.ScalarNode:
		return kindScalar
	default:
		_ = n
		return kindAlias
	}
}

// posOf is where a node begins; a block map begins at its first key.
func posOf(n ast.Node) Pos {
	n = bare(n)
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			n = m.Values[0].Key
		}
	case *ast.MappingValueNode:
		n = m.Key
	}
	if n == nil {
		return Pos{1, 1}
	}
	return posOfToken(n.GetToken())
}

func posOfToken(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return Pos{1, 1}
	}
	return Pos{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// textOf is a scalar as it is written: quotes and escapes are resolved, and nothing is taken for a number or a boolean.
func textOf(n ast.Node) string {
	n = bare(n)
	if block, ok := n.(*ast.LiteralNode); ok {
		return block.Value.Value
	}
	return n.GetToken().Value
}

// pairs are the keys and values of a map in the order of the file.
func pairs(n ast.Node) []*ast.MappingValueNode {
	switch m := bare(n).(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

// foreign reports what YAML has and migration.yaml does not: anchors, aliases, merge keys and tags.
type foreign struct{ place }

// Visit reports n, and goes on below it.
func (v foreign) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		v.at(posOfToken(n.GetToken())).fault("write the text out where it is needed", "anchors and aliases are not part of migration.yaml")
	case *ast.MergeKeyNode:
		v.at(posOfToken(n.GetToken())).fault("write the keys out where they are needed", "merge keys are not part of migration.yaml")
	case *ast.TagNode:
		v.at(posOfToken(n.GetToken())).fault("put the value in quotes to make it text", "tags are not part of migration.yaml")
	}
	return v
}
