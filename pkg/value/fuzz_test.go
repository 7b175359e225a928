package value_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome/pkg/value"
)

// FuzzDate compares what dates and times become with what the standard library reads.
func FuzzDate(f *testing.F) {
	for _, seed := range []string{"2000-01-01", "0009-12-04", "0000-00-00", "2019-02-29", "2020-00-15", "9999-12-31", "0000-01-01", "1-1-1",
		"2000-01-01 12:34:56", "2000-01-01T12:34:56.5", "2000-01-01 24:00:00", "0001-01-01 00:00:00.000001", "12:34:56", "-838:59:59", "24:00:00.000000", "1:2:3"} {
		f.Add(seed)
	}
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	days, walls := compile(f, date, target("date"), value.Rules{}), compile(f, datetime, wall, value.Rules{})
	spans := compile(f, clock, target("interval"), value.Rules{})
	f.Fuzz(func(t *testing.T, text string) {
		body, _, _, fault := days.Append(nil, value.Cell(text))
		day, err := time.Parse(time.DateOnly, text)
		real := err == nil && day.Year() > 0
		if len(text) == len(time.DateOnly) && real != (fault == "") {
			t.Fatalf("%q: fault %q, but the standard library says %v", text, fault, err)
		}
		if real && int64(int32(binary.BigEndian.Uint32(body))) != (day.Unix()-epoch.Unix())/86400 {
			t.Fatalf("%q became day %x", text, body)
		}
		if body, _, _, fault := walls.Append(nil, value.Cell(text)); fault == "" && len(text) > len(time.DateOnly) {
			at, err := time.Parse("2006-01-02 15:04:05.999999", strings.Replace(text, "T", " ", 1))
			if err != nil || int64(binary.BigEndian.Uint64(body)) != at.UnixMicro()-epoch.UnixMicro() {
				t.Fatalf("%q became %x, and the standard library reads %v, %v", text, body, at, err)
			}
		}
		if body, _, _, fault := spans.Append(nil, value.Cell(text)); fault == "" {
			sign, rest := strings.CutPrefix(text, "-")
			hours, minutes, _ := strings.Cut(sign, ":")
			span, err := time.ParseDuration(hours + "h" + strings.Replace(minutes, ":", "m", 1) + "s")
			if rest {
				span = -span
			}
			if err != nil || int64(binary.BigEndian.Uint64(body)) != span.Microseconds() {
				t.Fatalf("%q became %x, and the standard library reads %v, %v", text, body, span, err)
			}
		}
	})
}

// FuzzJSONB checks that a canonical document means what it meant, and is canonical.
func FuzzJSONB(f *testing.F) {
	for _, seed := range documents {
		f.Add(seed)
	}
	p := compile(f, document, target("jsonb"), value.Rules{JSONDuplicate: word(value.Last)})
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

// FuzzNumeric checks that a numeric is the number that was written.
func FuzzNumeric(f *testing.F) {
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

// FuzzNetwork compares addresses with what the standard library reads.
func FuzzNetwork(f *testing.F) {
	for _, seed := range []string{"10.0.0.1", "10.0.0.0/8", "::1/128", "::ffff:1.2.3.4", "fe80::1%eth0", "08:00:2b:01:02:03", "08002b010203", "0800.2b01.0203", "08-00-2b-01-02-03",
		"08002b:010203", "08:00:2b:01:02:03:04:05", "", "1.2.3", "010.0.0.1", "1.2.3.4/33"} {
		f.Add(seed)
	}
	hosts, macs := compile(f, varchar, target("inet"), value.Rules{}), compile(f, varchar, target("macaddr"), value.Rules{})
	f.Fuzz(func(t *testing.T, text string) {
		body, _, _, fault := hosts.Append(nil, value.Cell(text))
		prefix, err := netip.ParsePrefix(text)
		if addr, errAddr := netip.ParseAddr(text); errAddr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if (err == nil) != (fault == "") || err == nil && (int(body[1]) != prefix.Bits() || !bytes.Equal(body[4:], prefix.Addr().AsSlice())) {
			t.Fatalf("%q became %x, %q; the standard library reads %v, %v", text, body, fault, prefix, err)
		}
		mac, _, _, fault := macs.Append(nil, value.Cell(text))
		known, err := net.ParseMAC(text)
		if err == nil && len(known) == 6 && (fault != "" || !bytes.Equal(mac, known)) {
			t.Fatalf("%q became %x, %q, and is %x", text, mac, fault, known)
		}
		if digits := strings.Map(hexOnly, text); fault == "" && (len(digits) != 12 || !strings.EqualFold(digits, hex.EncodeToString(mac))) {
			t.Fatalf("%q became %x", text, mac)
		}
	})
}

func hexOnly(r rune) rune {
	if strings.ContainsRune(":-.", r) {
		return -1
	}
	return r
}
