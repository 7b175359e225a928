package mapping

import (
	"cmp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// shape is how one kind of value is read from the syntax tree, and how the JSON Schema describes it. Both stand in one
// place so that what the editor accepts and what Parse accepts are the same.
type shape[T any] struct {
	schema *schema
	read   func(place, ast.Node) T
}

// field is one key of an object.
type field[T any] struct {
	name     string
	required bool
	schema   *schema
	read     func(at place, key Pos, n ast.Node, into *T)
}

// may is a key that can be left out. The doc is what an editor shows.
func may[T, F any](name, doc string, s shape[F], get func(*T) *F) field[T] {
	return field[T]{name: name, schema: s.schema.describe(doc), read: func(at place, key Pos, n ast.Node, into *T) {
		*get(into) = s.read(at.key(name, key, n), n)
	}}
}

// must is a key that cannot be left out.
func must[T, F any](name, doc string, s shape[F], get func(*T) *F) field[T] {
	f := may(name, doc, s, get)
	f.required = true
	return f
}

// part makes the fields of a part of T fields of T itself.
func part[T, P any](fields []field[P], get func(*T) *P) []field[T] {
	out := make([]field[T], 0, len(fields))
	for _, f := range fields {
		out = append(out, field[T]{f.name, f.required, f.schema, func(at place, key Pos, n ast.Node, into *T) {
			f.read(at, key, n, get(into))
		}})
	}
	return out
}

// keys are the keys that an object gives, and where.
type keys map[string]Pos

// object is a map with known keys. It begins as start; check, which may be nil, sees the whole.
func object[T any](start func(Pos) T, check func(place, keys, *T), fields ...field[T]) shape[T] {
	known := make(map[string]field[T], len(fields))
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		known[f.name] = f
		names = append(names, f.name)
	}
	read := func(at place, n ast.Node) T {
		into := start(posOf(n))
		if !at.want(n, kindMap) {
			return into
		}
		given, meant := keys{}, map[string]bool{}
		for _, pair := range at.unique(n) {
			f, ok := known[pair.name]
			if !ok {
				meant[at.unknown(pair, names)] = true
				continue
			}
			given[pair.name] = pair.pos
			f.read(at, pair.pos, pair.value, &into)
		}
		for _, f := range fields {
			if _, ok := given[f.name]; f.required && !ok && !meant[f.name] {
				at.fault("", "%s is missing", f.name)
			}
		}
		if check != nil {
			check(at, given, &into)
		}
		return into
	}
	return shape[T]{objectSchema(fields), read}
}

// pair is one key of a map with its value.
type pair struct {
	name  string
	pos   Pos
	value ast.Node
	split bool // a key without a value in a {…}: most often half of an expression with a comma
}

// unique are the pairs of a map without those whose key is no name or was there before.
func (p place) unique(n ast.Node) []pair {
	var out []pair
	first := keys{}
	flow, _ := bare(n).(*ast.MappingNode)
	for _, v := range pairs(n) {
		at := posOf(v.Key)
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			continue // reported as foreign
		}
		switch kindOf(v.Key) {
		case kindNull:
			p.at(at).fault(`write "" for the empty text, "null" for the word`, "a key is YAML's null")
			continue
		case kindScalar:
		default:
			p.at(at).fault("", "a key must be a plain value")
			continue
		}
		name := textOf(v.Key)
		if before, ok := first[name]; ok {
			p.at(at).fault("", "%s stands here twice, first in line %d", shown(name), before.Line)
			continue
		}
		first[name] = at
		out = append(out, pair{name, at, v.Value, flow != nil && flow.IsFlowStyle && kindOf(v.Value) == kindNull})
	}
	return out
}

// unknown reports a key that nobody knows, and returns the one that was probably meant.
func (p place) unknown(given pair, names []string) string {
	fix := didYouMean(given.name, names)
	if given.split {
		fix = "inside { } put a text that holds a comma in quotes"
	}
	p.at(given.pos).fault(fix, "unknown key %s", shown(given.name))
	return Suggest(given.name, names)
}

// want reports a node of another kind.
func (p place) want(n ast.Node, kinds ...nodeKind) bool {
	got := kindOf(n)
	if slices.Contains(kinds, got) {
		return true
	}
	if got == kindAlias {
		return false // reported as foreign
	}
	wanted := make([]string, 0, len(kinds))
	for _, k := range kinds {
		wanted = append(wanted, k.String())
	}
	p.fault("", "%s stands here, and it must be %s", got, strings.Join(wanted, " or "))
	return false
}

// listOf is a list with at least one element.
func listOf[T any](of shape[T]) shape[[]T] {
	read := func(at place, n ast.Node) []T {
		if !at.want(n, kindList) {
			return nil
		}
		values := bare(n).(*ast.SequenceNode).Values
		if len(values) == 0 {
			at.fault("take the key out", "the list is empty")
		}
		var out []T
		for i, v := range values {
			out = append(out, of.read(at.index(i, v), v))
		}
		return out
	}
	return shape[[]T]{&schema{Type: "array", Items: of.schema, MinItems: 1}, read}
}

// oneOrList is a single element or a list.
func oneOrList[T any](of shape[T]) shape[[]T] {
	list := listOf(of)
	read := func(at place, n ast.Node) []T {
		if kindOf(n) == kindList {
			return list.read(at, n)
		}
		return []T{of.read(at, n)}
	}
	return shape[[]T]{&schema{AnyOf: []*schema{of.schema, list.schema}}, read}
}

// mapOf is a map with free keys, in the order of the file.
func mapOf[V, E any](of shape[V], element func(name string, at Pos, value V) E) shape[[]E] {
	read := func(at place, n ast.Node) []E {
		if !at.want(n, kindMap) {
			return nil
		}
		var out []E
		for _, p := range at.unique(n) {
			out = append(out, element(p.name, p.pos, of.read(at.key(p.name, p.pos, p.value), p.value)))
		}
		return out
	}
	return shape[[]E]{&schema{Type: "object", AdditionalProperties: of.schema}, read}
}

// sorted is a list in the order of names: the order of the file means nothing there.
func sorted[E any](of shape[[]E], name func(E) string) shape[[]E] {
	read := of.read
	of.read = func(at place, n ast.Node) []E {
		out := read(at, n)
		slices.SortFunc(out, func(a, b E) int { return cmp.Compare(name(a), name(b)) })
		return out
	}
	return of
}

// filled is a map with at least one key.
func filled[E any](of shape[[]E]) shape[[]E] {
	s := *of.schema
	s.MinProperties = 1
	return shape[[]E]{&s, func(at place, n ast.Node) []E {
		if kindOf(n) == kindMap && len(pairs(n)) == 0 {
			at.fault("", "the map is empty")
		}
		return of.read(at, n)
	}}
}

// maybe is a pointer to what is read, for a key whose absence means something.
func maybe[T any](of shape[T]) shape[*T] {
	return shape[*T]{of.schema, func(at place, n ast.Node) *T {
		v := of.read(at, n)
		return &v
	}}
}
