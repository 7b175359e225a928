package plan

import "testing"

func TestAPartHasSeveralUsersHoweverLightShardsAre(t *testing.T) {
	for weight, want := range map[int64]int{0: 19, 1: 1, 20: 1, 100: 6, 256: 16, 2_000: 16, 2_047: 16, 20_000: 19, 200_000: 64} {
		if got := newRoll(weight, 1).stride; got != want {
			t.Errorf("shards of %d rows: %d users a part, want %d", weight, got, want)
		}
	}
}
