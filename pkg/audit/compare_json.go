package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// equalJSON compares two documents by what they say: the order of keys, blanks and the spelling of numbers and strings say nothing,
// and of a key that stands twice the last one counts.
func equalJSON(a, b []byte) bool {
	left, err := decode(a)
	if err != nil {
		return false
	}
	right, err := decode(b)
	return err == nil && alike(left, right)
}

func decode(text []byte) (v any, err error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return v, nil
}

func alike(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, fine := readDecimal([]byte(a))
		y, known := readDecimal([]byte(b))
		return fine && known && x == y
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !alike(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key := range a {
			if other, there := b[key]; !there || !alike(a[key], other) {
				return false
			}
		}
		return true
	}
	return a == b
}
