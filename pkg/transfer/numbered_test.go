package transfer

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWhatAscendsHasNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[0-9a-c]{0,3}`), 0, 6).Draw(t, "texts")
		met := map[string]bool{}
		for _, text := range texts {
			met[text] = true
		}
		if ascending(texts) && len(met) < len(texts) {
			t.Fatalf("%q ascends", texts)
		}
	})
	for _, texts := range [][]string{nil, {"7"}, {"8", "9", "10", "11"}, {"", "a", "aa", "b"}} {
		if !ascending(texts) {
			t.Errorf("%q does not ascend", texts)
		}
	}
	for _, texts := range [][]string{{"1", "1"}, {"10", "9", "8"}, {"a", "B", "c"}, {"9", "10", "1"}} {
		if ascending(texts) {
			t.Errorf("%q ascends", texts)
		}
	}
}
