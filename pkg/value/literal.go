package value

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Literal encodes a text of the mapping, {const: TEXT} or the new value of a rule, as PostgreSQL would read it for the type: the
// body of the binary send format. Dates and times are written YYYY-MM-DD, HH:MM:SS and YYYY-MM-DD HH:MM:SS, with a fraction of up to
// six digits; a timestamp with time zone may end in Z or an offset such as +02:00 and is UTC without. What the type would cut or
// round is an error.
func Literal(to TargetType, text string) ([]byte, error) {
	body, fault := literal(to, []byte(text))
	switch fault {
	case "":
		return body, nil
	case values:
		return nil, fmt.Errorf("%q is no label of %s; write one of %s", text, to.Name, strings.Join(to.Labels, ", "))
	case outOfRange, badScale, tooLong:
		return nil, fmt.Errorf("%q does not fit into %s (%s)", text, to.Name, fault)
	}
	return nil, fmt.Errorf("%q is no %s (%s)", text, to.Name, fault)
}

func literal(to TargetType, text []byte) ([]byte, Fault) {
	k := kindOf(to)
	switch k {
	case kindNone:
		return nil, "type"
	case kindBoolean:
		return literalBoolean(text)
	case kindBytea:
		return literalBytes(text)
	case kindTimestamptz:
		return literalInstant(to, text)
	case kindBit, kindVarbit:
		return literalBits(to, text)
	case kindPoint:
		return literalPoint(text)
	case kindArray:
		return literalArray(to, text)
	}
	// The rest is written as some legacy type writes it, under no rules.
	c := &compiler{to: to, class: literalClass[k]}
	encode := c.encoder(k)
	if encode == nil {
		return nil, "type"
	}
	body, _, _, fault := encode([]byte{}, text)
	return body, fault
}

// literalClass is the class that writes a type's texts as PostgreSQL reads them.
var literalClass = map[kind]class{
	kindSmallint: integer, kindInteger: integer, kindBigint: integer, kindReal: literalFloat, kindDouble: double, kindNumeric: decimals,
	kindText: character, kindVarchar: character, kindChar: character, kindEnum: character, kindUUID: character,
	kindJSON: document, kindJSONB: document, kindDate: day, kindTime: clock, kindTimestamp: local,
	kindInterval: clock, kindInet: character, kindCIDR: character, kindMacaddr: character, kindMacaddr8: character,
}

// literalFloat is single: a mapping's 0.1 is the real 0.1, not the double that a real would round.
const literalFloat = single

func literalBoolean(text []byte) ([]byte, Fault) {
	switch strings.ToLower(string(trimmed(text))) {
	case "true", "t", "yes", "y", "on", "1":
		return []byte{1}, ""
	case "false", "f", "no", "n", "off", "0":
		return []byte{0}, ""
	}
	return nil, badSyntax
}

func literalBytes(text []byte) ([]byte, Fault) {
	digits, ok := strings.CutPrefix(string(text), `\x`)
	body, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return nil, badSyntax
	}
	return body, ""
}

// literalInstant reads a timestamp with the offset at its end, if there is one.
func literalInstant(to TargetType, text []byte) ([]byte, Fault) {
	wall, offset := string(text), int64(0)
	if rest, ok := strings.CutSuffix(wall, "Z"); ok {
		wall = rest
	} else if at := strings.LastIndexAny(wall, "+-"); at > 10 {
		minutes, ok := readOffset(wall[at:])
		if !ok {
			return nil, badSyntax
		}
		wall, offset = wall[:at], minutes*60e6
	}
	c := &compiler{to: to, class: local}
	body, _, _, fault := c.toTimestamp(kindTimestamptz)([]byte{}, []byte(wall))
	if fault != "" {
		return nil, fault
	}
	micros := int64(binary.BigEndian.Uint64(body)) - offset
	return binary.BigEndian.AppendUint64(nil, uint64(micros)), ""
}

// readOffset reads +HH or +HH:MM, of either sign, in minutes.
func readOffset(text string) (minutes int64, ok bool) {
	if len(text) != 3 && (len(text) != 6 || text[3] != ':') {
		return 0, false
	}
	hours, ok := twoDigits([]byte(text[1:3]))
	rest, ok2 := 0, true
	if len(text) == 6 {
		rest, ok2 = twoDigits([]byte(text[4:6]))
	}
	minutes = int64(hours*60 + rest)
	if text[0] == '-' {
		minutes = -minutes
	}
	return minutes, ok && ok2 && hours <= 15 && rest <= 59
}
