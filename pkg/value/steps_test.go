package value_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

// A walk is a value that goes through steps, and what comes out: the text, the rules that are listed, or the fault.
type walk struct {
	name string
	in   string // "\\N" is NULL
	want string
}

func step(name string, args ...string) value.Step { return value.Step{Name: name, Args: args} }

// through tells what becomes of a value as a text, with the rules behind it.
func through(p *value.Program, in value.Cell) string {
	body, null, hit, fault := p.Append([]byte{}, in)
	if fault != "" {
		return "fault " + string(fault)
	}
	out := "NULL"
	if !null {
		out = string(body)
	}
	for i, name := range p.Rules() {
		if hit&(1<<i) != 0 {
			out += " |" + name
		}
	}
	return out
}

func walks(t *testing.T, p *value.Program, all []walk) {
	t.Helper()
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			in := value.Cell(w.in)
			if w.in == `\N` {
				in = nil
			}
			if got := through(p, in); got != w.want {
				t.Errorf("%q became %q, want %q", w.in, got, w.want)
			}
		})
	}
}

func TestUpper(t *testing.T) {
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("upper")}), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"the empty text", "", ""},
		{"letters of any alphabet", "aäσǆ", "AÄΣǄ |upper"},
		{"a ß stays", "STRAßE", "STRAßE"},
		{"what is upper already", "ÄB1 ", "ÄB1 "},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("upper"), BadText: word(value.CP1252)}), []walk{
		{"broken bytes are left to bad_text", "a\x80b", "A€B |upper |bad_text"},
		{"the replacement character is a character", "\ufffdA", "\ufffdA"},
	})
}

func TestCollapseSpaces(t *testing.T) {
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("collapse_spaces")}), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"the empty text", "", ""},
		{"single blanks stay", " a b ", " a b "},
		{"runs become one", "  a \t\n b\u00a0\u2003c  ", " a b c  |collapse_spaces"},
		{"one that is no blank becomes one", "a\tb", "a b |collapse_spaces"},
		{"blanks alone", "   ", "  |collapse_spaces"},
	})
}

func TestName(t *testing.T) {
	all := map[string]map[string]string{
		"Ada Lovelace":            {"first": "Ada", "rest": "Lovelace", "given": "Ada", "last": "Lovelace"},
		" Ada\u00a0\tKing Noel  ": {"first": "Ada", "rest": "King Noel", "given": "Ada King", "last": "Noel"},
		"Cher":                    {"first": "Cher", "rest": "NULL", "given": "Cher", "last": "NULL"},
		"van der Berg, Jan Piet":  {"first": "Jan", "rest": "Piet van der Berg", "given": "Jan Piet", "last": "van der Berg"},
		"Noël,Zoë":                {"first": "Zoë", "rest": "Noël", "given": "Zoë", "last": "Noël"},
		"":                        {"first": "fault name", "rest": "fault name", "given": "fault name", "last": "fault name"},
		" \u3000 ":                {"first": "fault name", "last": "fault name"},
		"Smith, John, Jr.":        {"first": "fault name", "last": "fault name"},
		"Smith,":                  {"first": "fault name", "last": "fault name"},
		",John":                   {"first": "fault name", "last": "fault name"},
		",":                       {"first": "fault name"},
		`\N`:                      {"first": "NULL", "last": "NULL"},
	}
	for in, parts := range all {
		for part, want := range parts {
			t.Run(part+" of "+in, func(t *testing.T) {
				cell := value.Cell(in)
				if in == `\N` {
					cell = nil
				}
				if want != in && cell != nil && !strings.HasPrefix(want, "fault") {
					want += " |name"
				}
				if got := through(compile(t, varchar, text, value.Rules{Steps: []value.Step{step("name", part)}}), cell); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
	t.Run("two parts make the whole name", func(t *testing.T) {
		part := func(name string) *value.Program {
			return compile(t, varchar, text, value.Rules{Steps: []value.Step{step("name", name)}, IfNull: ptr("")})
		}
		pairs := [][2]*value.Program{{part("first"), part("rest")}, {part("given"), part("last")}}
		rapid.Check(t, func(t *rapid.T) {
			words := rapid.SliceOfN(rapid.StringMatching(`[a-zé-]{1,5}`), 1, 5).Draw(t, "words")
			in := strings.Join(words, rapid.SampledFrom([]string{" ", "  ", "\u00a0", "\n"}).Draw(t, "blank"))
			for _, pair := range pairs {
				a, _, _, fault1 := pair[0].Append(nil, value.Cell(in))
				b, _, _, fault2 := pair[1].Append(nil, value.Cell(in))
				got := strings.TrimSpace(string(a) + " " + string(b))
				if got != strings.Join(words, " ") || fault1+fault2 != "" {
					t.Fatalf("%q became %q and %q %s%s", in, a, b, fault1, fault2)
				}
			}
		})
	})
}

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

func TestHexAndBase64(t *testing.T) {
	bytea := target("bytea")
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: steps("hex")}), []walk{
		{"NULL passes hex", `\N`, "NULL"},
		{"no digits are no bytes", "", ""},
		{"both cases", "00fFaB", "\x00\xff\xab |hex"},
		{"an odd digit", "0", "fault hex"},
		{"a letter too far", "0g", "fault hex"},
		{"a prefix", "0x00", "fault hex"},
		{"a blank", "00 ", "fault hex"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("hex")}), []walk{
		{"as a text", "c3a4", "ä |hex"},
		{"as a text that it is not", "e4", "fault bad_text"},
		{"as a text with a NUL", "6100", "fault nul_byte"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("hex"), BadText: word(value.CP1252), NulByte: word(value.Strip)}), []walk{
		{"as a text that is mended", "e4003f", "ä? |hex |bad_text |nul_byte"},
	})
	walks(t, compile(t, blob, target("uuid"), value.Rules{Steps: steps("hex")}), []walk{
		{"16 bytes are a uuid", x("0123456789abcdef"), "0123456789abcdef |hex"},
		{"15 are none", x("0123456789abcde"), "fault uuid"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: steps("base64")}), []walk{
		{"NULL passes base64", `\N`, "NULL"},
		{"nothing is nothing", "", ""},
		{"the standard alphabet", "+/+/", "\xfb\xff\xbf |base64"},
		{"padded", "AA==", "\x00 |base64"},
		{"without its padding", "AA", "fault base64"},
		{"with one of two", "AA=", "fault base64"},
		{"with bits behind its end", "AB==", "fault base64"},
		{"the other alphabet", "-_-_", "fault base64"},
		{"a line break", "AA==\n", "fault base64"},
		{"a blank", "AA ==", "fault base64"},
		{"more behind the padding", "AA==AA==", "fault base64"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: []value.Step{step("base64", "url", "unpadded")}}), []walk{
		{"of URLs", "-_-_AA", "\xfb\xff\xbf\x00 |base64"},
		{"of URLs with a padding", "-_-_AA==", "fault base64"},
		{"of URLs in the standard alphabet", "+/+/", "fault base64"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: []value.Step{step("base64", "lines")}}), []walk{
		{"as TO_BASE64 writes it", "AAAA\nAAAA\r\nAA==", "\x00\x00\x00\x00\x00\x00\x00 |base64"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("base64", "trim", "lower")}), []walk{
		{"steps go on with the text", "IEHDhCA=", "aä |base64 |trim |lower"},
	})
}

func TestBytesComeBackFromWhatTheyWereEncodedAs(t *testing.T) {
	var programs []*value.Program
	encoders := []func([]byte) string{
		hex.EncodeToString, func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }, base64.StdEncoding.EncodeToString,
		base64.RawStdEncoding.EncodeToString, base64.URLEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
	}
	for _, s := range []value.Step{step("hex"), step("hex"), step("base64"), step("base64", "unpadded"), step("base64", "url"), step("base64", "unpadded", "url")} {
		programs = append(programs, compile(t, varchar, target("bytea"), value.Rules{Steps: []value.Step{s}}))
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		i := rapid.IntRange(0, len(encoders)-1).Draw(t, "encoder")
		text := []byte(encoders[i](want))
		if got, _, _, fault := programs[i].Append(nil, text); fault != "" || !bytes.Equal(got, want) {
			t.Fatalf("%q became %x, fault %q", text, got, fault)
		}
		if len(text) == 0 {
			return
		}
		// Any other text is another value, or none: nothing is overlooked.
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] = rapid.Byte().Filter(func(b byte) bool { return b|0x20 != text[at]|0x20 }).Draw(t, "byte")
		if got, _, _, fault := programs[i].Append(nil, text); fault == "" && bytes.Equal(got, want) {
			t.Fatalf("%q became %x too", text, got)
		}
	})
}

func TestCharset(t *testing.T) {
	both := value.Rules{Steps: []value.Step{step("charset", "utf8", "cp1252")}}
	for _, from := range []value.LegacyType{varchar, blob} {
		walks(t, compile(t, from, text, both), []walk{
			{"NULL passes", `\N`, "NULL"},
			{"the empty text", "", ""},
			{"ASCII is the same in both", "plain", "plain"},
			{"UTF-8 stays", "Ágnes", "Ágnes"},
			{"cp1252 becomes UTF-8", "caf\xe9 \x80\x93", "café €“ |charset"},
			{"what cp1252 leaves open passes as MySQL has it", "\x81\x8d\x8f\x90\x9d", "\u0081\u008d\u008f\u0090\u009d |charset"},
			{"half a character is none", "\xc3", "Ã |charset"},
			{"a surrogate is no UTF-8", "\xed\xa0\x80", "í\u00a0€ |charset"},
			{"a NUL is no matter of charsets", "\xe9\x00", "fault nul_byte"},
		})
	}
	walks(t, compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "cp1252")}}), []walk{
		{"cp1252 alone reads everything so", "Á", "Ã\u0081 |charset"},
	})
	walks(t, compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "utf8")}, BadText: word(value.Strip)}), []walk{
		{"utf8 alone refuses the rest", "\xe9", "fault charset"},
	})
}

func TestMojibake(t *testing.T) {
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("mojibake")}), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"the empty text", "", ""},
		{"ASCII stays", "plain", "plain"},
		{"what is right stays", "Ágnes Ís café €", "Ágnes Ís café €"},
		{"read as cp1252", "cafÃ© â‚¬ â€œxâ€\u009d", "café € “x” |mojibake"},
		{"with what cp1252 leaves open", "Ã\u0081gnes Ã\u008ds", "Ágnes Ís |mojibake"},
		{"read as latin1", "â\u0080\u0099", "’ |mojibake"},
		{"twice over", "cafÃƒÂ©", "café |mojibake"},
		{"three times over", "cafÃƒÆ’Ã‚Â©", "café |mojibake"},
		{"a mixture of right and wrong is left alone", "日本 cafÃ©", "日本 cafÃ©"},
		{"half of one is left alone", "Ã", "Ã"},
		{"an emoji", "ðŸ˜€", "😀 |mojibake"},
		{"a character of its own above cp1252 stays", "Ā", "Ā"},
		{"broken bytes are left to bad_text", "\xc3", "fault bad_text"},
	})
	t.Run("whatever is scrambled up to three times comes back", func(t *testing.T) {
		p := compile(t, varchar, text, value.Rules{Steps: steps("mojibake")})
		scramble := compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "cp1252")}})
		rapid.Check(t, func(t *rapid.T) {
			right := rapid.StringMatching(`[a-z]{0,3}[日Ωж][a-zéÁÍ€]{0,5}`).Draw(t, "text")
			wrong := []byte(right)
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				wrong, _, _, _ = scramble.Append([]byte{}, wrong)
			}
			if got := through(p, wrong); got != right+" |mojibake" {
				t.Fatalf("%q became %q, want %q", wrong, got, right)
			}
		})
	})
}

func TestWhatStepsSayOfTheirArgumentsAndTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		from value.LegacyType
		step value.Step
		want string
	}{
		{"unix without a unit", bigint, step("unix"), "{unix: s}, or ms or us"},
		{"unix with two", bigint, step("unix", "s", "ms"), "{unix: s}, or ms or us"},
		{"unix of bytes", blob, step("unix", "s"), "works on a number, not on BLOB"},
		{"unix of a DATETIME", datetime, step("unix", "s"), "works on a number, not on DATETIME"},
		{"name of nothing", varchar, step("name"), "{name: first}, or rest, given or last"},
		{"name of what is no part", varchar, step("name", "middle"), "{name: first}, or rest, given or last"},
		{"charset of nothing", blob, step("charset"), "needs the charsets to try"},
		{"charset of what is none", blob, step("charset", "latin1"), "knows utf8 and cp1252 alone"},
		{"charset behind one that takes all", blob, step("charset", "cp1252", "utf8"), "nothing behind it is tried"},
		{"charset twice", blob, step("charset", "utf8", "utf8"), "has utf8 twice"},
		{"base64 of another kind", blob, step("base64", "mime"), "url, unpadded and lines"},
		{"base64 twice", blob, step("base64", "url", "url"), "each once"},
		{"hex of a number", integer, step("hex"), "works on text or bytes, not on INT"},
		{"php of a number", integer, step("php"), "works on text or bytes, not on INT"},
		{"php with arguments", varchar, step("php", "x"), "php takes no arguments"},
		{"json without a path", document, step("json"), `{json: "$.a.b[0]"}`},
		{"json with another word", document, step("json", "$", "null"), "to_null"},
		{"json with a path that is none", document, step("json", "a"), "a path begins with $"},
		{"json with a path that breaks off", document, step("json", "$.a..b"), "from its place 4 on"},
		{"json of a date", date, step("json", "$"), "works on a document, not on DATE"},
		{"mojibake of bytes", blob, step("mojibake"), "works on text, not on BLOB"},
		{"dated", varchar, step("dated"), "only a column of {sql: EXPR} can"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := value.Compile(c.from, text, value.Rules{Steps: []value.Step{c.step}, BadText: word(value.Strip)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant …%s…", err, c.want)
			}
		})
	}
	t.Run("a step's result is named", func(t *testing.T) {
		_, err := value.Compile(bigint, integer4, value.Rules{Steps: []value.Step{step("unix", "s"), step("php")}})
		if err == nil || !strings.Contains(err.Error(), "not on a unix step's result") {
			t.Errorf("got %v", err)
		}
	})
}

func TestARuleThatLosesSomethingIsKnown(t *testing.T) {
	all := value.Rules{
		Steps: []value.Step{step("charset", "utf8", "cp1252"), step("base64"), step("hex"), step("mojibake"), step("trim"), step("collapse_spaces"), step("lower"),
			step("upper"), step("empty_to_null"), step("name", "first"), step("php"), step("json", "$"), step("json", "$.a")},
		Values: map[string]value.Outcome{"a": out("b")}, Otherwise: value.Outcome{Word: value.Keep}, IfNull: ptr("x"),
		BadText: word(value.CP1252), NulByte: word(value.Strip), TooLong: word(value.Truncate), JSONNul: word(value.Strip),
	}
	check := func(t *testing.T, p *value.Program, want string) {
		t.Helper()
		var loses []string
		for i, name := range p.Rules() {
			if p.Loses()&(1<<i) != 0 {
				loses = append(loses, name)
			}
		}
		if got := strings.Join(loses, " "); got != want {
			t.Errorf("of %v lose %s, want %s", p.Rules(), got, want)
		}
	}
	check(t, compile(t, varchar, limited("character varying", 14), all),
		"mojibake trim collapse_spaces lower upper empty_to_null name json json_nul values if_null nul_byte too_long")
	check(t, compile(t, document, target("jsonb"), value.Rules{Steps: []value.Step{step("json", "$")}}), "")
	check(t, compile(t, varchar, text, value.Rules{BadText: word(value.Strip)}), "bad_text")
	check(t, compile(t, varchar, target("date"), value.Rules{Steps: formats("%Y-%m-%d"), ZeroDate: word(value.ToNull), PartialDate: word(value.First), OutOfRange: word(value.Clamp)}),
		"zero_date partial_date out_of_range")
	check(t, compile(t, bigint, instant, value.Rules{Steps: []value.Step{step("unix", "s")}}), "")
	check(t, compile(t, datetime, instant, value.Rules{Zone: berlin, DSTGap: word(value.Forward), DSTOverlap: word(value.Second)}), "dst_gap")
	check(t, compile(t, datetime, instant, value.Rules{Zone: berlin, DSTOverlap: word(value.ToNull)}), "dst_overlap")
}

func TestARuleCanBeListedUnderAnotherName(t *testing.T) {
	p := compile(t, varchar, text, value.Rules{Steps: []value.Step{step("trim"), {Name: "trim", Rule: "trim before 2019"}, {Name: "date", Args: []string{"%d.%m.%Y"}, Rule: "date before 2019"}}})
	if got := through(p, value.Cell(" 1.2.2003")); got != "2003-02-01 00:00:00 |trim |date before 2019" {
		t.Errorf("got %s", got)
	}
}

func TestAWatershedPartsDates(t *testing.T) {
	for _, c := range []struct{ by, before, want string }{
		{"2019-02-28", "2019-03-01", "before"},
		{"2019-02-28 23:59:59.999999", "2019-03-01", "before"},
		{"2019-03-01", "2019-03-01", "from"},
		{"2019-03-01 00:00:00", "2019-03-01", "from"},
		{"2019-03-01 11:59:59", "2019-03-01 12:00:00", "before"},
		{"2019-03-01 12:00:00", "2019-03-01 12:00:00", "from"},
		{"0000-00-00", "2019-03-01", "none"},
		{"2018-00-01", "2019-03-01", "none"},
		{"2018-02-30", "2019-03-01", "none"},
		{"", "2019-03-01", "none"},
		{`\N`, "2019-03-01", "none"},
		{"0009-12-04 00:00:00", "2019-03-01", "before"},
	} {
		w, err := value.NewWatershed(datetime, c.before)
		if err != nil {
			t.Fatal(err)
		}
		by := value.Cell(c.by)
		if c.by == `\N` {
			by = nil
		}
		got := "none"
		if before, ok := w.Before(by); ok {
			got = map[bool]string{true: "before", false: "from"}[before]
		}
		if got != c.want {
			t.Errorf("%s is %s %s, want %s", c.by, got, c.before, c.want)
		}
	}
	for _, c := range []struct {
		by           value.LegacyType
		before, want string
	}{
		{bigint, "2019-03-01", "FROM_UNIXTIME(COLUMN)"},
		{varchar, "2019-03-01", "CAST(COLUMN AS DATETIME)"},
		{date, "1.3.2019", "write YYYY-MM-DD"},
		{date, "2019-02-29", "is no date"},
		{date, "0000-00-00", "is no date"},
	} {
		if _, err := value.NewWatershed(c.by, c.before); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want …%s…", err, c.want)
		}
	}
}
