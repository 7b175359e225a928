package report

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
)

// A Meter turns one progress after the other into text with a rate and an estimate. The zero Meter is ready.
type Meter struct {
	pace Pace
}

// Add takes the progress at the given time into the rate. What Line and Lines are given must have been added.
func (m *Meter) Add(p Progress, now time.Time) { m.pace.Follow(p, now) }

// Line returns one line about the progress.
func (m *Meter) Line(p Progress) string {
	if p.Step != "" {
		return p.title() + "  " + p.Step
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  users %s/%s  rows %s", p.title(), p.percent(), Number(p.tried()), Number(p.Users.Planned), Number(p.Rows))
	rate, left := m.rate(), m.left(p)
	if rate != "" {
		b.WriteString("  " + rate)
	}
	if left != "" {
		b.WriteString("  " + left)
	}
	fmt.Fprintf(&b, "  shards %d/%d", p.Shards.Done, p.Shards.Planned)
	if p.Shards.Dead > 0 {
		fmt.Fprintf(&b, " (%d dead)", p.Shards.Dead)
	}
	if p.Users.Quarantined > 0 {
		fmt.Fprintf(&b, "  %s quarantined", Number(p.Users.Quarantined))
	}
	if w := p.Workers; w.Alive > 0 {
		fmt.Fprintf(&b, "  %s, %d of %d slots busy", plural(int64(w.Alive), "worker", "workers"), w.Busy, w.Slots)
	}
	return b.String()
}

// Block returns the progress as lines for a terminal with so many columns and room for so many lines: what there is no room for is left out, what matters least first.
func (m *Meter) Block(p Progress, width, height int) []Line {
	details := p.controls()
	head := p.title()
	if p.Step != "" {
		head += "  " + p.Step
	} else {
		details = append(m.numbers(p, width), details...)
	}
	return fit(Line{Text: head, Strong: true}, details, width, height)
}

// numbers are the sums, and who works on them.
func (m *Meter) numbers(p Progress, width int) []detail {
	rows := fmt.Sprintf("%s of %s", Number(p.Moved), Number(p.PlannedRows))
	users := fmt.Sprintf("%s of %s", Number(p.tried()), Number(p.Users.Planned))
	if p.Users.Quarantined > 0 {
		users += fmt.Sprintf(", %s quarantined", Number(p.Users.Quarantined))
	}
	shards := fmt.Sprintf("%s of %s done", Number(p.Shards.Done), Number(p.Shards.Planned))
	if p.Working > 0 {
		shards += fmt.Sprintf(", %s in work", Number(int64(p.Working)))
	}
	if p.Shards.Discarded > 0 {
		shards += fmt.Sprintf(", %s discarded", Number(p.Shards.Discarded))
	}
	usersShare := share(p.tried(), p.Users.Planned, p.Loaded())
	details := []detail{
		{label: "rows", text: bar(p.share(), width) + rows, rank: 1}, {label: "users", text: bar(usersShare, width) + users, rank: 2},
		{label: "shards", text: shards, rank: 7},
	}
	if speed := m.speed(p); speed != "" {
		details = append(details, detail{label: "rate", text: speed, rank: 3})
	}
	return append(append(append(details, p.soFar()), p.waves()...), p.workers()...)
}

// speed spells how fast it goes, and how long the rest takes, or that nobody knows; empty where nobody wants to know.
func (m *Meter) speed(p Progress) string {
	if p.Loaded() || p.Controls.Paused != "" || p.Controls.Halted != "" || p.Shards.Planned == 0 {
		return ""
	}
	return cmp.Or(m.rate(), "nothing moves") + ", " + cmp.Or(m.left(p), "how long it takes is not known yet")
}

// Widths of a bar, and of a terminal that has room for one.
const (
	barWidth   = 24
	barAlways  = 72
	barNarrow  = 10
	barAtLeast = 50
)

// bar draws a share as so many of a number of cells, with its percentage, which is always there.
func bar(share float64, width int) string {
	cells := barWidth
	switch {
	case width < barAtLeast:
		cells = 0
	case width < barAlways:
		cells = barNarrow
	}
	text := fmt.Sprintf("%5.1f%%  ", share)
	if cells == 0 {
		return text
	}
	full := int(share / 100 * float64(cells))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", cells-full) + "] " + text
}

// rate spells the rows per second. It is empty while that is not known, and while nothing moves.
func (m *Meter) rate() string {
	if rate := m.pace.Now().Rows; rate >= 1 {
		return Number(int64(rate)) + " rows/s"
	}
	return ""
}

// left spells how long the rest will take; empty where that cannot be told.
func (m *Meter) left(p Progress) string {
	left := m.pace.Rest(p)
	if left == nil {
		return ""
	}
	return left.String()
}

func (p *Progress) tried() int64 { return p.Users.Migrated + p.Users.Quarantined }

func (p *Progress) title() string {
	title := p.Migration + " " + p.State
	if p.Wave != "" && p.Step == "" {
		title += " wave " + p.Wave
	}
	return title
}

// percent spells how much is done.
func (p *Progress) percent() string { return fmt.Sprintf("%.1f%%", p.share()) }

func (p *Progress) share() float64 { return share(p.Moved, p.PlannedRows, p.Loaded()) }

// share is how much is done of all, in percent, and never 100 before all is: rows may have come since the plan was made.
func share(done, planned int64, all bool) float64 {
	if all {
		return 100
	}
	part := 100 * float64(max(0, done)) / float64(max(1, planned))
	return min(math.Floor(10*part)/10, 99.9)
}
