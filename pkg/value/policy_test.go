package value_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func target(name string) value.TargetType { return value.TargetType{Name: name, Typmod: -1} }

func limited(name string, typmod int32) value.TargetType {
	return value.TargetType{Name: name, Typmod: typmod}
}

var (
	mood     = value.TargetType{Name: "mood", Kind: 'e', Typmod: -1, Labels: []string{"sad", "ok"}}
	text     = target("text")
	integer4 = target("integer")
	wall     = target("timestamp without time zone")
	instant  = target("timestamp with time zone")
)

func word(w string) value.Policy    { return value.Policy{Word: w} }
func to(text string) value.Policy   { return value.Policy{Word: value.To, To: text} }
func out(text string) value.Outcome { return value.Outcome{Word: value.To, To: text} }
func steps(names ...string) (all []value.Step) {
	for _, name := range names {
		all = append(all, value.Step{Name: name})
	}
	return all
}
func formats(f ...string) []value.Step { return []value.Step{{Name: "date", Args: f}} }
func ptr(s string) *string             { return &s }
func x(text string) string             { return hex.EncodeToString([]byte(text)) }

func TestEachRuleActsAsDeclaredAndIsCountedOnlyWhereItChangedAValue(t *testing.T) {
	clamp, toNull, strip := word(value.Clamp), word(value.ToNull), word(value.Strip)
	for _, c := range []struct {
		name  string
		from  value.LegacyType
		to    value.TargetType
		rules value.Rules
		in    string // "\\N" is NULL
		want  string
	}{
		{"NULL stays NULL", integer, integer4, value.Rules{}, `\N`, "NULL"},
		{"NULL passes steps and the map", varchar, text, value.Rules{Steps: steps("trim", "lower", "empty_to_null"), Values: map[string]value.Outcome{"": out("x")}}, `\N`, "NULL"},
		{"if_null", varchar, text, value.Rules{IfNull: ptr("none")}, `\N`, x("none") + " if_null"},
		{"if_null leaves the empty text", varchar, text, value.Rules{IfNull: ptr("none")}, "", ""},
		{"trim takes Unicode blanks", varchar, text, value.Rules{Steps: steps("trim")}, "\u00a0\t a b \u3000", x("a b") + " trim"},
		{"trim of what needs none", varchar, text, value.Rules{Steps: steps("trim")}, "a b", x("a b")},
		{"trim of blanks alone is the empty text", varchar, text, value.Rules{Steps: steps("trim")}, "  ", " trim"},
		{"lower", varchar, text, value.Rules{Steps: steps("lower")}, "aÄΣİ", x("aäσi\u0307") + " lower"},
		{"lower leaves broken bytes to bad_text", varchar, text, value.Rules{Steps: steps("lower"), BadText: word(value.CP1252)}, "A\x80", x("a€") + " lower bad_text"},
		{"lower of what is lower", varchar, text, value.Rules{Steps: steps("lower")}, "äß1", x("äß1")},
		{"steps run in order", varchar, text, value.Rules{Steps: steps("trim", "empty_to_null"), IfNull: ptr("-")}, " ", x("-") + " trim empty_to_null if_null"},
		{"in the other order nothing is empty", varchar, text, value.Rules{Steps: steps("empty_to_null", "trim")}, " ", " trim"},

		{"values", integer, mood, value.Rules{Values: map[string]value.Outcome{"1": out("sad")}}, "1", x("sad") + " values"},
		{"an unlisted value", integer, mood, value.Rules{Values: map[string]value.Outcome{"1": out("sad")}}, "2", "fault values"},
		{"an identical text is no change", varchar, mood, value.Rules{Values: map[string]value.Outcome{"sad": out("sad")}}, "sad", x("sad")},
		{"otherwise keep", varchar, mood, value.Rules{Values: map[string]value.Outcome{"": out("ok")}, Otherwise: value.Outcome{Word: value.Keep}}, "sad", x("sad")},
		{"otherwise to_null, then if_null", varchar, mood, value.Rules{Values: map[string]value.Outcome{"": out("ok")}, Otherwise: value.Outcome{Word: value.ToNull}, IfNull: ptr("sad")},
			"x", x("sad") + " values if_null"},
		{"otherwise to", varchar, mood, value.Rules{Values: map[string]value.Outcome{}, Otherwise: out("ok")}, "x", x("ok") + " values"},
		{"otherwise to what it is", varchar, mood, value.Rules{Values: map[string]value.Outcome{}, Otherwise: out("ok")}, "ok", x("ok")},
		{"pitfall 8: a 2 in a boolean is mapped", tinyint, target("boolean"), value.Rules{Values: map[string]value.Outcome{"2": out("true")}, Otherwise: value.Outcome{Word: value.Keep}}, "2", "01 values"},
		{"pitfall 8: a 2 in a boolean is refused", tinyint, target("boolean"), value.Rules{OutOfRange: clamp}, "2", "fault out_of_range"},
		{"pitfall 8: a -1 in a boolean too", tinyint, target("boolean"), value.Rules{}, "-1", "fault out_of_range"},
		{"pitfall 10: the empty value of an ENUM is no label", enum, mood, value.Rules{}, "", "fault values"},

		{"pitfall 1: zero date", date, target("date"), value.Rules{}, "0000-00-00", "fault zero_date"},
		{"pitfall 1: zero date to NULL", date, target("date"), value.Rules{ZeroDate: toNull}, "0000-00-00", "NULL zero_date"},
		{"if_null does not see what a policy makes", date, target("date"), value.Rules{ZeroDate: toNull, IfNull: ptr("2000-01-01")}, "0000-00-00", "NULL zero_date"},
		{"pitfall 1: zero date to a text", datetime, wall, value.Rules{ZeroDate: to("2000-01-01")}, "0000-00-00 00:00:00.000000", "0000000000000000 zero_date"},
		{"a zero date with a time is partial", datetime, wall, value.Rules{ZeroDate: toNull}, "0000-00-00 00:00:01", "fault partial_date"},
		{"a zero date in a text stays", date, text, value.Rules{}, "0000-00-00", x("0000-00-00")},
		{"but where the policy is declared", date, text, value.Rules{ZeroDate: toNull}, "0000-00-00", "NULL zero_date"},
		{"pitfall 3: partial date", date, target("date"), value.Rules{ZeroDate: toNull}, "2020-00-15", "fault partial_date"},
		{"pitfall 3: partial date to NULL", date, target("date"), value.Rules{PartialDate: toNull}, "2020-05-00", "NULL partial_date"},
		{"pitfall 3: partial date to the first", date, target("date"), value.Rules{PartialDate: word(value.First)}, "2000-00-00", "00000000 partial_date"},
		{"partial date in a text to the first", date, text, value.Rules{PartialDate: word(value.First)}, "2020-00-15", x("2020-01-15") + " partial_date"},
		{"a day that no calendar has", date, target("date"), value.Rules{PartialDate: word(value.First), OutOfRange: clamp}, "2019-02-29", "fault date"},
		{"year 0", date, target("date"), value.Rules{}, "0000-05-03", "fault out_of_range"},
		{"year 0 clamped", date, target("date"), value.Rules{OutOfRange: clamp}, "0000-05-03", "fff4dbf9 out_of_range"},
		{"digits that a timestamp would round away", datetime, limited("timestamp without time zone", 3), value.Rules{}, "2000-01-01 00:00:00.0001", "fault scale"},

		{"pitfall 4: NUL in text", varchar, text, value.Rules{}, "a\x00b", "fault nul_byte"},
		{"pitfall 4: NUL stripped", varchar, text, value.Rules{NulByte: strip}, "a\x00b\x00", x("ab") + " nul_byte"},
		{"pitfall 4: NUL replaced", varchar, text, value.Rules{NulByte: to(" ")}, "a\x00b", x("a b") + " nul_byte"},
		{"NUL in bytea", blob, target("bytea"), value.Rules{}, "\x00", "00"},
		{"bad text", varchar, text, value.Rules{}, "\xe9", "fault bad_text"},
		{"pitfall 6: bad text as cp1252", varchar, text, value.Rules{BadText: word(value.CP1252)}, "\xc1gnes\x80\x81", x("Ágnes€\u0081") + " bad_text"},
		{"pitfall 6: good text is not touched by cp1252", varchar, text, value.Rules{BadText: word(value.CP1252)}, "Ágnes", x("Ágnes")},
		{"bad text stripped", varchar, text, value.Rules{BadText: strip}, "a\xe9\xe8b", x("ab") + " bad_text"},
		{"bad text replaced", varchar, text, value.Rules{BadText: to("?")}, "a\xe9b", x("a?b") + " bad_text"},
		{"bytes are text where bad_text is declared", blob, text, value.Rules{BadText: word(value.Reject)}, "é", x("é")},

		{"too long", varchar, limited("character varying", 7), value.Rules{}, "äöüß", "fault too_long"},
		{"too long by blanks", varchar, limited("character varying", 7), value.Rules{}, "äöü ", "fault too_long"},
		{"truncated by characters", varchar, limited("character varying", 7), value.Rules{TooLong: word(value.Truncate)}, "äöüß", x("äöü") + " too_long"},
		{"long enough is not truncated", varchar, limited("character varying", 7), value.Rules{TooLong: word(value.Truncate)}, "äöü", x("äöü")},
		{"blanks beyond a char are padding", varchar, limited("character", 7), value.Rules{TooLong: word(value.Truncate)}, "ä    ", x("ä  ")},
		{"text beyond a char is not", varchar, limited("character", 7), value.Rules{TooLong: word(value.Truncate)}, "ä    x", x("ä  ") + " too_long"},

		{"out of range", integer, target("smallint"), value.Rules{}, "32768", "fault out_of_range"},
		{"out of range to NULL", integer, target("smallint"), value.Rules{OutOfRange: toNull}, "32768", "NULL out_of_range"},
		{"pitfall 9: a bigint unsigned beyond a bigint", unsigned, target("bigint"), value.Rules{}, "9223372036854775808", "fault out_of_range"},
		{"pitfall 9: clamped to the most", unsigned, target("bigint"), value.Rules{OutOfRange: clamp}, "18446744073709551615", "7fffffffffffffff out_of_range"},
		{"clamped to the least", integer, target("smallint"), value.Rules{OutOfRange: clamp}, "-40000", "8000 out_of_range"},
		{"a fraction in an integer", decimals, integer4, value.Rules{OutOfRange: clamp}, "1.5", "fault scale"},
		{"a number of 65 digits in a bigint", decimals, target("bigint"), value.Rules{OutOfRange: clamp}, "-" + strings.Repeat("9", 65), "8000000000000000 out_of_range"},
		{"a numeric beyond its precision", decimals, limited("numeric", 3<<16|1+4), value.Rules{}, "100", "fault out_of_range"},
		{"a numeric clamped", decimals, limited("numeric", 3<<16|1+4), value.Rules{OutOfRange: clamp}, "-100.0", "000200004000000100632328 out_of_range"},
		{"a numeric that would be rounded", decimals, limited("numeric", 3<<16|1+4), value.Rules{OutOfRange: clamp}, "1.25", "fault scale"},
		{"a double beyond a real", double, target("real"), value.Rules{OutOfRange: clamp}, "-1e300", "ff7fffff out_of_range"},
		{"a double that a real would round", double, target("real"), value.Rules{OutOfRange: clamp}, "0.1", "fault scale"},
		{"an integer that a real would round", integer, target("real"), value.Rules{}, "16777217", "fault scale"},
		{"a decimal that a double would round", decimals, target("double precision"), value.Rules{}, "0.12345678901234567891", "fault scale"},
		{"a time beyond a day", clock, target("time without time zone"), value.Rules{}, "838:59:59", "fault out_of_range"},
		{"a time before the day", clock, target("time without time zone"), value.Rules{OutOfRange: clamp}, "-00:00:01", "0000000000000000 out_of_range"},
		{"a time clamped to the day's end", clock, target("time without time zone"), value.Rules{OutOfRange: clamp}, "24:00:00.5", "000000141dd76000 out_of_range"},

		{"pitfall 5: \\u0000 in jsonb", document, target("jsonb"), value.Rules{}, `"\u0000"`, "fault json_nul"},
		{"pitfall 5: \\u0000 stripped", document, target("jsonb"), value.Rules{JSONNul: strip}, `["a\u0000b\\u0000"]`, "01" + x(`["ab\\u0000"]`) + " json_nul"},
		{"an escaped backslash is no NUL", document, target("jsonb"), value.Rules{}, `"\\u0000"`, "01" + x(`"\\u0000"`)},
		{"json holds \\u0000", document, target("json"), value.Rules{}, `"\u0000"`, x(`"\u0000"`)},
		{"unless told not to", document, target("json"), value.Rules{JSONNul: word(value.Reject)}, `"\u0000"`, "fault json_nul"},
		{"no JSON", varchar, target("json"), value.Rules{}, `{a:1}`, "fault json"},
		{"no JSONB", varchar, target("jsonb"), value.Rules{}, ``, "fault json"},
		{"a NUL byte in JSON is stripped before it is read", varchar, target("jsonb"), value.Rules{NulByte: strip}, "[\x001]", "01" + x("[1]") + " nul_byte"},

		{"a member named twice", document, target("jsonb"), value.Rules{}, `{"a":1,"b":{"c":1,"c":2}}`, "fault json_duplicate"},
		{"a member named twice by an escape", varchar, target("jsonb"), value.Rules{}, `{"a":1,"\u0061":2}`, "fault json_duplicate"},
		{"the last of members of one name", document, target("jsonb"), value.Rules{JSONDuplicate: word(value.Last)}, `{"a":1,"b":2,"a":3}`, "01" + x(`{"a": 3, "b": 2}`) + " json_duplicate"},
		{"of members that are equal nothing is lost", document, target("jsonb"), value.Rules{}, `{"a":[1,2],"a":[ 1, 2 ]}`, "01" + x(`{"a": [1, 2]}`)},
		{"json keeps both", document, target("json"), value.Rules{JSONDuplicate: word(value.Last)}, `{"a":1,"a":2}`, x(`{"a":1,"a":2}`)},
		{"a number beyond 64 bits is kept digit by digit", document, target("jsonb"), value.Rules{}, `12345678901234567890123.10`, "01" + x(`12345678901234567890123.10`)},
		{"half a pair of surrogates", document, target("jsonb"), value.Rules{}, `"\ud800"`, "fault json"},
		{"a word that is no JSON", document, target("json"), value.Rules{}, `NaN`, "fault json"},

		{"a span beyond a day", clock, target("interval"), value.Rules{}, "-838:59:59.5", "fffffd40c22925200000000000000000"},
		{"a span that an interval would round", clock, limited("interval", 0x7fff<<16|1), value.Rules{OutOfRange: clamp}, "00:00:00.25", "fault scale"},
		{"an address with leading zeros", varchar, target("inet"), value.Rules{}, "010.0.0.1", "fault inet"},
		{"an address with a zone", varchar, target("inet"), value.Rules{}, "fe80::1%eth0", "fault inet"},
		{"an empty address", varchar, target("inet"), value.Rules{}, "", "fault inet"},
		{"a network with bits behind its length", varchar, target("cidr"), value.Rules{}, "10.0.0.1/8", "fault inet"},
		{"a hardware address of other separators", varchar, target("macaddr"), value.Rules{}, "08:00-2b:01:02:03", "fault macaddr"},
		{"a hardware address that begins with a NUL", varchar, target("macaddr"), value.Rules{}, "\x000", "fault macaddr"},
		{"a hardware address of eight bytes", varchar, target("macaddr"), value.Rules{}, "08:00:2b:01:02:03:04:05", "fault macaddr"},
		{"a hardware address of six for eight", varchar, target("macaddr8"), value.Rules{}, "08:00:2b:01:02:03", "fault macaddr"},
		{"more bits than the column has", bits(4), limited("bit", 4), value.Rules{}, "\x10", "fault syntax"},
		{"a point with an SRID", geometry, target("point"), value.Rules{}, wkb(4326, 1, 2), "fault point"},
		{"a geometry that is no point", geometry, target("point"), value.Rules{}, wkb(0, 1, 2)[:21], "fault point"},
		{"a member of a SET that is no label", set, list(mood), value.Rules{}, "ok,glad", "fault values"},
		{"a member of a SET that is too long", set, list(limited("character varying", 5)), value.Rules{}, "a,ab", "fault too_long"},
		{"each member truncated", set, list(limited("character varying", 5)), value.Rules{TooLong: word(value.Truncate)}, "a,ab",
			"00000001000000000000000000000002000000010000000161" + "0000000161 too_long"},
		{"a SET whose empty value is mapped", set, list(text), value.Rules{Values: map[string]value.Outcome{"": {Word: value.ToNull}}, Otherwise: value.Outcome{Word: value.Keep}}, "", "NULL values"},
		{"NULL to an array", set, list(text), value.Rules{IfNull: ptr("{}")}, `\N`, "000000000000000000000000 if_null"},
		{"a zero date that the policy writes as it was", date, text, value.Rules{ZeroDate: to("0000-00-00")}, "0000-00-00", x("0000-00-00")},

		{"no uuid", varchar, target("uuid"), value.Rules{}, "2290c634-b71f-5ad5-82dc-8667044d17dg", "fault uuid"},
		{"no 16 bytes", varbinary, target("uuid"), value.Rules{}, "short", "fault uuid"},
		{"a value that its type does not write", integer, integer4, value.Rules{}, "1x", "fault syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compile(t, c.from, c.to, c.rules)
			in := value.Cell(c.in)
			if c.in == `\N` {
				in = nil
			}
			if got := outcome(p, in); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheDateStepReadsTheFirstFormatThatFitsTheWholeText(t *testing.T) {
	both := formats("%Y-%m-%d", "%d.%m.%Y")
	for _, c := range []struct {
		name  string
		steps []value.Step
		in    string
		want  string
	}{
		{"the first format as it is", both, "2019-03-01", x("2019-03-01 00:00:00")},
		{"the second format", both, "1.3.2019", x("2019-03-01 00:00:00") + " date"},
		{"no format", both, "03/01/2019", "fault date"},
		{"more than the format", both, "2019-03-01x", "fault date"},
		{"a year of two digits is no year", both, "1.3.19", "fault date"},
		{"a day that no calendar has", both, "2019-02-30", "fault date"},
		{"a zero date is for the policies", both, "0000-00-00", x("0000-00-00 00:00:00")},
		{"two digits of a year", formats("%d.%m.%y"), "01.02.69", x("2069-02-01 00:00:00") + " date"},
		{"and of the last century", formats("%d.%m.%y"), "01.02.70", x("1970-02-01 00:00:00") + " date"},
		{"names of months", formats("%M %e, %Y", "%e %b %Y"), "march 3, 2019", x("2019-03-03 00:00:00") + " date"},
		{"short names and weekdays", formats("%W %e %b %Y", "%a, %e %b %Y"), "Tue, 5 Nov 2019", x("2019-11-05 00:00:00") + " date"},
		{"halves of a day", formats("%Y-%m-%d %r"), "2019-03-01 12:30:00 AM", x("2019-03-01 00:30:00") + " date"},
		{"afternoon", formats("%Y-%m-%d %l%p"), "2019-03-01 1pm", x("2019-03-01 13:00:00") + " date"},
		{"fractions", formats("%Y%m%dT%T.%f%%"), "20190301T01:02:03.5%", x("2019-03-01 01:02:03.500000") + " date"},
		{"a full text as it is", formats("%Y-%m-%d %H:%i:%s.%f"), "2019-03-01 01:02:03.500000", x("2019-03-01 01:02:03.500000")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := compile(t, varchar, text, value.Rules{Steps: c.steps})
			if got := outcome(p, value.Cell(c.in)); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
	t.Run("what it reads feeds dates and timestamps", func(t *testing.T) {
		rules := value.Rules{Steps: formats("%d.%m.%Y %H:%i"), Zone: zone(t, "Europe/Berlin")}
		for name, c := range map[string][2]string{
			"date":                        {"2.1.2000 0:00", "00000001 date"},
			"timestamp without time zone": {"1.1.2000 0:01", "0000000003938700 date"},
			"timestamp with time zone":    {"1.1.2000 1:01", "0000000003938700 date"},
		} {
			if got := outcome(compile(t, varchar, target(name), rules), value.Cell(c[0])); got != c[1] {
				t.Errorf("%s: got %s, want %s", name, got, c[1])
			}
		}
		if got := outcome(compile(t, varchar, target("date"), rules), value.Cell("2.1.2000 0:01")); got != "fault scale" {
			t.Errorf("a time of day was dropped: %s", got)
		}
		rules.ZeroDate = word(value.ToNull)
		if got := outcome(compile(t, varchar, target("date"), rules), value.Cell("00.00.0000 00:00")); got != "NULL date zero_date" {
			t.Errorf("zero date: %s", got)
		}
	})
}

func TestNoPolicyTouchesADateThatTheCalendarHas(t *testing.T) {
	t.Run("pitfall 2: the fix for zero dates of another tool took 0009-12-04 for one", noPolicyTouchesARealDate)
}

func noPolicyTouchesARealDate(t *testing.T) {
	rules := value.Rules{ZeroDate: word(value.ToNull), PartialDate: word(value.First), OutOfRange: word(value.Clamp)}
	programs := map[string][2]*value.Program{
		"":          {compile(t, date, target("date"), rules), compile(t, date, target("date"), value.Rules{})},
		" 00:00:00": {compile(t, datetime, wall, rules), compile(t, datetime, wall, value.Rules{})},
	}
	check := func(day string) string {
		for time, p := range programs {
			in := value.Cell(day + time)
			with, without := outcome(p[0], in), outcome(p[1], in)
			if with != without || strings.Contains(with, " ") || with == "NULL" {
				return day + time + ": " + with + ", without rules " + without
			}
		}
		return ""
	}
	for _, day := range []string{"0009-12-04", "0001-01-01", "0100-10-10", "2000-10-20"} {
		if wrong := check(day); wrong != "" {
			t.Error(wrong)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if wrong := check(realDay(t)); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
