package value

import "strings"

// A class is a group of legacy types whose values are written alike.
type class int

const (
	unknown   class = iota
	integer         // decimal digits, YEAR too
	decimals        // digits with a point
	single          // FLOAT
	double          // DOUBLE
	character       // text, ENUM and SET
	bytesOf         // binary strings
	bitString       // BIT
	day             // DATE
	local           // DATETIME, in the zone that the mapping names
	instant         // TIMESTAMP, in UTC
	clock           // TIME
	document        // JSON
	dated           // what the date step makes
	moment          // what the unix step makes: a date and time in UTC
)

var classes = map[string]class{
	"TINYINT": integer, "SMALLINT": integer, "MEDIUMINT": integer, "INT": integer, "INTEGER": integer, "BIGINT": integer, "YEAR": integer,
	"DECIMAL": decimals, "NUMERIC": decimals, "FLOAT": single, "DOUBLE": double,
	"CHAR": character, "VARCHAR": character, "TINYTEXT": character, "TEXT": character, "MEDIUMTEXT": character, "LONGTEXT": character,
	"ENUM": character, "SET": character, "JSON": document, "BIT": bitString,
	"BINARY": bytesOf, "VARBINARY": bytesOf, "TINYBLOB": bytesOf, "BLOB": bytesOf, "MEDIUMBLOB": bytesOf, "LONGBLOB": bytesOf,
	"DATE": day, "DATETIME": local, "TIMESTAMP": instant, "TIME": clock,
}

func classOf(t LegacyType) class {
	c := classes[strings.ToUpper(t.Name)]
	if c == character && t.Binary {
		return bytesOf
	}
	return c
}

// integerBytes are the widths of the legacy integers.
var integerBytes = map[string]int{"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INT": 4, "INTEGER": 4, "BIGINT": 8, "YEAR": 2}

// fits tells whether every value of the legacy type is in the range of an integer of the given bytes, so that it need not be
// counted among the rules.
func fits(t LegacyType, width int) bool {
	from, known := integerBytes[strings.ToUpper(t.Name)]
	switch {
	case !known:
		return false
	case t.Unsigned && strings.ToUpper(t.Name) != "YEAR":
		return from < width
	}
	return from <= width
}

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
)

var kinds = map[string]kind{
	"boolean": kindBoolean, "smallint": kindSmallint, "integer": kindInteger, "bigint": kindBigint,
	"real": kindReal, "double precision": kindDouble, "numeric": kindNumeric,
	"text": kindText, "citext": kindText, "character varying": kindVarchar, "character": kindChar, "bpchar": kindChar,
	"date": kindDate, "time without time zone": kindTime,
	"timestamp without time zone": kindTimestamp, "timestamp with time zone": kindTimestamptz,
	"uuid": kindUUID, "bytea": kindBytea, "json": kindJSON, "jsonb": kindJSONB,
}

func kindOf(t TargetType) kind {
	switch {
	case t.Kind == 'e':
		return kindEnum
	case strings.HasSuffix(t.Name, ".citext"):
		return kindText // an extension may live in a schema outside the search path
	}
	return kinds[t.Name]
}

// width returns the bytes of an integer.
func (k kind) width() int {
	return map[kind]int{kindSmallint: 2, kindInteger: 4, kindBigint: 8}[k]
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

// numeric returns the precision and scale of a numeric, and whether it has any.
func (t TargetType) numeric() (precision, scale int, limited bool) {
	if t.Typmod < 4 {
		return 0, 0, false
	}
	mod := int(t.Typmod) - 4
	// The scale is a signed number of 11 bits since PostgreSQL 15; up to 14 it was never above 1000, which reads the same.
	return mod >> 16 & 0xffff, (mod&0x7ff ^ 1024) - 1024, true
}
