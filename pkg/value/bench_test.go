package value_test

import (
	"strings"
	"testing"
	"time"

	"rehome/pkg/value"
)

var hot = []struct {
	name  string
	from  value.LegacyType
	to    value.TargetType
	rules value.Rules
	in    string
	// allocations that a value may cost; what is on the way of every row costs none
	allocs float64
}{
	{"tinyint to boolean", tinyint, target("boolean"), value.Rules{}, "1", 0},
	{"int to smallint", integer, target("smallint"), value.Rules{}, "-12345", 0},
	{"int", integer, integer4, value.Rules{}, "1234567", 0},
	{"int to bigint", integer, target("bigint"), value.Rules{}, "1234567", 0},
	{"bigint", bigint, target("bigint"), value.Rules{}, "1234567890123", 0},
	{"bigint unsigned to numeric", unsigned, target("numeric"), value.Rules{}, "18446744073709551615", 0},
	{"int to text", integer, text, value.Rules{}, "1234567", 0},
	{"year to smallint", year, target("smallint"), value.Rules{}, "2020", 0},
	{"bit to boolean", bits(1), target("boolean"), value.Rules{}, "\x01", 0},
	{"bit to bit", bits(12), limited("bit", 12), value.Rules{}, "\x0f\xff", 0},
	{"decimal to numeric(10,2)", decimals, limited("numeric", 10<<16|2+4), value.Rules{}, "12345678.90", 0},
	{"decimal to numeric", decimals, target("numeric"), value.Rules{}, "12345678.90", 0},
	{"decimal to numeric(20,8)", decimals, limited("numeric", 20<<16|8+4), value.Rules{}, "-123456789012.00004500", 0},
	{"float to real", float, target("real"), value.Rules{}, "1234.5", 0},
	{"double", double, target("double precision"), value.Rules{}, "123456.789", 0},
	{"varchar(40) of 20", varchar, limited("character varying", 44), value.Rules{}, "Grace Brewster Hoppe", 0},
	{"varchar(40) of 20 with an é", varchar, limited("character varying", 44), value.Rules{}, "Renée Brewster Hoppe", 0},
	{"varchar(40) of 40", varchar, limited("character varying", 44), value.Rules{}, "Grace Brewster Hoppe, who liked machines", 0},
	{"varchar(13) of 13 letters in 39 bytes", varchar, limited("character varying", 17), value.Rules{}, "東京都千代田区永田町一丁目", 0},
	{"text of 37", varchar, text, value.Rules{}, "a text of the usual length, with an e", 0},
	{"text of 37 with an é", varchar, text, value.Rules{}, "a text of the usual length, with an é", 0},
	{"text of 1000", varchar, text, value.Rules{}, strings.Repeat("so it goes", 100), 0},
	{"text of 1000 with an é in ten", varchar, text, value.Rules{}, strings.Repeat("só itgoes", 100), 0},
	{"char(60)", varchar, limited("character", 64), value.Rules{}, "$2y$10$356a192b7913b04c54574d18c28d46e6395428abc4ca4238a0b92", 0},
	{"char(60) padded", varchar, limited("character", 64), value.Rules{}, "$2y$10$356a192b7913b04c54574d18c28d46e6395428abc4c", 0},
	{"varchar trimmed", varchar, limited("character varying", 104), value.Rules{Steps: steps("trim", "empty_to_null")}, " a text of the usual length ", 0},
	{"enum", enum, mood, value.Rules{}, "ok", 0},
	{"enum by values", integer, mood, value.Rules{Values: map[string]value.Outcome{"1": out("sad"), "2": out("ok")}}, "2", 0},
	{"set to text[]", set, list(text), value.Rules{}, "a,bcd,efgh", 0},
	{"date", date, target("date"), value.Rules{}, "2020-02-29", 0},
	{"time", clock, target("time without time zone"), value.Rules{}, "12:34:56", 0},
	{"datetime to timestamp", datetime, wall, value.Rules{}, "2020-02-29 12:34:56", 0},
	{"datetime(6) to timestamp", datetime, wall, value.Rules{}, "2020-02-29 12:34:56.123456", 0},
	{"datetime to timestamptz", datetime, instant, value.Rules{}, "2020-02-29 12:34:56", 0},
	{"datetime to timestamptz by zone", datetime, instant, value.Rules{Zone: berlin}, "2020-02-29 12:34:56", 0},
	{"timestamp to timestamptz", timestamp, instant, value.Rules{}, "2020-02-29 12:34:56", 0},
	{"char(36) to uuid", varchar, target("uuid"), value.Rules{}, "2290c634-b71f-5ad5-82dc-8667044d17d8", 0},
	{"binary(16) to uuid", varbinary, target("uuid"), value.Rules{}, "0123456789abcdef", 0},
	{"varbinary to bytea", varbinary, target("bytea"), value.Rules{}, "\x00\xff23456789abcdef", 0},
	{"inet6 to inet", inet6, target("inet"), value.Rules{}, "2001:db8::1", 2},
	{"json", document, target("json"), value.Rules{}, `{"a": 1, "b": [1, 2.50, "x"], "long": {"c": null}}`, 0},
	{"jsonb in order", document, target("jsonb"), value.Rules{}, `{"a": 1, "b": [1, 2.50, "x"], "long": {"c": null}}`, 0},
	{"jsonb out of order", document, target("jsonb"), value.Rules{}, `{"long":{"c":null},"b":[1,2.50,"x"],"a":1}`, 2},
}

var berlin = func() *time.Location {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return loc
}()

func BenchmarkAppend(b *testing.B) {
	for _, h := range hot {
		b.Run(h.name, func(b *testing.B) {
			p, dst, in := compile(b, h.from, h.to, h.rules), make([]byte, 0, 1200), value.Cell(h.in)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, fault := p.Append(dst, in); fault != "" {
					b.Fatal(fault)
				}
			}
		})
	}
	b.Run("NULL", func(b *testing.B) {
		p, dst := compile(b, varchar, text, value.Rules{}), make([]byte, 0, 8)
		b.ReportAllocs()
		for b.Loop() {
			if _, null, _, _ := p.Append(dst, nil); !null {
				b.Fatal("a NULL became a value")
			}
		}
	})
	b.Run("uuid of a key", func(b *testing.B) {
		entity, key := value.NewEntity("community", "user"), []byte("1234567")
		b.ReportAllocs()
		for b.Loop() {
			_ = entity.ID(key)
		}
	})
}

func TestAValueCostsNoAllocation(t *testing.T) {
	for _, h := range hot {
		t.Run(h.name, func(t *testing.T) {
			p, dst, in := compile(t, h.from, h.to, h.rules), make([]byte, 0, 1200), value.Cell(h.in)
			if got := testing.AllocsPerRun(100, func() { p.Append(dst, in) }); got > h.allocs {
				t.Errorf("%v allocations, want at most %v", got, h.allocs)
			}
		})
	}
	t.Run("uuid of a key", func(t *testing.T) {
		entity, key := value.NewEntity("community", "user"), []byte("1234567")
		if got := testing.AllocsPerRun(100, func() { entity.ID(key) }); got > 0 {
			t.Errorf("%v allocations, want none", got)
		}
	})
}
