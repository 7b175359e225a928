package value_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func TestCompileSaysWhatToWriteInstead(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  value.LegacyType
		to    value.TargetType
		rules value.Rules
		want  string // part of the error
	}{
		{"text to a number", varchar, integer4, value.Rules{}, "sql: CAST(COLUMN AS SIGNED)"},
		{"text to a boolean", varchar, target("boolean"), value.Rules{}, "values: {OLD: NEW}"},
		{"a number to an enum", integer, mood, value.Rules{}, "{1: sad}"},
		{"text to a date", varchar, target("date"), value.Rules{}, "step {date: [FORMAT]}"},
		{"text to an instant", varchar, instant, value.Rules{}, "step {date: [FORMAT]}"},
		{"a number to an instant", integer, instant, value.Rules{}, "{unix: s}"},
		{"a DATETIME to a date", datetime, target("date"), value.Rules{}, "sql: DATE(COLUMN)"},
		{"a TIMESTAMP to a timestamp", timestamp, wall, value.Rules{}, "CAST(COLUMN AS DATETIME)"},
		{"a DATE to a timestamp", date, wall, value.Rules{}, "CAST(COLUMN AS DATETIME)"},
		{"bytes to text", blob, text, value.Rules{}, "bad_text"},
		{"a BIT to text", bit, text, value.Rules{}, "COLUMN + 0"},
		{"bits that do not fit", bits(12), limited("bit varying", 8), value.Rules{}, "make the column bit varying(12)"},
		{"bits of another number", bits(3), limited("bit", 8), value.Rules{}, "make the column bit(3)"},
		{"bits of no known number", bits(0), limited("bit", 8), value.Rules{}, "the length of an expression's bits is not known"},
		{"a list of documents", document, list(text), value.Rules{}, "feed a jsonb"},
		{"a line to a point", value.LegacyType{Name: "LINESTRING", Binary: true}, target("point"), value.Rules{}, "ST_AsText(COLUMN)"},
		{"a span of some fields", clock, limited("interval", 0xc00<<16|0xffff), value.Rules{}, "an interval of all of them"},
		{"text to bytes", varchar, target("bytea"), value.Rules{}, "CAST(COLUMN AS BINARY)"},
		{"a number to a uuid", integer, target("uuid"), value.Rules{}, "{uuid: ENTITY, of: COLUMN}"},
		{"a type unknown to us", value.LegacyType{Name: "XMLTYPE"}, text, value.Rules{}, "sql expression"},
		{"a target type unknown to us", varchar, target("tsvector"), value.Rules{IfNull: ptr("x")}, "tsvector is not supported"},
		{"a date step's result in a number", varchar, integer4, value.Rules{Steps: formats("%Y-%m-%d")}, "a date step's result"},
		{"an unknown step", varchar, text, value.Rules{Steps: steps("title")}, `no step "title"`},
		{"a step with arguments", varchar, text, value.Rules{Steps: []value.Step{{Name: "trim", Args: []string{"x"}}}}, "no arguments"},
		{"a step on bits", bit, target("boolean"), value.Rules{Steps: steps("trim")}, "works on text"},
		{"a date step without a format", varchar, text, value.Rules{Steps: formats()}, "needs a format"},
		{"an unknown letter", varchar, text, value.Rules{Steps: formats("%Y-%m-%d %u")}, `"%u" is no letter`},
		{"a letter that is missing", varchar, text, value.Rules{Steps: formats("%Y-%m-%d %")}, `"%" is no letter`},
		{"a format without a day", varchar, text, value.Rules{Steps: formats("%Y-%m")}, "a day, %d"},
		{"a format that leaves the half of the day open", varchar, text, value.Rules{Steps: formats("%Y-%m-%d %h")}, "%p"},
		{"a map to what is no label", integer, mood, value.Rules{Values: map[string]value.Outcome{"1": out("glad")}}, `"glad" is no label of mood; write one of sad, ok`},
		{"a map of bits", bit, target("boolean"), value.Rules{Values: map[string]value.Outcome{"1": out("true")}}, "a BIT has no text"},
		{"otherwise without a map", integer, integer4, value.Rules{Otherwise: out("1")}, "values before it"},
		{"an unknown outcome", integer, integer4, value.Rules{Values: map[string]value.Outcome{"1": {Word: "drop"}}}, `"drop" is no outcome`},
		{"if_null that does not fit", integer, target("smallint"), value.Rules{IfNull: ptr("40000")}, `"40000" does not fit into smallint`},
		{"an unknown word of a policy", integer, integer4, value.Rules{ZeroDate: word("clamp")}, `zero_date: "clamp" is none of its words`},
		{"a policy's text that is no date", date, target("date"), value.Rules{ZeroDate: to("never")}, `zero_date: "never" is no date`},
		{"a replacement that cannot be stored", varchar, text, value.Rules{NulByte: to("\x00")}, "nul_byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := value.Compile(c.from, c.to, c.rules)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant …%s…", err, c.want)
			}
		})
	}
	t.Run("all faults at once", func(t *testing.T) {
		_, err := value.Compile(varchar, integer4, value.Rules{Steps: steps("title"), IfNull: ptr("x"), BadText: word("x")})
		if err == nil || strings.Count(err.Error(), "\n") != 3 {
			t.Errorf("got %v, want four errors", err)
		}
	})
	t.Run("policies that have nothing to do are ignored", func(t *testing.T) {
		p := compile(t, integer, target("bigint"), value.Rules{ZeroDate: to("2000-01-01"), NulByte: word(value.Strip), OutOfRange: word(value.Clamp), TooLong: word(value.Truncate)})
		if len(p.Rules()) != 0 {
			t.Errorf("an int that becomes a bigint lists %v", p.Rules())
		}
	})
	t.Run("a map that is total needs no free conversion", func(t *testing.T) {
		compile(t, varchar, integer4, value.Rules{Values: map[string]value.Outcome{"one": out("1")}, Otherwise: value.Outcome{Word: value.ToNull}})
		compile(t, value.LegacyType{Name: "NULL"}, integer4, value.Rules{})
	})
}

func TestRulesAreListedOnceInTheirOrder(t *testing.T) {
	p := compile(t, varchar, limited("character varying", 14), value.Rules{
		Steps: steps("trim", "lower", "trim", "empty_to_null"), Values: map[string]value.Outcome{"a": out("b")}, Otherwise: value.Outcome{Word: value.Keep},
		IfNull: ptr("x"), NulByte: word(value.Strip), BadText: word(value.CP1252), TooLong: word(value.Truncate),
	})
	want := []string{"trim", "lower", "empty_to_null", "values", "if_null", "bad_text", "nul_byte", "too_long"}
	if diff := cmp.Diff(want, p.Rules()); diff != "" {
		t.Error(diff)
	}
}

func TestLiteralIsWhatTheServerReads(t *testing.T) {
	s := connect(t)
	for sqlType, texts := range map[string][]string{
		"boolean": {"true", "false", "t", "no", "1", "0", "on", "YES"}, "smallint": {"-5"}, "integer": {"7"}, "bigint": {"9"}, "real": {"0.1"}, "double precision": {"0.1", "1e300"},
		"numeric": {"1.10"}, "numeric(5,2)": {"1.1"}, "text": {"", "a"}, "varchar(3)": {"abc"}, "char(3)": {"a"}, "citext": {"A"}, "date": {"2020-02-29"},
		"time": {"12:00:00", "24:00:00"}, "timestamp": {"2020-01-01 10:00:00.5", "2020-01-01T10:00:00", "2020-01-01"},
		"timestamptz": {"2020-01-01", "2020-01-01 10:00:00", "2020-01-01 10:00:00+02", "2020-01-01T10:00:00.25-03:30", "2020-01-01 10:00:00Z"},
		"uuid":        {"2290c634-b71f-5ad5-82dc-8667044d17d8"}, "bytea": {`\x`, `\x00fF`}, "json": {`{"a":1}`}, "jsonb": {`{"b":1,"a":2}`}, "mood": {"über"},
		"interval": {"01:00:00", "-838:59:59.5"}, "inet": {"10.0.0.1", "::1/64"}, "cidr": {"10.0.0.0/8"}, "macaddr": {"08:00:2b:01:02:03"},
		"macaddr8": {"08:00:2b:01:02:03:04:05"}, "bit(3)": {"101"}, "varbit(3)": {"", "1", "101"}, "varbit": {"1010101010"}, "point": {"(1.5,-2)", "( 0 , 1e3 )"},
		"text[]": {"{}", "{a}", "{a, b c}"}, "integer[]": {"{1,2}"}, "mood[]": {"{sad,über}"},
	} {
		t.Run(sqlType, func(t *testing.T) {
			to := s.table(sqlType)
			var bodies [][]byte
			for _, text := range texts {
				body, err := value.Literal(to, text)
				if err != nil {
					t.Fatal(err)
				}
				bodies = append(bodies, append([]byte{}, body...))
			}
			if diff := cmp.Diff(bodies, s.reads(sqlType, texts)); diff != "" {
				t.Errorf("%q: %s", texts, diff)
			}
		})
	}
	t.Run("what does not fit is an error", func(t *testing.T) {
		for sqlType, bad := range map[string]string{
			"boolean": "maybe", "smallint": "40000", "integer": "1.5", "real": "1e39", "numeric(5,2)": "1.005", "varchar(3)": "abcd", "char(3)": "abcd", "date": "2019-02-29",
			"time": "25:00:00", "timestamp(0)": "2020-01-01 10:00:00.5", "timestamptz": "2020-01-01 10:00:00+2", "uuid": "x", "bytea": "00", "json": "{", "jsonb": `"\u0000"`,
			"mood": "glad", "text": "\xff", "tsvector": "x", "double precision": "0x10", "interval": "1 day", "interval hour to minute": "01:00:00", "inet": "010.0.0.1",
			"cidr": "10.0.0.1/8", "macaddr": "08:00:2b:01:02", "macaddr8": "08:00:2b:01:02:03", "bit(3)": "10", "varbit(3)": "1010", "varbit": "2", "point": "(1)",
			"text[]": `{"a"}`, "varchar(3)[]": "{abcd}", "mood[]": "{glad}", "integer[]": "{1,}", "varchar[]": "{NULL}", "citext[]": "{a,}",
		} {
			if body, err := value.Literal(s.table(sqlType), bad); err == nil {
				t.Errorf("%s %q became %x", sqlType, bad, body)
			}
		}
	})
}

func TestAnEntityMakesUUIDsOfVersion5(t *testing.T) {
	if got := uuid.UUID(value.NewEntity("community", "user").ID([]byte("1"))).String(); got != "2290c634-b71f-5ad5-82dc-8667044d17d8" {
		t.Errorf("the documented vector became %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		namespace, name := rapid.String().Draw(t, "namespace"), rapid.String().Draw(t, "entity")
		key := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "key")
		space := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "rehome:", namespace, ":", name))
		if got, want := uuid.UUID(value.NewEntity(namespace, name).ID(key)), uuid.NewSHA1(space, key); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func TestAProgramServesManyGoroutines(t *testing.T) {
	p := compile(t, varchar, text, value.Rules{Steps: steps("trim", "lower"), NulByte: word(value.Strip), BadText: word(value.CP1252)})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				if got, _, _, _ := p.Append(nil, value.Cell(" A\x00\x80 ")); !bytes.Equal(got, []byte("a€")) {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	group.Wait()
}
