package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCensusBy(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "17"}, "1")
	taken, err := b.TakeCensus(t.Context(), "m")
	if err != nil {
		t.Fatal(err)
	}
	by := func(t *testing.T, taken *CensusAsOf, want Census) {
		t.Helper()
		got, err := b.CensusBy(t.Context(), "m", taken)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	marked := &CensusAsOf{Census{Planned: 99}, taken.snapshot} // by which it is known again
	t.Run("one that was taken holds while no shard ends", func(t *testing.T) {
		by(t, taken, Census{Planned: 4, Tried: 2, Appeared: 1, Pending: 3})
		by(t, marked, marked.Census)
	})
	t.Run("where none was taken one is", func(t *testing.T) { by(t, nil, taken.Census) })
	t.Run("it does not hold when a shard has ended since", func(t *testing.T) {
		book := b.begin(conn, b.claim(conn, id(m, 2), Claimed)) // whose transaction is older than the next census
		o, _ := outcome([]string{"4"})
		if err := book.Close(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		again, err := b.TakeCensus(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := Census{Planned: 4, Tried: 3, Appeared: 1, Pending: 1, Vanished: 1}
		by(t, marked, now)
		by(t, again, now)
	})
}
