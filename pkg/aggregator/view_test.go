package aggregator

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/report"
)

func moved(rows int64) report.Progress {
	return report.Progress{
		Migration: "community", State: "loading", Wave: "Früh", Moved: rows, Rows: rows, PlannedRows: 100,
		Shards: report.Shards{Planned: 10, Done: rows / 10},
	}
}

func TestPlainView(t *testing.T) {
	t.Run("a view that is no terminal speaks every ten seconds, and never twice the same", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			v := &View{out: &out}
			for s := range int64(25) {
				v.Show(moved(s))
				time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock, which does not wait
			}
			if got := strings.Count(out.String(), "\n"); got != 3 {
				t.Errorf("%d lines:\n%s", got, out.String())
			}
			before := out.Len()
			for range 3 {
				time.Sleep(time.Hour) //nolint:forbidigo // as above
				v.Show(moved(24))
			}
			v.Close()
			if got := strings.Count(out.String()[before:], "\n"); got != 1 {
				t.Errorf("%d lines at the end:\n%s", got, out.String())
			}
		})
	})
	t.Run("the last word is said at once, and Close adds nothing to it", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out}
		v.Show(moved(0))
		v.Show(moved(50))
		v.Show(moved(100))
		v.Close()
		v.Close()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[1], "100.0%") {
			t.Errorf("got %q", lines)
		}
	})
	t.Run("what was held back is said by Close", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out}
		v.Show(moved(0))
		v.Show(moved(50))
		v.Close()
		if !strings.Contains(out.String(), "50.0%") {
			t.Errorf("got %q", out.String())
		}
	})
	t.Run("a file is no terminal", func(t *testing.T) {
		file, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		v := NewView(file)
		v.Show(moved(10))
		v.Close()
		if body, err := os.ReadFile(file.Name()); err != nil || strings.Contains(string(body), "\x1b") || !strings.Contains(string(body), "10.0%") {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestTerminalView(t *testing.T) {
	t.Run("one line is drawn again and again, cut to the terminal between two letters", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out, width: func() int { return 28 }}
		v.Show(moved(10))
		v.Show(moved(20))
		v.Close()
		v.Close()
		want := "\r\x1b[Kcommunity loading wave Früh\r\x1b[Kcommunity loading wave Früh\n"
		if out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
	t.Run("a view that showed nothing ends without a line", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out, width: func() int { return 80 }}
		v.Close()
		if out.Len() > 0 {
			t.Errorf("got %q", out.String())
		}
	})
}
