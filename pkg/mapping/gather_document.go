package mapping

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"rehome/pkg/value"
)

// The cells that are made of several attributes are JSON of this form alone: texts in which the quote, the backslash and the controls
// are escaped and every other byte stands as it is, broken ones too; NULL is null; no white space.

// appendElement appends a value to a list that is not ended yet.
func appendElement(dst []byte, cell value.Cell) []byte {
	if len(dst) == 0 {
		dst = append(dst, '[')
	} else {
		dst = append(dst, ',')
	}
	return appendScalar(dst, cell)
}

func appendScalar(dst []byte, cell value.Cell) []byte {
	if cell == nil {
		return append(dst, "null"...)
	}
	return appendText(dst, cell)
}

// appendObject appends an object of the attributes, whose cells are values, or lists in JSON.
func appendObject(dst []byte, attributes []attribute, lists bool) []byte {
	dst = append(dst, '{')
	for i := range attributes {
		a := &attributes[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, []byte(a.name)), ':')
		if lists {
			dst = append(dst, a.cell...)
		} else {
			dst = appendScalar(dst, a.cell)
		}
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

func appendText(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, b := range text {
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, '"')
}

// readText reads what appendText has written at the start of in, and returns the text and how many bytes it took. The text is in room,
// or in in itself.
func readText(room, in []byte) (text []byte, size int) {
	end := bytes.IndexAny(in[1:], `"\`) + 1
	if in[end] == '"' {
		return in[1:end], end + 1
	}
	text = room[:0]
	for i := 1; ; {
		switch {
		case in[i] == '"':
			return text, i + 1
		case in[i] != '\\':
			text = append(text, in[i])
			i++
		case in[i+1] == 'u':
			text = append(text, byte(strings.IndexByte(hexDigits, in[i+4])<<4|strings.IndexByte(hexDigits, in[i+5])))
			i += 6
		default:
			text = append(text, in[i+1])
			i += 2
		}
	}
}

// A document builds a column from a cell of JSON made of attributes, each of whose values goes through a program of its own first.
type document struct {
	at     int
	each   *value.Program // to a text
	whole  *value.Program
	simple bool // a value that the target can hold as it is goes through each unchanged
}

// build is the other of a builder.
func (d *document) build(dst, _ []byte, cells []value.Cell) ([]byte, built) {
	cell, hit := cells[d.at], value.Hit(0)
	if cell != nil && (!d.simple || !utf8.Valid(cell) || bytes.Contains(cell, []byte(`\u0000`))) {
		var fault value.Fault
		if cell, hit, fault = d.mend(cell); fault != "" {
			return dst, refused(fault)
		}
	}
	out, null, more, fault := d.whole.Append(dst, cell)
	if fault != "" {
		return dst, refused(fault)
	}
	return out, built{null: null, hit: hit | more<<len(d.each.Rules())}
}

// mend returns the document with each value as the program has made it.
func (d *document) mend(cell value.Cell) (value.Cell, value.Hit, value.Fault) {
	out := make(value.Cell, 0, len(cell)+len(cell)/8)
	var all value.Hit
	var room, made []byte
	for i := 0; i < len(cell); {
		switch cell[i] {
		case 'n':
			out = append(out, "null"...)
			i += len("null")
			continue
		case '"':
		default:
			out = append(out, cell[i])
			i++
			continue
		}
		text, size := readText(room, cell[i:])
		if i+size < len(cell) && cell[i+size] == ':' {
			out = append(out, cell[i:i+size]...)
			i += size
			continue
		}
		body, null, hit, fault := d.each.Append(made[:0], text)
		if fault != "" {
			return nil, 0, fault
		}
		if all |= hit; null {
			body = nil
		} else if body == nil {
			body = []byte{}
		}
		out = appendScalar(out, body)
		made = body[:0]
		i += size
	}
	return out, all, ""
}
