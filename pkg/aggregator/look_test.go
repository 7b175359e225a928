package aggregator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSumsThatAreOldAreAskedForAgainWhenAWaveHasEnded(t *testing.T) {
	t.Parallel()
	users := [][]string{{"1", "2"}, {"3", "4"}, nil}
	for _, tt := range []struct {
		name  string
		order []int // of the shards 0 and 1, of the first wave, and 2
		done  []int // as it is seen at first, and after each of them
	}{
		{"when the first has ended, and when all have", []int{0, 1, 2}, []int{0, 0, 2, 3}},
		{"when all have ended at once", []int{2, 0, 1}, []int{0, 0, 0, 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			l := Looker{Ledger: b.Ledger, Name: "community", Every: time.Hour}
			done := func() (done int) {
				t.Helper()
				m, err := b.Load(t.Context(), "community")
				b.must(err)
				sight, err := l.Look(t.Context(), m)
				b.must(err)
				for _, w := range sight.Waves {
					done += w.Done
				}
				return done
			}
			got := []int{done()}
			for _, ordinal := range tt.order {
				b.move(ordinal, users[ordinal]...)
				got = append(got, done())
			}
			if diff := cmp.Diff(tt.done, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
