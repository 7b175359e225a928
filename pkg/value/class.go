package value

import "strings"

// A class is a group of legacy types whose values are written alike.
type class int

const (
	unknown    class = iota
	integer          // decimal digits, YEAR too
	decimals         // digits with a point
	single           // FLOAT
	double           // DOUBLE
	character        // text, ENUM and SET
	bytesOf          // binary strings
	bitString        // BIT
	day              // DATE
	local            // DATETIME, in the zone that the mapping names
	instant          // TIMESTAMP, in UTC
	clock            // TIME
	document         // JSON
	dated            // what the date step makes
	moment           // what the unix step makes: a date and time in UTC
	identifier       // MariaDB's UUID
	address          // MariaDB's INET4 and INET6
	spatial          // GEOMETRY and its kin: four bytes of SRID, then WKB
	vector           // VECTOR
)

var classes = map[string]class{
	"TINYINT": integer, "SMALLINT": integer, "MEDIUMINT": integer, "INT": integer, "INTEGER": integer, "BIGINT": integer, "YEAR": integer,
	"DECIMAL": decimals, "NUMERIC": decimals, "FLOAT": single, "DOUBLE": double,
	"CHAR": character, "VARCHAR": character, "TINYTEXT": character, "TEXT": character, "MEDIUMTEXT": character, "LONGTEXT": character,
	"ENUM": character, "SET": character, "JSON": document, "BIT": bitString,
	"BINARY": bytesOf, "VARBINARY": bytesOf, "TINYBLOB": bytesOf, "BLOB": bytesOf, "MEDIUMBLOB": bytesOf, "LONGBLOB": bytesOf,
	"DATE": day, "DATETIME": local, "TIMESTAMP": instant, "TIME": clock,
	"UUID": identifier, "INET4": address, "INET6": address, "VECTOR": vector,
	"GEOMETRY": spatial, "POINT": spatial, "LINESTRING": spatial, "POLYGON": spatial, "MULTIPOINT": spatial,
	"MULTILINESTRING": spatial, "MULTIPOLYGON": spatial, "GEOMCOLLECTION": spatial, "GEOMETRYCOLLECTION": spatial,
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
