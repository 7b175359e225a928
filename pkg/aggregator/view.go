package aggregator

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"rehome/pkg/report"
)

// plainEvery is how often a view that is no terminal says something.
const plainEvery = 10 * time.Second

// A View shows progress to a person: one line that is redrawn on a terminal, else a plain line now and then. Its methods may be
// called concurrently.
type View struct {
	mu       sync.Mutex
	out      io.Writer
	width    func() int // of the terminal; nil where there is none
	meter    report.Meter
	last     time.Time
	shown    string // the line that stands on the terminal; elsewhere the newest, if it was held back
	previous string
}

// NewView returns a view that writes to the file. The caller closes it.
func NewView(out *os.File) *View {
	v := &View{out: out}
	if fd := int(out.Fd()); term.IsTerminal(fd) {
		v.width = func() int {
			width, _, err := term.GetSize(fd)
			if err != nil || width < 20 {
				return 80
			}
			return width
		}
	}
	return v
}

// Show shows how far the run has come.
func (v *View) Show(p report.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	line := v.meter.Line(p, now)
	if v.width == nil {
		v.shown = ""
		switch {
		case line == v.previous:
		case now.Sub(v.last) >= plainEvery || p.Loaded():
			v.last, v.previous = now, line
			_, _ = fmt.Fprintln(v.out, line) // progress that cannot be shown stops nothing
		default:
			v.shown = line
		}
		return
	}
	if runes, cut := []rune(line), v.width()-1; len(runes) > cut {
		line = string(runes[:cut])
	}
	v.shown = line
	_, _ = fmt.Fprintf(v.out, "\r\x1b[K%s", line) // as above
}

// Close ends the line that stands on a terminal, and says elsewhere what was held back.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shown == "" {
		return
	}
	last := ""
	if v.width == nil {
		last = v.shown
	}
	_, _ = fmt.Fprintln(v.out, last) // as above
	v.shown = ""
}
