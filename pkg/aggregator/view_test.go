package aggregator

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
	t.Run("what has changed of controls, gates and dead shards is said at once, and once", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out}
		v.Show(moved(0))
		p := moved(10)
		p.State, p.Controls.Paused, p.Shards.Dead = "paused", "backup", 1
		v.Show(p)
		p.Rows++
		v.Show(p)
		resumed := moved(20)
		resumed.Shards.Dead = 1
		v.Show(resumed)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		want := []string{
			"community loading wave Früh  0.0%  users 0/0  rows 0  shards 0/10",
			"community paused wave Früh  10.0%  users 0/0  rows 10  shards 1/10 (1 dead)",
			"community dead: 1 shard is dead: producer dead list tells why",
			"community paused: since 0001-01-01 00:00:00 UTC: backup; producer resume goes on",
			"community loading wave Früh  20.0%  users 0/0  rows 20  shards 2/10 (1 dead)",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("when all is loaded it does not speak more often", func(t *testing.T) {
		var out bytes.Buffer
		v := &View{out: &out}
		for busy := range 5 {
			p := moved(100)
			p.Workers = report.Workers{Alive: 1, Slots: 9, Busy: busy}
			v.Show(p)
		}
		if got := strings.Count(out.String(), "\n"); got != 1 {
			t.Errorf("%d lines:\n%s", got, out.String())
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

// A screen is what a terminal of 28 columns and some lines shows of what is written to it, as far as a View goes.
type screen struct {
	lines  []string
	y, x   int
	writes int
}

func (s *screen) Write(text []byte) (int, error) {
	s.writes++
	for rest := []rune(string(text)); len(rest) > 0; rest = rest[1:] {
		for len(s.lines) <= s.y {
			s.lines = append(s.lines, "")
		}
		switch rest[0] {
		case '\r':
			s.x = 0
		case '\n':
			s.y, s.x = s.y+1, 0
		case '\x1b':
			end := slices.IndexFunc(rest, func(r rune) bool { return r >= 'A' && r <= 'Z' })
			s.obey(string(rest[2:end]), rest[end])
			rest = rest[end:]
		default:
			line := append([]rune(s.lines[s.y]), ' ')
			line[s.x] = rest[0]
			s.lines[s.y] = string(line[:max(s.x+1, len(line)-1)])
			s.x++
		}
	}
	return len(text), nil
}

func (s *screen) obey(n string, command rune) {
	switch command {
	case 'A':
		up, _ := strconv.Atoi(n)
		s.y = max(0, s.y-up)
	case 'K', 'J':
		s.lines[s.y] = string([]rune(s.lines[s.y])[:s.x])
		if command == 'J' {
			s.lines = s.lines[:s.y+1]
		}
	}
}

func (s *screen) shows(t *testing.T, want string) {
	t.Helper()
	if diff := cmp.Diff(want, strings.TrimRight(strings.Join(s.lines, "\n"), "\n")); diff != "" {
		t.Errorf("the terminal shows (-want +got):\n%s", diff)
	}
}

func terminal(width, height int) (*View, *screen) {
	var s screen
	return &View{out: &s, size: func() (int, int) { return width, height }}, &s
}

func TestTerminalView(t *testing.T) {
	t.Run("a block is drawn again in its place, each line cut to the terminal between two letters", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, s := terminal(28, 24)
			v.Show(moved(10))
			time.Sleep(time.Second) //nolint:forbidigo // of the bubble's clock, which does not wait
			v.Show(moved(20))
			s.shows(t, "community loading wave Früh\n  rows     20.0%  20 of 100\n  users    0.0%  0 of 0\n  shards   2 of 10 done\n  rate     10 rows/s, how\n           long it takes is\n           not known yet\n  so far   clean\n  workers  none is alive")
			p := moved(30)
			p.Step, p.State = "closing counts", "settling"
			v.Show(p)
			s.shows(t, "community settling  closing")
			v.Close()
			v.Close()
			s.shows(t, "community settling  closing")
		})
	})
	t.Run("letters that take two columns, and some that take none, do not break a line", func(t *testing.T) {
		v, s := terminal(28, 24)
		p := moved(10)
		p.Migration, p.Wave = "cafe\u0301", "東京から来た人々のための波"
		v.Show(p)
		if got := s.lines[0]; got != "cafe\u0301 loading wave 東京から" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a terminal with few lines shows what matters most", func(t *testing.T) {
		v, s := terminal(100, 4)
		p := moved(10)
		p.Controls.Paused = "backup"
		v.Show(p)
		s.shows(t, "community loading wave Früh\n  rows    [##......................]  10.0%  10 of 100\n  paused  since 0001-01-01 00:00:00 UTC: backup; producer resume goes on")
	})
	t.Run("lines of a log stand above the block", func(t *testing.T) {
		v, s := terminal(28, 24)
		log := "a line that is longer than the terminal is wide\n"
		if _, err := io.WriteString(v, log); err != nil {
			t.Fatal(err)
		}
		p := moved(10)
		p.Step = "closing counts"
		v.Show(p)
		if n, err := io.WriteString(v, "another\n"); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		v.Close()
		if _, err := io.WriteString(v, "behind it\n"); err != nil {
			t.Fatal(err)
		}
		s.shows(t, log+"another\ncommunity loading  closing \nbehind it")
	})
	t.Run("what a terminal would obey is not written to it", func(t *testing.T) {
		v, s := terminal(120, 24)
		p := moved(10)
		p.Step, p.Controls.Paused = "closing", "\x1b]0;title\a\x1b[2Jbackup\u202e"
		v.Show(p)
		s.shows(t, "community loading  closing\n  paused  since 0001-01-01 00:00:00 UTC:  ]0;title  [2Jbackup ; producer resume goes on")
	})
	t.Run("however often it is told, it draws five times a second, the last sight and news at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v, s := terminal(80, 24)
			for range 100 {
				v.Show(moved(10))
				time.Sleep(10 * time.Millisecond) //nolint:forbidigo // as above
			}
			if s.writes > 6 {
				t.Errorf("%d times in a second", s.writes)
			}
			before := s.writes
			p := moved(10)
			p.Shards.Dead = 1
			v.Show(p)
			if s.writes != before+1 {
				t.Error("a dead shard is held back")
			}
			v.Show(moved(70))
			v.Close()
			if !strings.Contains(s.lines[1], "70 of 100") {
				t.Errorf("the last is not shown: %q", s.lines)
			}
		})
	})
	t.Run("a terminal that was made narrower is drawn over as it has broken the lines", func(t *testing.T) {
		width := 60
		var s screen
		v := &View{out: &s, size: func() (int, int) { return width, 24 }}
		v.Show(moved(10))
		var broken []string // as a terminal of 30 columns shows them
		for _, line := range s.lines[:len(v.block)] {
			for runes := []rune(line); ; runes = runes[30:] {
				broken = append(broken, string(runes[:min(30, len(runes))]))
				if len(runes) <= 30 {
					break
				}
			}
		}
		s.lines, s.y, width = append([]string{"a line of a log"}, append(broken, "")...), 1+len(broken), 30
		p := moved(10)
		p.Step = "closing counts"
		v.state = "" // news
		v.Show(p)
		s.shows(t, "a line of a log\ncommunity loading  closing co")
	})
	t.Run("colours are for labels alone, and only where they are wanted", func(t *testing.T) {
		for _, color := range []bool{true, false} {
			var out bytes.Buffer
			v := &View{out: &out, color: color, size: func() (int, int) { return 80, 24 }}
			p := moved(10)
			p.Shards.Dead = 1
			v.Show(p)
			if got := strings.Contains(out.String(), "\x1b[31m  dead\x1b[0m     1 shard"); got != color {
				t.Errorf("colours %v: %q", color, out.String())
			}
			if !color && regexp.MustCompile("\x1b\\[[0-9]+m").MatchString(out.String()) {
				t.Errorf("colours though none are wanted: %q", out.String())
			}
		}
	})
	t.Run("a view that showed nothing ends without a line", func(t *testing.T) {
		v, s := terminal(80, 24)
		v.Close()
		if s.writes > 0 {
			t.Errorf("got %q", s.lines)
		}
	})
}
