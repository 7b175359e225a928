package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Changes lists what means something else in one mapping than in another, a line for each, by its place in the file: what legacy and
// target say, and the limits of stop, do not count.
func Changes(old, now *File) []string {
	var a, b any
	for file, into := range map[*File]*any{old: &a, now: &b} {
		if err := json.Unmarshal(Canonical(file), into); err != nil {
			return []string{"the file as a whole: " + err.Error()}
		}
	}
	var lines []string
	diff("", a, b, &lines)
	return lines
}

// diff compares two JSON values. Elements of a list that have a name are matched by it.
func diff(path string, a, b any, lines *[]string) {
	left, right := children(a), children(b)
	if left == nil || right == nil {
		if was, is := short(a), short(b); was != is {
			*lines = append(*lines, fmt.Sprintf("%s: was %s, is %s", path, was, is))
		}
		return
	}
	keys := slices.Sorted(maps.Keys(left))
	for key := range maps.Keys(right) {
		if _, both := left[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		diff(path+key, left[key], right[key], lines)
	}
}

// children returns the parts of an object or a list, nil for a scalar.
func children(v any) map[string]any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, child := range v {
			out["."+key] = child
		}
		return out
	case []any:
		out := make(map[string]any, len(v))
		for i, child := range v {
			out[fmt.Sprintf("[%s]", elementName(i, child))] = child
		}
		return out
	}
	return nil
}

func elementName(i int, v any) string {
	object, _ := v.(map[string]any)
	for _, key := range []string{"name", "into", "from"} {
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

func short(v any) string {
	if v == nil {
		return "not there"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "unreadable"
	}
	if len(text) > 120 {
		return string(text[:117]) + "..."
	}
	return string(text)
}
