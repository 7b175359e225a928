package aggregator

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"rehome/pkg/report"
)

const (
	plainEvery = 10 * time.Second       // how often a view that is no terminal says something
	drawEvery  = 200 * time.Millisecond // how often a terminal is drawn at most
)

// A View shows progress to a person: on a terminal a block of lines that is drawn again in its place, else a plain line now and then, and what has
// changed of controls, gates and dead shards at once. Its methods may be called concurrently.
type View struct {
	mu    sync.Mutex
	out   io.Writer
	size  func() (width, height int) // of the terminal; nil where there is none
	meter report.Meter
	last  time.Time // when something was shown last

	block  []string         // what stands on the terminal
	newest *report.Progress // what is to stand there, if it was held back

	held     string // the newest plain line, if it was held back
	previous string // the plain line before it
	state    string // that of the previous line
	notes    []string
	loaded   bool
}

// NewView returns a view that writes to the file. The caller closes it.
func NewView(out *os.File) *View {
	v := &View{out: out}
	if fd := int(out.Fd()); term.IsTerminal(fd) {
		v.size = func() (width, height int) {
			width, height, err := term.GetSize(fd)
			if err != nil || width < 20 || height < 2 {
				return 80, 24
			}
			return width, height
		}
	}
	return v
}

// Show shows how far the run has come.
func (v *View) Show(p report.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	v.meter.Add(p, now)
	notes := p.Notes()
	news := v.state != p.State || !slices.Equal(notes, v.notes)
	if v.size == nil {
		v.say(p, notes, news, now)
	} else {
		v.newest = &p
		if news || now.Sub(v.last) >= drawEvery {
			v.draw(now)
		}
	}
	v.state, v.notes = p.State, notes
}

// say writes what there is to say where nothing can be drawn again. What cannot be shown stops nothing.
func (v *View) say(p report.Progress, notes []string, news bool, now time.Time) {
	line := printable(v.meter.Line(p))
	ended := p.Loaded() && !v.loaded
	v.loaded, v.held = p.Loaded(), ""
	switch {
	case line == v.previous && !news:
		return
	case !news && !ended && now.Sub(v.last) < plainEvery:
		v.held = line
		return
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, line)
	for _, note := range notes {
		if !slices.Contains(v.notes, note) {
			fmt.Fprintf(&b, "%s %s\n", p.Migration, printable(note))
		}
	}
	v.last, v.previous = now, line
	_, _ = v.out.Write(b.Bytes())
}

// draw puts the newest sight in the place of what stands on the terminal, which it erases only where the new text is shorter.
func (v *View) draw(now time.Time) {
	width, height := v.size()
	lines := fit(v.meter.Lines(*v.newest, width-1), height-1)
	var b bytes.Buffer
	b.WriteString(up(len(v.block)))
	for i, line := range lines {
		lines[i] = clip(printable(line), width-1)
		b.WriteString(lines[i] + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	v.block, v.newest, v.last = lines, nil, now
	_, _ = v.out.Write(b.Bytes()) // what cannot be shown stops nothing
}

// Write writes what others have to say above the block, such as lines of a log.
func (v *View) Write(text []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.block) == 0 {
		return v.out.Write(text)
	}
	if _, err := io.WriteString(v.out, up(len(v.block))+"\x1b[J"); err != nil {
		return 0, err
	}
	n, err := v.out.Write(text)
	_, _ = io.WriteString(v.out, strings.Join(v.block, "\n")+"\n")
	return n, err
}

// Close shows what was held back. What stands on a terminal stays there.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.newest != nil {
		v.draw(time.Now())
	}
	if v.held != "" {
		_, _ = fmt.Fprintln(v.out, v.held) // what cannot be shown stops nothing
	}
	v.block, v.held = nil, ""
}

// up moves to the beginning of the line so many lines above.
func up(lines int) string {
	if lines == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", lines)
}

// fit leaves out what a terminal has no room for: lines behind the first, as what holds a run up comes last.
func fit(lines []string, height int) []string {
	if len(lines) <= height {
		return slices.Clone(lines)
	}
	return append([]string{lines[0]}, lines[len(lines)-height+1:]...)
}

// printable leaves out what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// clip cuts a line to the terminal's width.
func clip(line string, width int) string {
	for i, r := range line {
		if width -= cells(r); width < 0 {
			return line[:i]
		}
	}
	return line
}

// cells is how many columns a letter takes: a line that is wider than the terminal would be two, and be drawn in the wrong place.
func cells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1F000, unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0xFF01 && r <= 0xFF60:
		return 2
	}
	return 1
}
