package value_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"rehome/pkg/value"
)

func TestUnix(t *testing.T) {
	seconds := compile(t, varchar, text, value.Rules{Steps: []value.Step{step("unix", "s")}})
	walks(t, seconds, []walk{
		{"NULL passes", `\N`, "NULL"},
		{"0 is 1970", "0", "1970-01-01 00:00:00 |unix"},
		{"-0 too", "-0", "1970-01-01 00:00:00 |unix"},
		{"before 1970", "-1", "1969-12-31 23:59:59 |unix"},
		{"beyond 32 bits", "4294967296", "2106-02-07 06:28:16 |unix"},
		{"a fraction", "1.5", "1970-01-01 00:00:01.500000 |unix"},
		{"a negative fraction", "-0.000001", "1969-12-31 23:59:59.999999 |unix"},
		{"a fraction of zeros", "1.0000000", "1970-01-01 00:00:01 |unix"},
		{"a fraction that would be rounded", "1.0000001", "fault scale"},
		{"an exponent", "1.5e9", "2017-07-14 02:40:00 |unix"},
		{"the first second", "-62135596800", "0001-01-01 00:00:00 |unix"},
		{"before the first", "-62135596801", "fault out_of_range"},
		{"the last moment", "253402300799.999999", "9999-12-31 23:59:59.999999 |unix"},
		{"behind the last", "253402300800", "fault out_of_range"},
		{"an endless number", strings.Repeat("9", 400), "fault out_of_range"},
		{"an endless exponent", "1e999999999999", "fault out_of_range"},
		{"the smallest exponent", "1e-999999999999", "fault out_of_range"},
		{"a fraction that is not there", "1e-7", "fault scale"},
		{"the empty text", "", "fault unix"},
		{"a date", "2020-01-01", "fault unix"},
		{"blanks", " 1", "fault unix"},
		{"a NUL", "1\x00", "fault unix"},
		{"infinity", "inf", "fault unix"},
		{"a hexadecimal number", "0x10", "fault unix"},
	})
	walks(t, compile(t, bigint, text, value.Rules{Steps: []value.Step{step("unix", "ms")}}), []walk{
		{"milliseconds", "1500000000123", "2017-07-14 02:40:00.123000 |unix"},
		{"a thousandth of one", "0.001", "1970-01-01 00:00:00.000001 |unix"},
		{"a ten thousandth", "0.0001", "fault scale"},
		{"seconds out of range are not out of range", "253402300799999", "9999-12-31 23:59:59.999000 |unix"},
	})
	walks(t, compile(t, decimals, text, value.Rules{Steps: []value.Step{step("unix", "us")}}), []walk{
		{"microseconds", "-1", "1969-12-31 23:59:59.999999 |unix"},
		{"less than one", "0.5", "fault scale"},
		{"all of 64 bits", "9223372036854775807", "fault out_of_range"},
	})
	walks(t, compile(t, bigint, text, value.Rules{Steps: []value.Step{step("unix", "s")}, OutOfRange: word(value.Clamp)}), []walk{
		{"clamped to the last", "99999999999999", "9999-12-31 23:59:59.999999 |unix |out_of_range"},
		{"clamped to the first", "-99999999999999", "0001-01-01 00:00:00 |unix |out_of_range"},
		{"clamped although endless", "-1e999", "0001-01-01 00:00:00 |unix |out_of_range"},
	})
	walks(t, compile(t, bigint, text, value.Rules{Steps: []value.Step{step("unix", "s")}, OutOfRange: word(value.ToNull)}), []walk{
		{"out of range to NULL", "99999999999999", "NULL |out_of_range"},
	})
	t.Run("it is the instant whatever the zone", func(t *testing.T) {
		p := compile(t, bigint, instant, value.Rules{Steps: []value.Step{step("unix", "s")}, Zone: berlin})
		if got := outcome(p, value.Cell("946684800")); got != "0000000000000000 unix" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("as a local time it is UTC's", func(t *testing.T) {
		p := compile(t, bigint, wall, value.Rules{Steps: []value.Step{step("unix", "s")}, Zone: berlin})
		if got := outcome(p, value.Cell("946684801")); got != "00000000000f4240 unix" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a date is a midnight", func(t *testing.T) {
		p := compile(t, bigint, target("date"), value.Rules{Steps: []value.Step{step("unix", "s")}})
		if got := outcome(p, value.Cell("946771200")); got != "00000001 unix" {
			t.Errorf("got %s", got)
		}
		if got := outcome(p, value.Cell("946771201")); got != "fault scale" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a precision that would round", func(t *testing.T) {
		p := compile(t, decimals, limited("timestamp with time zone", 0), value.Rules{Steps: []value.Step{step("unix", "s")}})
		if got := outcome(p, value.Cell("1.5")); got != "fault scale" {
			t.Errorf("got %s", got)
		}
	})
}

func FuzzUnix(f *testing.F) {
	for _, seed := range []string{"0", "-1", "1.5", "1e9", "253402300799.999999", "-62135596800", "9223372036854775808", ".5", "1e-6", "-", "+7"} {
		f.Add(seed, byte(0))
	}
	units := []string{"s", "ms", "us"}
	var programs []*value.Program
	for _, unit := range units {
		programs = append(programs, compile(f, varchar, text, value.Rules{Steps: []value.Step{step("unix", unit)}}))
	}
	f.Fuzz(func(t *testing.T, in string, unit byte) {
		i := int(unit) % len(units)
		body, null, _, fault := programs[i].Append(nil, value.Cell(in))
		if null || fault != "" || hugeExponent(in) {
			return
		}
		at, err := time.Parse("2006-01-02 15:04:05.999999", string(body))
		if err != nil {
			t.Fatalf("%q became %q: %v", in, body, err)
		}
		want, ok := new(big.Rat).SetString(in)
		got := big.NewRat(at.UnixMicro(), []int64{1e6, 1e3, 1}[i])
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q %s became %s, which is %v", in, units[i], body, got)
		}
	})
}
