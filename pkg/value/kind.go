package value

import "strings"

// A kind is a target type that values can be encoded for.
type kind int

const (
	kindNone kind = iota
	kindBoolean
	kindSmallint
	kindInteger
	kindBigint
	kindReal
	kindDouble
	kindNumeric
	kindText
	kindVarchar
	kindChar
	kindDate
	kindTime
	kindTimestamp
	kindTimestamptz
	kindUUID
	kindBytea
	kindJSON
	kindJSONB
	kindEnum
	kindInterval
	kindInet
	kindCIDR
	kindMacaddr
	kindMacaddr8
	kindBit
	kindVarbit
	kindPoint
	kindArray
)

var kinds = map[string]kind{
	"boolean": kindBoolean, "smallint": kindSmallint, "integer": kindInteger, "bigint": kindBigint,
	"real": kindReal, "double precision": kindDouble, "numeric": kindNumeric,
	"text": kindText, "citext": kindText, "character varying": kindVarchar, "character": kindChar, "bpchar": kindChar,
	"date": kindDate, "time without time zone": kindTime,
	"timestamp without time zone": kindTimestamp, "timestamp with time zone": kindTimestamptz,
	"uuid": kindUUID, "bytea": kindBytea, "json": kindJSON, "jsonb": kindJSONB,
	"interval": kindInterval, "inet": kindInet, "cidr": kindCIDR, "macaddr": kindMacaddr, "macaddr8": kindMacaddr8,
	"bit": kindBit, "bit varying": kindVarbit, "point": kindPoint,
}

func kindOf(t TargetType) kind {
	switch {
	case t.Kind == 'e':
		return kindEnum
	case t.Element != nil:
		return kindArray
	case strings.HasSuffix(t.Name, ".citext"):
		return kindText // an extension may live in a schema outside the search path
	}
	return kinds[t.Name]
}

// width returns the bytes of an integer.
func (k kind) width() int {
	return map[kind]int{kindSmallint: 2, kindInteger: 4, kindBigint: 8}[k]
}

// IsText reports whether the type holds texts.
func (t TargetType) IsText() bool {
	k := kindOf(t)
	return k == kindText || k == kindVarchar || k == kindChar
}

// characters returns the length limit of character types, 0 for none.
func (t TargetType) characters() int {
	if t.Typmod < 4 {
		return 0
	}
	return int(t.Typmod) - 4
}

// fraction returns how many fractional digits of a second the type keeps.
func (t TargetType) fraction() int {
	if t.Typmod < 0 || t.Typmod > 6 {
		return 6
	}
	return int(t.Typmod)
}

// wholeInterval tells whether an interval has all of its fields: one of HOUR TO MINUTE drops the seconds in silence.
func (t TargetType) wholeInterval() bool { return t.Typmod < 0 || t.Typmod>>16&0x7fff == 0x7fff }

// intervalFraction returns how many fractional digits of a second an interval keeps.
func (t TargetType) intervalFraction() int {
	if p := t.Typmod & 0xffff; t.Typmod >= 0 && p <= 6 {
		return int(p)
	}
	return 6
}

// numeric returns the precision and scale of a numeric, and whether it has any.
func (t TargetType) numeric() (precision, scale int, limited bool) {
	if t.Typmod < 4 {
		return 0, 0, false
	}
	mod := int(t.Typmod) - 4
	// The scale is a signed number of 11 bits since PostgreSQL 15; up to 14 it was never above 1000, which reads the same.
	return mod >> 16 & 0xffff, (mod&0x7ff ^ 1024) - 1024, true
}

// unsupported are target types that no legacy type has a value for, and what to do instead.
var unsupported = map[string]string{
	"time with time zone": "a TIME has no zone of its own: feed a time without time zone",
	"money":               "its digits depend on the locale: feed a numeric",
	"oid":                 "feed a bigint",
	"xml":                 "feed a text",
	"name":                "feed a text",
	`"char"`:              "feed a text",
	"tsvector":            "let the target make it, GENERATED ALWAYS AS (to_tsvector(...)) STORED",
	"tsquery":             "feed a text",
	"hstore":              "feed a jsonb",
	"geometry":            "feed a bytea with ST_AsBinary(COLUMN), or a text with ST_AsText(COLUMN), and let the target make it of that",
	"geography":           "feed a bytea with ST_AsBinary(COLUMN), or a text with ST_AsText(COLUMN), and let the target make it of that",
}

// instead says what to do about a target type that values cannot be encoded for.
func (t TargetType) instead() string {
	switch t.Kind {
	case 'r', 'm':
		return "feed its bounds into columns of their own"
	case 'c':
		return "feed its fields into columns of their own"
	}
	name := t.Name[strings.LastIndexByte(t.Name, '.')+1:]
	if advice := unsupported[name]; advice != "" {
		return advice
	}
	return "feed a column of another type, or leave it to the target with written_by_target"
}
