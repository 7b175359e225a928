package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A detail is one thing that an operator sees while a run is at work.
type detail struct {
	label, text string
	about       string // of several with one label, which it is
	note        string // of what it says, all that does not change by itself: news where it does
	tone        Tone
	rank        int // what there is no room for goes by it, the highest first
}

// A Tone is how a line is meant. What it means stands in its text, too.
type Tone int

// The tones.
const (
	Plain   Tone = iota
	Good         // as it should be
	Warning      // somebody should look
	Bad          // somebody has to look
)

// A Line is one line of a terminal. The first letters of its text, as many as Label says, name what it is about.
type Line struct {
	Text   string
	Label  int
	Tone   Tone // of the label
	Strong bool
}

// Notes returns what has to be told as soon as it changes, where there is no place for a block that is drawn again and again: controls, gates, dead shards.
func (p *Progress) Notes() []string {
	var notes []string
	for _, r := range append(p.waves(), p.controls()...) {
		if r.note != "" {
			notes = append(notes, strings.TrimSpace(r.label+" "+r.about)+": "+r.note)
		}
	}
	return notes
}

// fit writes the head and each detail, on further lines where it is wider than so many columns. Where that has too many lines each detail has one, and where that is not
// enough either, those of the highest rank go.
func fit(head Line, details []detail, width, height int) []Line {
	room := height - 1
	lines := block(details, width, false)
	if len(lines) > room {
		lines = block(details, width, true)
	}
	for len(lines) > max(0, room) {
		details = slices.Delete(slices.Clone(details), least(details), least(details)+1)
		lines = block(details, width, true)
	}
	return append([]Line{head}, lines...)
}

// least is the last of the details that matter least.
func least(details []detail) (at int) {
	for i, d := range details {
		if d.rank >= details[at].rank {
			at = i
		}
	}
	return at
}

// block writes each detail on a line of its own, and on further ones, unless it is to have one alone, where it is wider than so many columns.
func block(details []detail, width int, one bool) (lines []Line) {
	label := 0
	for _, d := range details {
		label = max(label, utf8.RuneCountInString(d.label))
	}
	for _, d := range details {
		head := "  " + d.label + strings.Repeat(" ", label-utf8.RuneCountInString(d.label)) + "  "
		text := d.text
		if d.about != "" {
			text = d.about + ": " + text
		}
		for i, line := range wrap(text, width-label-4) {
			if i == 0 {
				lines = append(lines, Line{Text: head + line, Label: len("  " + d.label), Tone: d.tone})
			} else if one {
				lines[len(lines)-1].Text += " …"
				break
			} else {
				lines = append(lines, Line{Text: strings.Repeat(" ", label+4) + line})
			}
		}
	}
	return lines
}

// wrap breaks a text between its words into lines of so many letters. A word that is longer has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// soFar is the verdict as it would be if the rest went well.
func (p *Progress) soFar() detail {
	var open []string
	if n := p.Users.Quarantined; n > 0 {
		open = append(open, plural(n, "user is", "users are")+" quarantined")
	}
	if n := p.Shards.Dead; n > 0 {
		open = append(open, plural(n, "shard is", "shards are")+" dead")
	}
	if len(open) == 0 {
		return detail{label: "so far", text: "clean", tone: Good, rank: 6}
	}
	return detail{label: "so far", text: "unclean: " + strings.Join(open, ", ") + "; aggregator report tells the causes", tone: Warning, rank: 6}
}

// mostWaves is how many waves are shown, before those that are over are left out.
const mostWaves = 6

// waves shows the mapping's waves with their gates. One alone has none.
func (p *Progress) waves() []detail {
	if len(p.Waves) < 2 {
		return nil
	}
	var rows []detail
	for i, w := range p.Waves {
		over := w.Gate == GatePassed && !w.Override && w.Tried >= w.Planned
		if over && len(p.Waves)-i > mostWaves {
			continue
		}
		r := detail{label: "wave", about: cut(w.Name, 20), text: fmt.Sprintf("%s of %s users", Number(w.Tried), Number(w.Planned)), rank: 12}
		if w.Name == p.Wave || w.Gate == GateClosed {
			r.rank = 8
		}
		if w.Quarantined > 0 {
			r.text += fmt.Sprintf(", %s quarantined", Number(w.Quarantined))
		}
		switch {
		case w.Override:
			r.note, r.tone = "gate passed all the same, as told", Warning
		case w.Gate == GateClosed:
			r.note, r.tone = "gate closed", Bad
		case w.Gate == GatePassed:
			r.note = "gate passed"
		}
		if w.Gate != "" {
			r.text += ", " + cmp.Or(r.note, "gate "+w.Gate)
		}
		rows = append(rows, r)
	}
	return rows
}

// workers shows who is at work, and why that is slow.
func (p *Progress) workers() []detail {
	w := p.Workers
	if w.Alive == 0 {
		return []detail{{label: "workers", text: "none is alive", tone: Warning, rank: 5}}
	}
	text := fmt.Sprintf("%s, %d of %d slots busy", Number(int64(w.Alive)), w.Busy, w.Slots)
	if w.Stopping > 0 {
		text += fmt.Sprintf(", %d stopping", w.Stopping)
	}
	if w.Behind > 0 {
		text += fmt.Sprintf(", %d %s not seen the newest controls", w.Behind, choose(int64(w.Behind), "has", "have"))
	}
	rows := []detail{{label: "workers", text: text, rank: 5}}
	for _, s := range w.Slow {
		rows = append(rows, detail{label: "slow", text: plural(int64(s.Workers), "worker: ", "workers: ") + oneLine(s.Why), tone: Warning, rank: 9})
	}
	return rows
}

// controls shows what the operator has set, and what waits for one.
func (p *Progress) controls() []detail {
	c := p.Controls
	var rows []detail
	told := func(rank int, tone Tone, label, note, more string) {
		rows = append(rows, detail{label: label, text: note + more, note: note, tone: tone, rank: rank})
	}
	if c.Gauge.Reason != "" {
		rows = append(rows, detail{label: "pace", text: c.Gauge.Describe(), rank: 10})
	}
	if limits := c.Limits.String(); limits != "" {
		told(11, Plain, "limits", limits, "")
	}
	if !c.Deadline.IsZero() {
		told(4, Plain, "until", cmp.Or(c.Until, clockTime(c.Deadline)), p.deadline())
	}
	if s := p.Setbacks; s.Shards > 0 {
		told(3, Warning, "again", fmt.Sprintf("%s again and again: %s", plural(int64(s.Shards), "shard fails", "shards fail"), oneLine(s.Why)), "")
	}
	if p.Shards.Dead > 0 {
		told(2, Bad, "dead", plural(p.Shards.Dead, "shard is", "shards are")+" dead: producer dead list tells why", "")
	}
	if c.Paused != "" {
		how := ""
		if c.Rollback {
			how = ", shards in work were rolled back"
		}
		told(1, Warning, "paused", "since "+clockTime(c.PausedAt)+how+": "+oneLine(c.Paused)+"; producer resume goes on", "")
	}
	if c.Halted != "" {
		told(0, Bad, "halted", oneLine(c.Halted), "")
	}
	return rows
}

// deadline tells whether what is left can be done by then.
func (p *Progress) deadline() string {
	if p.Controls.Left <= 0 {
		return ", which is over"
	}
	text := ", " + Duration(p.Controls.Left.Seconds()) + " left"
	switch {
	case p.Loaded() || p.Step != "":
		return text
	case p.Needed == 0:
		return text + "; how many slots that needs is not known yet"
	}
	return text + fmt.Sprintf("; needs %s, %d %s at work", plural(int64(p.Needed), "slot", "slots"), p.Workers.Busy, choose(int64(p.Workers.Busy), "is", "are"))
}

// clockTime spells a moment by the target server's clock.
func clockTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// oneLine spells what somebody has written so that it stays on its line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
