package audit

import (
	"bytes"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"rehome/pkg/value"
)

// A verdict is what a comparison says of two values.
type verdict int

const (
	same      verdict = iota
	different         // one is not the other; a rule of the mapping may have made it so
	unknown           // there is no comparison of these types here
)

func say(equal bool) verdict {
	if equal {
		return same
	}
	return different
}

// A comparison compares a value in the legacy database's text form with one in PostgreSQL's. Neither is NULL. It has nothing of
// package value: it takes the target's text back to what it means, and asks whether the legacy text means the same.
type comparison func(cell, text []byte) verdict

// comparisonOf returns the comparison of two types, whose local times are of the zone. Between types that do not become each other
// by themselves all is unknown.
func comparisonOf(from value.LegacyType, to value.TargetType, zone *time.Location) comparison {
	read, number := numbers[from.Name]
	if to.Kind == 'e' {
		return textOrUnknown(from, bytes.Equal)
	}
	switch to.Name {
	case "boolean":
		if number {
			return boolean(read)
		}
	case "smallint", "integer", "bigint", "numeric":
		if number {
			return exact(read)
		}
	case "real", "double precision":
		return float(from, to)
	case "text", "citext", "character varying":
		return spelled(from, bytes.Equal)
	case "character", "bpchar":
		return spelled(from, func(a, b []byte) bool { return bytes.Equal(bytes.TrimRight(a, " "), bytes.TrimRight(b, " ")) })
	case "bytea":
		return binaryOrUnknown(from, equalBytes)
	case "uuid":
		return identifier(from)
	case "json", "jsonb":
		return textOrUnknown(from, equalJSON)
	}
	return temporal(from, to, zone)
}

func nothing([]byte, []byte) verdict { return unknown }

// characters are the legacy types that are text; of one that is declared binary, the values are bytes.
var characters = map[string]bool{
	"CHAR": true, "VARCHAR": true, "TINYTEXT": true, "TEXT": true, "MEDIUMTEXT": true, "LONGTEXT": true, "ENUM": true, "SET": true, "JSON": true,
}

var binaries = map[string]bool{
	"BINARY": true, "VARBINARY": true, "TINYBLOB": true, "BLOB": true, "MEDIUMBLOB": true, "LONGBLOB": true, "BIT": true,
}

func isText(t value.LegacyType) bool { return characters[t.Name] && !t.Binary }

func isBinary(t value.LegacyType) bool { return binaries[t.Name] || characters[t.Name] && t.Binary }

func textOrUnknown(from value.LegacyType, equal func(a, b []byte) bool) comparison {
	if !isText(from) {
		return nothing
	}
	return func(cell, text []byte) verdict { return say(equal(cell, text)) }
}

func binaryOrUnknown(from value.LegacyType, equal func(a, b []byte) bool) comparison {
	if !isBinary(from) {
		return nothing
	}
	return func(cell, text []byte) verdict { return say(equal(cell, text)) }
}

// spelled compares with a text: every scalar becomes the text that the legacy database prints.
func spelled(from value.LegacyType, equal func(a, b []byte) bool) comparison {
	if from.Name == "BIT" || !isText(from) && !isBinary(from) && numbers[from.Name] == nil && !clocks[from.Name] {
		return nothing
	}
	return func(cell, text []byte) verdict { return say(equal(cell, text)) }
}

// boolean knows 0 and 1; what other numbers mean, the mapping says.
func boolean(read func([]byte) (decimal, bool)) comparison {
	return func(cell, text []byte) verdict {
		d, ok := read(cell)
		one := decimal{digits: "1"}
		switch {
		case !ok || len(text) != 1:
			return different
		case text[0] == 't':
			return say(d == one)
		}
		return say(text[0] == 'f' && d == decimal{})
	}
}

// equalBytes compares bytes with a bytea as it is printed with bytea_output = hex.
func equalBytes(cell, text []byte) bool {
	digits, ok := bytes.CutPrefix(text, []byte(`\x`))
	if !ok || len(digits) != 2*len(cell) {
		return false
	}
	raw := make([]byte, len(cell))
	_, err := hex.Decode(raw, digits)
	return err == nil && bytes.Equal(raw, cell)
}

func identifier(from value.LegacyType) comparison {
	read := uuid.ParseBytes
	switch {
	case isBinary(from):
		read = uuid.FromBytes
	case !isText(from) && from.Name != "UUID":
		return nothing
	}
	return func(cell, text []byte) verdict {
		legacy, err := read(cell)
		if err != nil {
			return different
		}
		target, err := uuid.ParseBytes(text)
		return say(err == nil && legacy == target)
	}
}
