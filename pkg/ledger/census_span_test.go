package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJoinedSpans(t *testing.T) {
	got := joined([]span{{0, 2}, {0, 1}, {2, 3}, {5, 9}, {6, 7}, {8, 10}, {12, 13}})
	if diff := cmp.Diff([]span{{0, 3}, {5, 10}, {12, 13}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCensusTellsWhoWaitsForAShard(t *testing.T) {
	var c Census
	window := []Cell{{Hashes: []int64{1, 2}}, {Hashes: []int64{3}}, {Hashes: []int64{4}}, {Hashes: []int64{5}}}
	c.compare(window, 7, []int64{2, 9}, []span{{0, 8}, {9, 10}, {20, 30}}) // cells 7 and 9 are open
	if diff := cmp.Diff(Census{Planned: 5, Appeared: -1, Pending: 2, Vanished: 2}, c); diff != "" {
		t.Error(diff)
	}
}
