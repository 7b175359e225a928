package value_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome/pkg/value"
)

func FuzzADateIsTheDayThatTheStandardLibraryReads(f *testing.F) {
	for _, seed := range []string{"2000-01-01", "0009-12-04", "0000-00-00", "2019-02-29", "2020-00-15", "9999-12-31", "0000-01-01", "1-1-1"} {
		f.Add(seed)
	}
	p := compile(f, date, target("date"), value.Rules{})
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	f.Fuzz(func(t *testing.T, text string) {
		body, _, _, fault := p.Append(nil, value.Cell(text))
		day, err := time.Parse(time.DateOnly, text)
		real := err == nil && day.Year() > 0
		if len(text) == len(time.DateOnly) && real != (fault == "") {
			t.Fatalf("%q: fault %q, but the standard library says %v", text, fault, err)
		}
		if real && int64(int32(binary.BigEndian.Uint32(body))) != (day.Unix()-epoch)/86400 {
			t.Fatalf("%q became day %x", text, body)
		}
	})
}

func FuzzCanonicalJSONBMeansWhatItMeantAndIsCanonical(f *testing.F) {
	for _, seed := range documents {
		f.Add(seed)
	}
	p := compile(f, document, target("jsonb"), value.Rules{})
	f.Fuzz(func(t *testing.T, text string) {
		body, _, _, fault := p.Append(nil, value.Cell(text))
		if fault != "" {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("%q is no JSON and became %q", text, body)
		}
		again, _, _, fault := p.Append(nil, value.Cell(body[1:]))
		if fault != "" || !bytes.Equal(body, again) {
			t.Fatalf("%q became %q, and that %q (%s)", text, body, again, fault)
		}
		if !same(decoded(t, []byte(text)), decoded(t, body[1:])) {
			t.Fatalf("%q became %q", text, body)
		}
	})
}

// decoded is a document as the standard library reads it, with its numbers as they are written.
func decoded(t *testing.T, text []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// same compares documents, with numbers equal however they are written. (cmp.Diff takes time exponential in the nesting.)
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	}
	return a == b
}

func sameNumber(a, b string) bool {
	if hugeExponent(a) {
		return true // a fraction of it would take all memory
	}
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	return x.Cmp(y) == 0
}

func hugeExponent(number string) bool {
	at := strings.IndexAny(number, "eE")
	return at >= 0 && len(number)-at > 5
}

func FuzzANumericIsTheNumberThatWasWritten(f *testing.F) {
	for _, seed := range []string{"0", "-0.00", "1", "9999", "10000", "0.0001", "1.10", "-123456789.987654321", "1e20", "1.5e-7", ".5", "5.", "1e", "00012", "+1"} {
		f.Add(seed)
	}
	p := compile(f, decimals, target("numeric"), value.Rules{})
	f.Fuzz(func(t *testing.T, text string) {
		if hugeExponent(text) {
			return
		}
		body, _, _, fault := p.Append(nil, value.Cell(text))
		if fault != "" {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if got := number(body); !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q became %x, which is %v", text, body, got)
		}
		groups := body[8:]
		if n := len(groups); n > 0 && (groups[0]|groups[1] == 0 || groups[n-2]|groups[n-1] == 0) {
			t.Fatalf("%q became %x, with zeros at an end", text, body)
		}
	})
}

// number decodes what numeric_send sends.
func number(body []byte) *big.Rat {
	weight := int16(binary.BigEndian.Uint16(body[2:]))
	sum, base := new(big.Rat), big.NewInt(10000)
	for at := 8; at < len(body); at += 2 {
		digit := new(big.Rat).SetInt64(int64(binary.BigEndian.Uint16(body[at:])))
		power := new(big.Rat).SetInt(new(big.Int).Exp(base, big.NewInt(int64(max(weight, -weight))), nil))
		if weight < 0 {
			power.Inv(power)
		}
		sum.Add(sum, digit.Mul(digit, power))
		weight--
	}
	if binary.BigEndian.Uint16(body[4:]) == 0x4000 {
		sum.Neg(sum)
	}
	return sum
}
