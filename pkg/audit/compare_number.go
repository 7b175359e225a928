package audit

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"rehome/pkg/value"
)

// A decimal is a number as its digits, without zeros at either end, times ten to the exponent. The zero decimal is 0. Two are equal
// if and only if they are the same number, however large the exponent is.
type decimal struct {
	negative bool
	digits   string
	exponent int64 // of the last digit
}

// numbers are the legacy types that are numbers, with what reads them.
var numbers = map[string]func([]byte) (decimal, bool){
	"TINYINT": readDecimal, "SMALLINT": readDecimal, "MEDIUMINT": readDecimal, "INT": readDecimal, "INTEGER": readDecimal, "BIGINT": readDecimal,
	"YEAR": readDecimal, "DECIMAL": readDecimal, "NUMERIC": readDecimal, "FLOAT": readDecimal, "DOUBLE": readDecimal, "BIT": readBits,
}

// readDecimal reads digits with a sign, a point and an exponent, each optional.
func readDecimal(text []byte) (d decimal, ok bool) {
	s := string(text)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d.negative, s = s[0] == '-', s[1:]
	}
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		n, err := strconv.ParseInt(s[at+1:], 10, 32)
		if err != nil {
			return decimal{}, false
		}
		d.exponent, s = n, s[:at]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	d.exponent -= int64(len(fraction))
	s = whole + fraction
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return decimal{}, false
	}
	trimmed := strings.TrimRight(s, "0")
	d.exponent += int64(len(s) - len(trimmed))
	if d.digits = strings.TrimLeft(trimmed, "0"); d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// readBits reads a BIT, whose bytes are a number, the highest first.
func readBits(raw []byte) (decimal, bool) {
	return readDecimal([]byte(new(big.Int).SetBytes(raw).String()))
}

func exact(read func([]byte) (decimal, bool)) comparison {
	return func(cell, text []byte) verdict {
		a, ok := read(cell)
		b, known := readDecimal(text)
		return say(ok && known && a == b)
	}
}

// float compares the numbers that both texts stand for in the widths of their types. A decimal is as much as its digits say, so it
// equals the float that is nearest to it.
func float(from value.LegacyType, to value.TargetType) comparison {
	if numbers[from.Name] == nil || from.Name == "BIT" {
		return nothing
	}
	stored, held := 64, 64
	if to.Name == "real" {
		stored = 32
	}
	approximate := from.Name == "FLOAT" || from.Name == "DOUBLE"
	if from.Name == "FLOAT" {
		held = 32
	} else if !approximate {
		held = stored
	}
	return func(cell, text []byte) verdict {
		a, err := strconv.ParseFloat(string(cell), held)
		if err != nil {
			return different
		}
		b, err := strconv.ParseFloat(string(text), stored)
		if err != nil || math.Signbit(a) != math.Signbit(b) && (a != 0 || approximate) {
			return different
		}
		return say(a == b)
	}
}
