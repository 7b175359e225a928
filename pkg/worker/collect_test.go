package worker

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestCollectLess(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	t.Setenv("GOGC", "") // to be set back
	if err := os.Unsetenv("GOGC"); err != nil {
		t.Fatal(err)
	}
	before := percent()
	back := collectLess()
	if got := percent(); got != garbagePercent {
		t.Errorf("%d percent of garbage", got)
	}
	back()
	if got := percent(); got != before {
		t.Errorf("%d percent of garbage afterwards, %d before", got, before)
	}
	t.Setenv("GOGC", "70")
	defer collectLess()()
	if got := percent(); got != before {
		t.Errorf("%d percent of garbage, whatever the operator says", got)
	}
}
