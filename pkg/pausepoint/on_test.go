//go:build pausepoints

package pausepoint

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// reached passes the point in a goroutine, and returns the file that says so and what ends when the goroutine goes on.
func reached(t *testing.T, at string, points ...string) (file string, gone chan struct{}) {
	t.Helper()
	passed.Store(0)
	file = filepath.Join(t.TempDir(), "reached")
	t.Setenv("REHOME_PAUSE_AT", at)
	t.Setenv("REHOME_PAUSE_FILE", file)
	gone = make(chan struct{})
	go func() {
		defer close(gone)
		for _, point := range points {
			At(point)
		}
	}()
	return file, gone
}

// stopped waits until the goroutine says that it has stopped, and lets it go on.
func stopped(t *testing.T, file string, gone chan struct{}) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-gone:
			t.Fatal("nobody stopped")
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-look.C:
		}
		if said, err := os.ReadFile(file); err == nil && len(said) > 0 {
			break
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	<-gone
}

func TestAt(t *testing.T) {
	t.Run("who reaches the point stops, and goes on when the file is removed", func(t *testing.T) {
		file, gone := reached(t, "written", "begun", "written")
		stopped(t, file, gone)
	})
	t.Run("the third time is the third", func(t *testing.T) {
		file, gone := reached(t, "written:3", "written", "begun", "written", "written", "written")
		stopped(t, file, gone)
		if got := passed.Load(); got != 4 {
			t.Errorf("passed %d times", got)
		}
	})
	t.Run("no other point stops anybody", func(t *testing.T) {
		for _, at := range []string{"written", "", "written:2"} {
			file, gone := reached(t, at, "begun", "writ", "committed")
			<-gone
			if _, err := os.Stat(file); err == nil {
				t.Errorf("%s: somebody stopped", at)
			}
		}
	})
}

func TestWait(t *testing.T) {
	t.Setenv("REHOME_WAIT_FROZEN", "20ms")
	t.Setenv("REHOME_WAIT_REAPED", "soon")
	for name, want := range map[string]time.Duration{"frozen": 20 * time.Millisecond, "reaped": time.Minute, "other": time.Minute} {
		if got := Wait(name, time.Minute); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
