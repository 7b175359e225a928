package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A detail is one thing that an operator sees while a run is at work.
type detail struct {
	label, text string
	note        string // of what it says, all that does not change by itself: news where it does
}

// Notes returns what has to be told as soon as it changes, where there is no place for a block that is drawn again and again: controls, gates, dead shards.
func (p *Progress) Notes() []string {
	var notes []string
	for _, r := range append(p.waves(), p.controls()...) {
		if r.note != "" {
			notes = append(notes, r.label+": "+r.note)
		}
	}
	return notes
}

// block writes each detail on a line of its own, and on further ones where it is wider than so many columns.
func block(details []detail, width int) (lines []string) {
	label := 0
	for _, d := range details {
		label = max(label, utf8.RuneCountInString(d.label))
	}
	for _, d := range details {
		head := "  " + d.label + strings.Repeat(" ", label-utf8.RuneCountInString(d.label)) + "  "
		for _, line := range wrap(d.text, width-label-4) {
			lines = append(lines, head+line)
			head = strings.Repeat(" ", label+4)
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
		r := detail{label: "wave " + cut(w.Name, 20), text: fmt.Sprintf("%s of %s users", Number(w.Tried), Number(w.Planned))}
		if w.Quarantined > 0 {
			r.text += fmt.Sprintf(", %s quarantined", Number(w.Quarantined))
		}
		switch {
		case w.Override:
			r.note = "gate passed all the same, as told"
		case w.Gate == GatePassed || w.Gate == GateClosed:
			r.note = "gate " + w.Gate
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
		return []detail{{label: "workers", text: "none is alive"}}
	}
	text := fmt.Sprintf("%s, %d of %d slots busy", Number(int64(w.Alive)), w.Busy, w.Slots)
	if w.Stopping > 0 {
		text += fmt.Sprintf(", %d stopping", w.Stopping)
	}
	if w.Behind > 0 {
		text += fmt.Sprintf(", %d %s not seen the newest controls", w.Behind, choose(int64(w.Behind), "has", "have"))
	}
	rows := []detail{{label: "workers", text: text}}
	for _, s := range w.Slow {
		rows = append(rows, detail{label: "slow", text: plural(int64(s.Workers), "worker: ", "workers: ") + oneLine(s.Why)})
	}
	return rows
}

// controls shows what the operator has set, and what waits for one.
func (p *Progress) controls() []detail {
	c := p.Controls
	var rows []detail
	told := func(label, note, more string) { rows = append(rows, detail{label, note + more, note}) }
	if c.Gauge.Reason != "" {
		rows = append(rows, detail{label: "pace", text: c.Gauge.Describe()})
	}
	if limits := c.Limits.String(); limits != "" {
		told("limits", limits, "")
	}
	if !c.Deadline.IsZero() {
		told("until", cmp.Or(c.Until, clockTime(c.Deadline)), p.deadline())
	}
	if p.Shards.Dead > 0 {
		told("dead", plural(p.Shards.Dead, "shard is", "shards are")+" dead: producer dead list tells why", "")
	}
	if c.Paused != "" {
		how := ""
		if c.Rollback {
			how = ", shards in work were rolled back"
		}
		told("paused", "since "+clockTime(c.PausedAt)+how+": "+oneLine(c.Paused)+"; producer resume goes on", "")
	}
	if c.Halted != "" {
		told("halted", oneLine(c.Halted), "")
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
func clockTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// oneLine spells what somebody has written so that it stays on its line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
