package value_test

import (
	"strings"
	"testing"

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
