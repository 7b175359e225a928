//go:build !pausepoints

package pausepoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestShipped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reached")
	t.Setenv("REHOME_PAUSE_AT", "written")
	t.Setenv("REHOME_PAUSE_FILE", file)
	t.Setenv("REHOME_WAIT_FROZEN", "1ms")
	t.Run("a point is nothing", func(t *testing.T) {
		At("written")
		if _, err := os.Stat(file); err == nil {
			t.Error("a test can stop a program as it is shipped")
		}
	})
	t.Run("a wait is what it says", func(t *testing.T) {
		if got := Wait("frozen", time.Minute); got != time.Minute {
			t.Errorf("got %s", got)
		}
	})
}
