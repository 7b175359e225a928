package keyspace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRangeString(t *testing.T) {
	t.Run("no bound is shown", rapid.MakeCheck(func(t *rapid.T) {
		column := rapid.StringMatching(`[0-9#@]{3,8}`)
		r := Range{After: Key{column.Draw(t, "after")}, Through: Key{column.Draw(t, "through")}}
		if got := fmt.Sprintf("%v %s %v", r, r, Cell{Range: r}.Range); got != "(bound, bound] (bound, bound] (bound, bound]" {
			t.Fatal(got)
		}
	}))
	t.Run("an open end is told from a bound", func(t *testing.T) {
		for want, r := range map[string]Range{
			"(open, open]":   {},
			"(bound, open]":  {After: Key{""}},
			"(open, bound]":  {Through: Key{"7"}},
			"(bound, bound]": {After: Key{"7"}, Through: Key{"8"}},
		} {
			if got := r.String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestChain(t *testing.T) {
	t.Run("any cuts tile the whole, one range more than there are cuts", rapid.MakeCheck(func(t *rapid.T) {
		ends := rapid.SliceOf(keys).Draw(t, "cuts")
		chain := Chain(ends)
		if len(chain) != len(ends)+1 {
			t.Fatalf("%d cuts make %d ranges", len(ends), len(chain))
		}
		if err := CheckChain(chain); err != nil {
			t.Fatal(err)
		}
		for i, cut := range ends {
			if !slices.Equal(chain[i].Through, cut) {
				t.Fatalf("range %d ends at %q, want %q", i, chain[i].Through, cut)
			}
		}
	}))
	t.Run("a range that is lost, doubled or swapped is found", rapid.MakeCheck(func(t *rapid.T) {
		chain := Chain(cuts(rapid.IntRange(1, 30).Draw(t, "cuts")))
		at := rapid.IntRange(0, len(chain)-1).Draw(t, "at")
		if err := CheckChain(slices.Delete(slices.Clone(chain), at, at+1)); err == nil {
			t.Fatal("lost, and nobody notices")
		}
		if err := CheckChain(slices.Insert(slices.Clone(chain), at, chain[at])); err == nil {
			t.Fatal("doubled, and nobody notices")
		}
		if at > 0 {
			swapped := slices.Clone(chain)
			swapped[at-1], swapped[at] = chain[at], chain[at-1]
			if err := CheckChain(swapped); err == nil {
				t.Fatal("swapped, and nobody notices")
			}
		}
	}))
}

func TestCheckTiles(t *testing.T) {
	a, b, c := Key{"a"}, Key{"b"}, Key{"c"}
	for name, test := range map[string]struct {
		whole Range
		parts []Range
		want  string // empty for no error
	}{
		"the range itself tiles it":            {Range{a, c}, []Range{{a, c}}, ""},
		"two halves tile it":                   {Range{a, c}, []Range{{a, b}, {b, c}}, ""},
		"no part tiles nothing":                {Range{a, c}, nil, "no range covers the keyspace"},
		"a gap is found":                       {Range{nil, nil}, []Range{{nil, a}, {b, nil}}, "range 2 does not start where range 1 ends"},
		"an open end within is found":          {Range{nil, nil}, []Range{{nil, nil}, {nil, nil}}, "range 2 does not start where range 1 ends"},
		"a late start is found":                {Range{nil, c}, []Range{{a, c}}, "range 1 does not start where the whole starts"},
		"an early end is found":                {Range{a, nil}, []Range{{a, b}, {b, c}}, "range 2 does not end where the whole ends"},
		"a part that goes too far is found":    {Range{a, c}, []Range{{a, nil}}, "range 1 does not end where the whole ends"},
		"a key without columns is no open end": {Range{a, nil}, []Range{{a, Key{}}}, "range 1 does not end where the whole ends"},
		"no open end is a key without columns": {Range{nil, a}, []Range{{Key{}, a}}, "range 1 does not start where the whole starts"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckTiles(test.whole, test.parts)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

var grids = rapid.Custom(func(t *rapid.T) []Cell {
	counts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Cell {
		users := rapid.SampledFrom([]int64{0, 0, 1, 2, 5}).Draw(t, "users")
		return Cell{Users: users, Weight: users * rapid.Int64Range(1, 12).Draw(t, "each")}
	}), 1, 40).Draw(t, "cells")
	for i, r := range Chain(cuts(len(counts) - 1)) {
		counts[i].Range = r
	}
	return counts
})

func TestGather(t *testing.T) {
	t.Run("spans tile the cells in their order, and their sums are the cells'", rapid.MakeCheck(func(t *rapid.T) {
		cells, weight := grids.Draw(t, "cells"), rapid.Int64Range(1, 60).Draw(t, "weight")
		next := 0
		var ranges []Range
		for _, span := range Gather(cells, weight) {
			if span.First != next || span.Limit <= span.First {
				t.Fatalf("span %+v does not follow cell %d", span, next)
			}
			next = span.Limit
			var users, sum int64
			for _, cell := range cells[span.First:span.Limit] {
				users, sum = users+cell.Users, sum+cell.Weight
			}
			if users != span.Users || sum != span.Weight {
				t.Fatalf("span %+v holds %d users and %d rows", span, users, sum)
			}
			ranges = append(ranges, span.RangeOf(cells))
		}
		if next != len(cells) {
			t.Fatalf("%d of %d cells are in a span", next, len(cells))
		}
		if err := CheckChain(ranges); err != nil {
			t.Fatal(err)
		}
	}))
	t.Run("only a cell that is too heavy by itself makes a span that is", rapid.MakeCheck(func(t *rapid.T) {
		cells, weight := grids.Draw(t, "cells"), rapid.Int64Range(1, 60).Draw(t, "weight")
		for _, span := range Gather(cells, weight) {
			populated := 0
			for _, cell := range cells[span.First:span.Limit] {
				populated += min(1, int(cell.Users))
			}
			if span.Weight > weight && populated > 1 {
				t.Fatalf("%d cells with users in %+v", populated, span)
			}
		}
	}))
	t.Run("no span is without users, unless there are none at all", rapid.MakeCheck(func(t *rapid.T) {
		spans := Gather(grids.Draw(t, "cells"), rapid.Int64Range(1, 60).Draw(t, "weight"))
		for _, span := range spans {
			if span.Users == 0 && len(spans) > 1 {
				t.Fatalf("%+v of %d spans", span, len(spans))
			}
		}
	}))
	t.Run("no two neighbours would fit into one", rapid.MakeCheck(func(t *rapid.T) {
		cells, weight := grids.Draw(t, "cells"), rapid.Int64Range(1, 60).Draw(t, "weight")
		spans := Gather(cells, weight)
		for i := 1; i < len(spans); i++ {
			if spans[i-1].Weight+cells[spans[i].First].Weight <= weight {
				t.Fatalf("cell %d fits into %+v", spans[i].First, spans[i-1])
			}
		}
	}))
	t.Run("no cell makes no span", func(t *testing.T) {
		if spans := Gather(nil, 10); spans != nil {
			t.Errorf("got %v", spans)
		}
	})
}
