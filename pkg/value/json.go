package value

import (
	"bytes"
	"encoding/json"
)

// escapedNul is how JSON writes the one character that no text of PostgreSQL holds.
var escapedNul = []byte(`\u0000`)

func (c *compiler) toJSON(k kind) stage {
	switch c.class {
	case character, document:
	case bytesOf:
		if c.rules.BadText.Word == "" {
			return c.missing("write sql: CONVERT(COLUMN USING utf8mb4), or say what its bytes are with bad_text")
		}
	case bitString:
		return c.missing("write sql: COLUMN + 0")
	default:
		return c.missing("write sql: JSON_QUOTE(COLUMN), or CAST(COLUMN AS CHAR) for a number")
	}
	mend := c.mender()
	// json stores the escape as it is written, so that only a declared policy acts on it; jsonb refuses it.
	g, strict := guard{fault: jsonNul}, k == kindJSONB
	if strict || c.rules.JSONNul.Word != "" {
		g, strict = c.guard(jsonNul, c.rules.JSONNul), true
	}
	encode := func(dst, text []byte) ([]byte, Hit, Fault) {
		out, fault := appendJSON(dst, text)
		return out, 0, fault
	}
	if k == kindJSONB {
		encode = jsonbEncoder(c.guard(jsonDuplicate, c.rules.JSONDuplicate))
	}
	return func(dst, in []byte) ([]byte, bool, Hit, Fault) {
		text, hit, fault := mend(in)
		if fault != "" {
			return refuse(dst, fault)
		}
		if strict {
			if stripped := withoutNul(text); len(stripped) < len(text) {
				if g.word != Strip {
					return refuse(dst, jsonNul)
				}
				text, hit = stripped, hit|g.bit
			}
		}
		out, more, fault := encode(dst, text)
		if fault != "" {
			return refuse(dst, fault)
		}
		return done(out, hit|more)
	}
}

// withoutNul returns the text without the escapes of NUL, the text itself if there is none.
func withoutNul(text []byte) []byte {
	if !bytes.Contains(text, escapedNul) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			out = append(out, text[i])
			i++
		case bytes.HasPrefix(text[i:], escapedNul):
			i += len(escapedNul)
		default:
			// The pair goes together, lest the second half of an escaped backslash be taken for the start of an escape.
			out = append(out, text[i], text[i+1])
			i += 2
		}
	}
	return out
}

// appendJSON appends a document as it is written, which is what json stores and sends.
func appendJSON(dst, text []byte) ([]byte, Fault) {
	if !json.Valid(text) {
		return dst, badJSON
	}
	return append(dst, text...), ""
}
