package value_test

import (
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
	{"bigint", bigint, target("bigint"), value.Rules{}, "1234567890123", 0},
	{"boolean", tinyint, target("boolean"), value.Rules{}, "1", 0},
	{"double", double, target("double precision"), value.Rules{}, "123456.789", 0},
	{"numeric", decimals, limited("numeric", 10<<16|2+4), value.Rules{}, "12345678.90", 0},
	{"text", varchar, text, value.Rules{}, "a text of the usual length, with an é", 0},
	{"varchar trimmed", varchar, limited("character varying", 104), value.Rules{Steps: steps("trim", "empty_to_null")}, " a text of the usual length ", 0},
	{"enum by values", integer, mood, value.Rules{Values: map[string]value.Outcome{"1": out("sad"), "2": out("ok")}}, "2", 0},
	{"date", date, target("date"), value.Rules{}, "2020-02-29", 0},
	{"timestamp", datetime, wall, value.Rules{}, "2020-02-29 12:34:56", 0},
	{"timestamptz by zone", datetime, instant, value.Rules{Zone: berlin}, "2020-02-29 12:34:56", 0},
	{"uuid", varchar, target("uuid"), value.Rules{}, "2290c634-b71f-5ad5-82dc-8667044d17d8", 0},
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
			p, dst, in := compile(b, h.from, h.to, h.rules), make([]byte, 0, 256), value.Cell(h.in)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, fault := p.Append(dst, in); fault != "" {
					b.Fatal(fault)
				}
			}
		})
	}
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
			p, dst, in := compile(t, h.from, h.to, h.rules), make([]byte, 0, 256), value.Cell(h.in)
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
