package value

// A need is what a target type asks for, as far as an SQL expression that makes it goes.
type need int

const (
	needsOther need = iota
	needsNumber
	needsText
	needsBytes
	needsJSON
	needsDate
	needsTime
)

var needs = map[kind]need{
	kindSmallint: needsNumber, kindInteger: needsNumber, kindBigint: needsNumber, kindNumeric: needsNumber, kindReal: needsNumber,
	kindDouble: needsNumber, kindText: needsText, kindVarchar: needsText, kindChar: needsText, kindBytea: needsBytes, kindJSON: needsJSON,
	kindJSONB: needsJSON, kindDate: needsDate, kindTimestamp: needsDate, kindTimestamptz: needsDate, kindTime: needsTime, kindInterval: needsTime,
}

// sqlAdvice is the expression that makes one of the other, where there is one that loses nothing unsaid.
var sqlAdvice = map[class]map[need]string{
	day:        {needsNumber: "TO_DAYS(COLUMN)"},
	local:      {needsTime: "TIME(COLUMN)"},
	instant:    {needsNumber: "UNIX_TIMESTAMP(COLUMN)", needsTime: "TIME(COLUMN)"},
	clock:      {needsNumber: "TIME_TO_SEC(COLUMN)"},
	document:   {needsNumber: "JSON_EXTRACT(COLUMN, '$.KEY') + 0"},
	identifier: {needsBytes: "UNHEX(REPLACE(COLUMN, '-', ''))"},
	address:    {needsBytes: "INET6_ATON(COLUMN)", needsNumber: "INET_ATON(COLUMN)"},
	spatial: {needsText: "ST_AsText(COLUMN), and feed ST_SRID(COLUMN) beside it", needsBytes: "ST_AsBinary(COLUMN), and feed ST_SRID(COLUMN) beside it",
		needsJSON: "ST_AsGeoJSON(COLUMN)", needsNumber: "ST_X(COLUMN) or ST_Y(COLUMN)"},
	vector: {needsText: vectorText, needsJSON: vectorText},
}

const vectorText = "VECTOR_TO_STRING(COLUMN), or VEC_ToText(COLUMN) on MariaDB"

// advice is what to write for the class and the target type; empty where only the conversion itself can tell.
func (c *compiler) advice() string {
	of := needs[kindOf(c.to)]
	switch {
	case c.from.Name == "YEAR" && of == needsDate:
		return "write sql: MAKEDATE(COLUMN, 1) for the first day of the year"
	case c.from.Name == "ENUM" && of == needsNumber:
		return mapIt + ", or sql: COLUMN + 0 for its position in the ENUM"
	case c.class == spatial && of == needsNumber && c.from.Name != "POINT" && c.from.Name != "GEOMETRY":
		return "feed a text with sql: ST_AsText(COLUMN)"
	case c.from.Name == "SET" && of == needsNumber:
		return "feed an array of text, or write sql: COLUMN + 0 for its bits"
	}
	if sql := sqlAdvice[c.class][of]; sql != "" {
		return "write sql: " + sql
	}
	switch c.class {
	case vector:
		return "feed a text with sql: " + vectorText
	case spatial:
		return "feed a text with sql: ST_AsText(COLUMN)"
	}
	return ""
}
