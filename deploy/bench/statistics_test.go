package bench

import (
	"math"
	"slices"
	"testing"
)

// A middle is a median, and the two numbers between which it lies with 95 % or more of certainty, whatever the numbers are distributed like: too many or too few
// of them would else have fallen on one side. Of fewer than six numbers that is not known, and the two are their extremes.
type middle struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// median is the middle of some numbers; of none it is no number.
func median(of []float64) middle {
	sorted, n := slices.Sorted(slices.Values(of)), len(of)
	if n == 0 {
		return middle{math.NaN(), math.NaN(), math.NaN()}
	}
	rank, chance, below := 0, 1.0, 0.0 // chance of rank of n coins
	for range n {
		chance /= 2
	}
	for below+chance <= 0.025 {
		below += chance
		rank++
		chance = chance * float64(n-rank+1) / float64(rank)
	}
	rank = max(rank, 1)
	return middle{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[rank-1], sorted[n-rank]}
}

// over is the middle of what the one is of the other, round by round: what else the machine did in a round has hit both.
func over(one, other []float64) middle {
	var shares []float64
	for i := range min(len(one), len(other)) {
		shares = append(shares, one[i]/other[i])
	}
	return median(shares)
}

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		of   []float64
		want middle
	}{
		"one number is its own":                            {[]float64{7}, middle{7, 7, 7}},
		"of an even number it is halfway":                  {[]float64{4, 1, 2, 3}, middle{2.5, 1, 4}},
		"five have their extremes":                         {[]float64{5, 1, 4, 2, 3}, middle{3, 1, 5}},
		"six are enough for an interval of 95 %":           {[]float64{6, 5, 1, 4, 2, 3}, middle{3.5, 1, 6}},
		"ten leave out their first and their last":         {[]float64{10, 9, 8, 7, 6, 1, 2, 3, 4, 5}, middle{5.5, 2, 9}},
		"one that is far off moves nothing but an extreme": {[]float64{1, 2, 3, 4, 1000}, middle{3, 1, 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := median(c.of); got != c.want {
				t.Errorf("median(%v) = %v, want %v", c.of, got, c.want)
			}
		})
	}
	t.Run("none has none", func(t *testing.T) {
		if got := median(nil); !math.IsNaN(got.Median) {
			t.Errorf("median of nothing = %v", got)
		}
	})
}

func TestOver(t *testing.T) {
	t.Run("compares what was measured in one round", func(t *testing.T) {
		// By the medians alone it would be 3, since the second round was slow for both.
		if got, want := over([]float64{2, 40, 6}, []float64{1, 20, 2}), (middle{2, 2, 3}); got != want {
			t.Errorf("over = %v, want %v", got, want)
		}
	})
	t.Run("is no number where one was not measured", func(t *testing.T) {
		if got := over([]float64{1}, nil); !math.IsNaN(got.Median) {
			t.Errorf("over = %v", got)
		}
	})
}
