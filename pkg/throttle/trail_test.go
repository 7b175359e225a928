package throttle

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTrail(t *testing.T) {
	start := time.Unix(1e9, 0)
	behind := func(t *testing.T, trail *Trail[int], second, at, reached int, want time.Duration) {
		t.Helper()
		got, err := trail.Behind(start.Add(time.Duration(second)*time.Second), at, func(p int) (bool, error) { return p <= reached, nil })
		if err != nil || got != want {
			t.Errorf("after %d s: %s, %v, want %s", second, got, err, want)
		}
	}
	t.Run("a follower that stands still is behind since the first position that it has not", func(t *testing.T) {
		var trail Trail[int]
		behind(t, &trail, 0, 10, 10, 0)
		behind(t, &trail, 5, 11, 10, 0)
		behind(t, &trail, 6, 12, 10, time.Second)
		behind(t, &trail, 60, 12, 10, 55*time.Second)
		behind(t, &trail, 61, 12, 11, 55*time.Second)
		behind(t, &trail, 62, 12, 12, 0)
	})
	t.Run("nobody is behind while nothing happens", func(t *testing.T) {
		var trail Trail[int]
		behind(t, &trail, 0, 10, 10, 0)
		behind(t, &trail, 3600, 10, 10, 0)
	})
	t.Run("who is behind from the start is so since then", func(t *testing.T) {
		var trail Trail[int]
		behind(t, &trail, 0, 10, 3, 0)
		behind(t, &trail, 7, 10, 9, 7*time.Second)
	})
	t.Run("an error forgets nothing", func(t *testing.T) {
		var trail Trail[int]
		behind(t, &trail, 0, 10, 3, 0)
		if _, err := trail.Behind(start.Add(time.Second), 11, func(int) (bool, error) { return false, errors.New("gone") }); err == nil {
			t.Error("no error")
		}
		behind(t, &trail, 2, 11, 10, time.Second)
	})
}

func TestATrailIsBoundedAndHardlyLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var trail Trail[int]
		lag := rapid.IntRange(0, 3*maxMarks).Draw(t, "seconds behind")
		start := time.Unix(1e9, 0)
		for second := range 8 * maxMarks {
			got, err := trail.Behind(start.Add(time.Duration(second)*time.Second), second, func(p int) (bool, error) { return p <= second-lag, nil })
			want := time.Duration(max(0, min(lag-1, second))) * time.Second
			if late := want - got; err != nil || late < 0 || late > want/2+time.Second {
				t.Fatalf("after %d s, %d s behind: %s, %v", second, lag, got, err)
			}
			if len(trail.marks) > maxMarks+1 {
				t.Fatalf("%d marks", len(trail.marks))
			}
		}
	})
}
