package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAnAttendanceKnowsWhoeverIsOnIt(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	tried := make([]int64, 1000)
	for i := range tried {
		tried[i] = draw.Int64N(5000)
	}
	for name, change := range map[string]func(asked []int64) []int64{
		"in their order":      func(asked []int64) []int64 { return asked },
		"in another order":    func(asked []int64) []int64 { slices.Sort(asked); return asked },
		"who are others, too": func(asked []int64) []int64 { return slices.Insert(asked, 500, tried[:300]...) },
		"but for a few": func(asked []int64) []int64 {
			return slices.DeleteFunc(asked, func(int64) bool { return draw.IntN(5) == 0 })
		},
		"and some who are not there": func(asked []int64) []int64 {
			for range 500 {
				asked = slices.Insert(asked, draw.IntN(len(asked)), draw.Int64N(10_000))
			}
			return asked
		},
		"begin in the middle": func(asked []int64) []int64 { return asked[400:900] },
	} {
		t.Run("those who are asked about are they "+name, func(t *testing.T) {
			a := attendance{tried: slices.Clone(tried)}
			for _, hash := range change(slices.Clone(tried)) {
				if got, want := a.has(hash), slices.Contains(tried, hash); got != want {
					t.Fatalf("%d: %t, want %t", hash, got, want)
				}
			}
		})
	}
}
