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

	newest *report.Progress // what is to be shown, if it was held back

	color bool
	block []string // what stands on the terminal, as it is read
	drawn string   // and as it was written

	previous string // the plain line that was said last
	state    string // that of the previous line
	notes    []string
	loaded   bool
}

// NewView returns a view that writes to the file. The caller closes it. A terminal that cannot draw in place (TERM=dumb) is treated as none; colours are used unless NO_COLOR
// is set, and mean nothing that is not said.
func NewView(out *os.File) *View {
	v := &View{out: out}
	kind := os.Getenv("TERM")
	if fd := int(out.Fd()); term.IsTerminal(fd) && kind != "" && kind != "dumb" {
		v.color = os.Getenv("NO_COLOR") == ""
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
	ended := p.Loaded() && !v.loaded
	v.loaded, v.newest = p.Loaded(), nil
	if !news && !ended && now.Sub(v.last) < plainEvery {
		v.newest = &p
		return
	}
	line := printable(v.meter.Line(p))
	if line == v.previous && !news {
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
	lines := v.meter.Block(*v.newest, width-1, height-1)
	var b, drawn bytes.Buffer
	b.WriteString(up(rowsOf(v.block, width)))
	v.block = v.block[:0]
	for _, line := range lines {
		text := clip(printable(line.Text), width-1)
		v.block = append(v.block, text)
		drawn.WriteString(v.painted(line, text) + "\x1b[K\n")
	}
	b.Write(drawn.Bytes())
	b.WriteString("\x1b[J")
	v.drawn, v.newest, v.last = drawn.String(), nil, now
	_, _ = v.out.Write(b.Bytes()) // what cannot be shown stops nothing
}

// paint are the terminal's own colours of what a label may mean.
var paint = map[report.Tone]string{report.Good: "32", report.Warning: "33", report.Bad: "31"}

// painted gives a line's label its colour, and what is strong its weight.
func (v *View) painted(line report.Line, text string) string {
	if !v.color {
		return text
	}
	if line.Strong {
		return "\x1b[1m" + text + "\x1b[0m"
	}
	code, toned := paint[line.Tone]
	if !toned || line.Label > len(text) {
		return text
	}
	return "\x1b[" + code + "m" + text[:line.Label] + "\x1b[0m" + text[line.Label:]
}

// Write writes what others have to say above the block, such as lines of a log.
func (v *View) Write(text []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.block) == 0 {
		return v.out.Write(text)
	}
	width, _ := v.size()
	var b bytes.Buffer
	b.WriteString(up(rowsOf(v.block, width)) + "\x1b[J")
	b.Write(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString(v.drawn)
	if _, err := v.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Close shows what was held back. What stands on a terminal stays there.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.newest == nil:
	case v.size != nil:
		v.draw(time.Now())
	default:
		if line := printable(v.meter.Line(*v.newest)); line != v.previous {
			_, _ = fmt.Fprintln(v.out, line) // what cannot be shown stops nothing
		}
	}
	v.block, v.drawn, v.newest = nil, "", nil
}

// up moves to the beginning of the line so many lines above.
func up(lines int) string {
	if lines == 0 {
		return "\r"
	}
	return fmt.Sprintf("\r\x1b[%dA", lines)
}

// rowsOf is how many rows of a terminal the lines take, which may have been narrower when they were written: most terminals break them anew then.
func rowsOf(lines []string, width int) (rows int) {
	for _, line := range lines {
		wide := 0
		for _, r := range line {
			wide += cells(r)
		}
		rows += max(1, (wide+width-1)/width)
	}
	return rows
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
