package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Changes lists what means something else in one mapping than in another, a line for each, by its place in the file: what legacy and
// target say, and the limits of stop and gates, do not count. It is empty if and only if both have one Hash.
func Changes(old, now *File) []string {
	var c changes
	c.compare("", tree(Canonical(old)), tree(Canonical(now)))
	return c
}

// tree reads JSON that Canonical made, with numbers as they are written.
func tree(canonical []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(canonical))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		panic(err) // Canonical writes JSON
	}
	return v
}

type changes []string

func (c *changes) add(path, format string, args ...any) {
	*c = append(*c, strings.TrimPrefix(path, ".")+": "+fmt.Sprintf(format, args...))
}

// compare compares two JSON values; nil is a value that is not there. Elements of a list that have a name are matched by it.
func (c *changes) compare(path string, a, b any) {
	left, right := children(a), children(b)
	if left == nil || right == nil {
		if was, is := text(a), text(b); was != is {
			c.add(path, "was %s, is %s", short(was, is), short(is, was))
		}
		return
	}
	before := len(*c)
	both := maps.Clone(left.parts)
	maps.Copy(both, right.parts)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		c.compare(path+key, left.parts[key], right.parts[key])
	}
	if len(*c) == before && !slices.Equal(left.order, right.order) {
		c.add(path, "was in the order %s, is in the order %s", strings.Join(left.order, ", "), strings.Join(right.order, ", "))
	}
}

// A branch is an object or a list with its parts by name; order is that of a list.
type branch struct {
	parts map[string]any
	order []string
}

// children returns the parts of an object or a list, nil for a scalar.
func children(v any) *branch {
	out := &branch{parts: map[string]any{}}
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			out.parts["."+key] = child
		}
	case []any:
		for i, child := range v {
			name := elementName(i, child)
			for n := 2; out.parts["["+name+"]"] != nil; n++ {
				name = fmt.Sprintf("%s, no. %d", elementName(i, child), n)
			}
			out.parts["["+name+"]"], out.order = child, append(out.order, name)
		}
	default:
		return nil
	}
	return out
}

func elementName(i int, v any) string {
	object, _ := v.(map[string]any)
	for _, key := range []string{"name", "into", "table", "from"} {
		switch name := object[key].(type) {
		case string:
			return name
		case map[string]any:
			if text, ok := name["text"].(string); ok {
				return text
			}
		}
	}
	return fmt.Sprint(i)
}

func text(v any) string {
	if v == nil {
		return "not there"
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // it came from JSON
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// short cuts a long text to where it begins to differ from another.
func short(text, other string) string {
	const width, before = 117, 20
	first := 0
	for first < min(len(text), len(other)) && text[first] == other[first] {
		first++
	}
	prefix := ""
	if start := first - before; start > 0 && len(text) > width {
		for start > 0 && !utf8.RuneStart(text[start]) {
			start--
		}
		prefix, text = "...", text[start:]
	}
	if len(text) <= width {
		return prefix + text
	}
	end := width
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return prefix + text[:end] + "..."
}
