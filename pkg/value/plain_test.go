package value_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// alike are values as each type writes them, and what is much like them.
var alike = []func(*rapid.T) string{
	func(t *rapid.T) string { return strconv.FormatInt(rapid.Int64().Draw(t, "integer"), 10) },
	func(t *rapid.T) string { return strconv.Itoa(rapid.IntRange(-70_000, 70_000).Draw(t, "integer")) },
	func(t *rapid.T) string { return digits(t, 0, 22) },
	decimalText,
	func(t *rapid.T) string {
		return rapid.StringMatching(`-?0{0,3}[0-9]{0,9}(\.[0-9]{0,18})?`).Draw(t, "decimal")
	},
	func(t *rapid.T) string { return fmt.Sprint(rapid.Float64().Draw(t, "float")) },
	wallTime,
	func(t *rapid.T) string {
		return wallTime(t)[:rapid.SampledFrom([]int{10, 19, 20, 21, 25}).Draw(t, "length")]
	},
	func(t *rapid.T) string { return wallTime(t)[11:19] },
	drawStamp(" 23:59:59"), drawStamp(""), drawClocks, drawSpan, drawHostile,
	func(t *rapid.T) string { return rapid.StringN(0, 12, -1).Draw(t, "text") },
	func(t *rapid.T) string { return rapid.StringMatching(`[ -~]{0,50}`).Draw(t, "ascii") },
	func(t *rapid.T) string {
		return rapid.StringMatching(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}`).Draw(t, "uuid")
	},
}

// drawAlike draws one of them, and mostly does it no harm.
func drawAlike(t *rapid.T) value.Cell {
	text := []byte(rapid.SampledFrom(alike).Draw(t, "kind")(t))
	if len(text) == 0 || rapid.IntRange(0, 2).Draw(t, "harm") > 0 {
		return text
	}
	at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
	b := rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\x00\x10\x80\xff -+.:T09/@aAfFgG"))).Draw(t, "byte")
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		text[at] = b
	case 1:
		text = slices.Insert(text, at, b)
	default:
		text = slices.Delete(text, at, at+1)
	}
	return text
}

// rulings are rules under which the short way has to be that of the stages.
var rulings = map[string]value.Rules{
	"no rules": {}, "lenient": lenient, "rejecting": rejecting, "mending": {IfNull: nil, NulByte: to("?"), BadText: word(value.Strip), Zone: zoneOf("America/New_York")},
}

func zoneOf(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func TestTheShortWayAppendsWhatTheStagesDo(t *testing.T) {
	targets := append(slices.Clone(everyTargetType), limited("character varying", 4+7), limited("character", 4+7), limited("character", 4+60),
		limited("numeric", 10<<16|2+4), limited("numeric", 3<<16|3+4), limited("numeric", 2<<16|2046+4), limited("numeric", 30<<16|16+4),
		limited("timestamp without time zone", 3), limited("timestamp with time zone", 0))
	for name, rules := range rulings {
		t.Run(name, func(t *testing.T) {
			var programs []*value.Program
			var names []string
			for _, from := range everyLegacyType {
				for _, to := range targets {
					if p, err := value.Compile(from, to, rules); err == nil {
						programs, names = append(programs, p), append(names, legacyName(from)+" to "+targetName(to))
					}
				}
			}
			taken := 0
			rapid.Check(t, func(t *rapid.T) {
				for range 20 {
					in := drawAlike(t)
					for i, p := range programs {
						out, ok := p.Plain([]byte("before"), in)
						if !ok {
							if !bytes.Equal(out, []byte("before")) {
								t.Fatalf("%s: %q is not plain, and left %x", names[i], in, out)
							}
							continue
						}
						taken++
						want, null, hit, fault := p.Stages([]byte("before"), in)
						if null || hit != 0 || fault != "" || !bytes.Equal(out, want) {
							t.Fatalf("%s: %q became %x by the short way, and by the stages %x (null %v, hit %b, fault %q)", names[i], in, out, want, null, hit, fault)
						}
					}
				}
			})
			if taken == 0 {
				t.Error("the short way took no value")
			}
		})
	}
}

func TestWhatIsUsualGoesTheShortWay(t *testing.T) {
	for _, test := range []struct {
		from  value.LegacyType
		to    value.TargetType
		texts []string
	}{
		{tinyint, target("boolean"), []string{"0", "1"}},
		{integer, target("smallint"), []string{"0", "-32768", "32767"}},
		{integer, integer4, []string{"-2147483648", "2147483647", "00042"}},
		{bigint, target("bigint"), []string{"999999999999999999", "-999999999999999999"}},
		{decimals, limited("numeric", 10<<16|2+4), []string{"0.00", "-12345678.90", "99999999.99", "1", "0.01"}},
		{decimals, target("numeric"), []string{"0.0000000000000001", "999999999999999999.9999999999999999"}},
		{varchar, limited("character varying", 4+7), []string{"", "seven c", "sieb\u00e9n ", "東京都千代田区", "😀😀😀😀😀😀😀"}},
		{varchar, limited("character", 4+7), []string{"", "seven c", "東京都", "😀😀😀😀😀😀😀"}},
		{varchar, text, []string{"", "any text\n", "any téxt 東京 😀"}},
		{integer, text, []string{"12"}},
		{datetime, text, []string{"0000-00-00 00:00:00"}},
		{document, text, []string{`{"a": "é"}`}},
		{date, target("date"), []string{"0001-01-01", "2000-02-29", "9999-12-31"}},
		{clock, target("time without time zone"), []string{"00:00:00", "23:59:59"}},
		{datetime, wall, []string{"0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"}},
		{datetime, limited("timestamp without time zone", 0), []string{"2000-01-01 12:34:56", "2000-01-01 12:34:56.000000"}},
		{timestamp, instant, []string{"1970-01-01 00:00:01", "2038-01-19 03:14:07"}},
		{varchar, target("uuid"), []string{"2290c634-b71f-5ad5-82dc-8667044d17d8", "2290C634B71F5AD582DC8667044D17D8"}},
		{double, target("double precision"), []string{"-1.5e-7"}},
		{float, target("real"), []string{"0.1"}},
	} {
		for _, in := range test.texts {
			if _, ok := compile(t, test.from, test.to, value.Rules{}).Plain(nil, value.Cell(in)); !ok {
				t.Errorf("%s to %s: %q goes the long way", legacyName(test.from), targetName(test.to), in)
			}
		}
	}
	if _, ok := compile(t, datetime, instant, value.Rules{Zone: berlin}).Plain(nil, value.Cell("2020-07-01 12:00:00")); !ok {
		t.Error("a local time goes the long way")
	}
}
