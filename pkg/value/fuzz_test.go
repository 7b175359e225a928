package value_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/big"
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
		if !equalJSON(t, []byte(text), body[1:]) {
			t.Fatalf("%q became %q", text, body)
		}
	})
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return bytes.Equal(plain(t, a), plain(t, b))
}

// plain is the standard library's form of a document, with its numbers as fractions.
func plain(t *testing.T, text []byte) []byte {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(fractions(v))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func fractions(v any) any {
	switch v := v.(type) {
	case json.Number:
		if len(v) > 30 || strings.ContainsAny(string(v), "eE") {
			return "long" // a fraction of a huge exponent would take all memory; the server is asked elsewhere
		}
		r, _ := new(big.Rat).SetString(string(v))
		if short := r.FloatString(40); len(short) < 72 {
			return r.String()
		}
		return "long"
	case []any:
		for i := range v {
			v[i] = fractions(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = fractions(v[k])
		}
	}
	return v
}

func FuzzANumericIsTheNumberThatWasWritten(f *testing.F) {
	for _, seed := range []string{"0", "-0.00", "1", "9999", "10000", "0.0001", "1.10", "-123456789.987654321", "1e20", "1.5e-7", ".5", "5.", "1e", "00012", "+1"} {
		f.Add(seed)
	}
	p := compile(f, decimals, target("numeric"), value.Rules{})
	f.Fuzz(func(t *testing.T, text string) {
		if at := strings.IndexAny(text, "eE"); at >= 0 && len(text)-at > 5 {
			return // a fraction of a huge exponent would take all memory
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
