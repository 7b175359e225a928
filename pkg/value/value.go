// Package value turns one value of the legacy database into one value of the target: it parses the legacy text form, runs the
// declared steps, maps and policies on it, and encodes the result in the target type's binary send format, normalised as
// PostgreSQL itself would, so that what is read back can be compared byte for byte. It knows no table, no connection and no
// row; a rule that changes or refuses a value is reported to the caller, never applied silently.
package value

// A Cell is one value as the legacy database holds it, in its text form: integers and decimals in decimal, FLOAT and DOUBLE as
// the shortest text that reads back as the stored value (of that width), temporal values as the server prints them, text as
// UTF-8 (possibly broken), binary types and BIT as raw bytes. A nil Cell is NULL; an empty one is the empty string.
type Cell []byte

// A LegacyType is the type of an SQL expression as the legacy server resolved it.
type LegacyType struct {
	Name     string // upper case without modifiers: INT, BIGINT, DECIMAL, VARCHAR, TEXT, BLOB, BINARY, DATETIME, ENUM, JSON, BIT …
	Unsigned bool   // integers, DECIMAL, FLOAT and DOUBLE
	Binary   bool   // the value is bytes, not text (charset binary)
	Length   int64  // display length or length in characters as the server reports it; 0 when unknown
	Decimals int    // digits after the point, or fractional seconds
	Nullable bool
}

// A TargetType is the type of a PostgreSQL column, as its catalog describes it.
type TargetType struct {
	OID    uint32
	Name   string   // format_type without modifier: "integer", "character varying", "timestamp with time zone", or the enum's name
	Kind   byte     // pg_type.typtype: 'b' base, 'e' enum, 'd' domain (already resolved to its base by the catalog reader)
	Typmod int32    // pg_attribute.atttypmod, -1 for none
	Labels []string // of an enum, in order
	// Element is what an array holds, nil for other types; its OID is that of pg_type.typelem, though it may be a domain.
	Element *TargetType `json:",omitempty"`
}

// A Hit is a set of rules that changed a value, one bit for each name of Program.Rules.
type Hit uint64

// A Fault says why a value was refused: the kind of the rule or check that refused it, the first half of a cause
// KIND:TABLE.COLUMN. It holds no value. The empty Fault is none. Next to the names of the rules there are scale (digits after the
// point that the target would round away), date (a day that no calendar has), uuid, inet, macaddr and json (a text that is none),
// point (a geometry that is none, or that has an SRID) and syntax (a value that its legacy type does not write).
type Fault string

// The names of rules, and the faults that no rule can mend.
const (
	values      = "values"
	ifNull      = "if_null"
	zeroDate    = "zero_date"
	partialDate = "partial_date"
	nulByte     = "nul_byte"
	badText     = "bad_text"
	outOfRange  = "out_of_range"
	tooLong     = "too_long"
	jsonNul     = "json_nul"

	badDate   = "date"
	badScale  = "scale"
	badUUID   = "uuid"
	badJSON   = "json"
	badInet   = "inet"
	badMAC    = "macaddr"
	badPoint  = "point"
	badSyntax = "syntax"
	dstGap    = "dst_gap"
)
