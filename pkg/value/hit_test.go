package value_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// lenient are all policies in words that let a value in.
var lenient = value.Rules{
	ZeroDate: word(value.ToNull), PartialDate: word(value.First), NulByte: word(value.Strip), BadText: word(value.CP1252), OutOfRange: word(value.Clamp),
	TooLong: word(value.Truncate), JSONNul: word(value.Strip), JSONDuplicate: word(value.Last), DSTGap: word(value.Forward), DSTOverlap: word(value.First), Zone: berlin,
}

// rejecting are those that for some types act if they are declared alone, declared, and else none.
var rejecting = value.Rules{JSONNul: word(value.Reject), BadText: word(value.Reject), ZeroDate: word(value.Reject), PartialDate: word(value.Reject), Zone: berlin}

// hostile are ways from a legacy type to a target, with values of which some do not fit.
var hostile = []struct {
	from value.LegacyType
	to   value.TargetType
	draw func(*rapid.T) string
}{
	{integer, target("smallint"), func(t *rapid.T) string { return fmt.Sprint(rapid.Int32Range(-40000, 40000).Draw(t, "number")) }},
	{unsigned, target("bigint"), func(t *rapid.T) string { return fmt.Sprint(rapid.Uint64().Draw(t, "number")) }},
	{decimals, target("bigint"), func(t *rapid.T) string { return decimalText(t) }},
	{decimals, limited("numeric", 6<<16|2+4), func(t *rapid.T) string { return decimalText(t) }},
	{double, target("real"), func(t *rapid.T) string { return fmt.Sprint(rapid.Float64().Filter(finite).Draw(t, "double")) }},
	{varchar, limited("character varying", 7), drawHostile},
	{varchar, limited("character", 7), drawHostile},
	{blob, text, drawHostile},
	{date, target("date"), drawStamp("")},
	{datetime, wall, drawStamp(" 00:00:00")},
	{datetime, instant, drawClocks},
	{datetime, text, drawStamp(" 00:00:00")},
	{clock, target("time without time zone"), drawSpan},
	{document, target("jsonb"), func(t *rapid.T) string { return drawDocument(t, 3) }},
	{varchar, target("json"), func(t *rapid.T) string { return drawDocument(t, 2) }},
	{set, list(limited("character varying", 5)), func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-zä]{0,2}`), 0, 4).Draw(t, "members"), ",")
	}},
}

func drawHostile(t *rapid.T) string {
	part := rapid.SampledFrom([]string{"a", "é", "😀", " ", "\x00", "\xff", "\xc3", "\x80", "b"})
	return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "text"), "")
}

func drawStamp(time string) func(*rapid.T) string {
	return func(t *rapid.T) string {
		part := func(values ...int) int { return rapid.SampledFrom(values).Draw(t, "part") }
		return fmt.Sprintf("%04d-%02d-%02d", part(0, 1, 9, 1900, 2020), part(0, 1, 2, 12), part(0, 1, 29, 30, 31)) + time
	}
}

func drawClocks(t *rapid.T) string {
	at := rapid.SampledFrom([]string{"2021-03-28", "2021-10-31", "2021-07-01"}).Draw(t, "day")
	return at + fmt.Sprintf(" %02d:%02d:00", rapid.IntRange(0, 4).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"))
}

func drawSpan(t *rapid.T) string {
	sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign")
	return sign + fmt.Sprintf("%02d:%02d:%02d", rapid.IntRange(0, 838).Draw(t, "hours"), rapid.IntRange(0, 59).Draw(t, "minutes"), rapid.IntRange(0, 59).Draw(t, "seconds"))
}

func TestAPolicyIsCountedIfAndOnlyIfTheValueNeededIt(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.from.Name+" to "+targetName(h.to), func(t *testing.T) {
			strict, mended := compile(t, h.from, h.to, rejecting), compile(t, h.from, h.to, lenient)
			rapid.Check(t, func(t *rapid.T) {
				in := value.Cell(h.draw(t))
				want, _, _, fault := strict.Append([]byte{}, in)
				got, null, hit, refused := mended.Append([]byte{}, in)
				switch {
				case fault == "" && (refused != "" || hit != 0 || null || !bytes.Equal(got, want)):
					t.Fatalf("%q fits, and became %x with %b, %q", in, got, hit, refused)
				case fault != "" && refused == "" && hit == 0:
					t.Fatalf("%q is a %s, and came in as %x uncounted", in, fault, got)
				}
			})
		})
	}
}
