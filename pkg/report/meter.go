package report

import (
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

// Lines returns the progress as a block of lines, for a terminal with so many columns.
func (m *Meter) Lines(p Progress, width int) []string {
	if p.Step != "" {
		return append([]string{p.title() + "  " + p.Step}, block(p.controls(), width)...)
	}
	head := p.title() + "  " + p.percent()
	if left := m.left(p); left != "" {
		head += "  " + left
	}
	rows := m.numbers(p)
	rows = append(rows, p.waves()...)
	rows = append(rows, p.workers()...)
	return append([]string{head}, block(append(rows, p.controls()...), width)...)
}

// numbers are the sums.
func (m *Meter) numbers(p Progress) []detail {
	users := fmt.Sprintf("%s of %s", Number(p.tried()), Number(p.Users.Planned))
	if p.Users.Quarantined > 0 {
		users += fmt.Sprintf(", %s of them quarantined", Number(p.Users.Quarantined))
	}
	written := Number(p.Rows) + " written"
	if rate := m.rate(); rate != "" {
		written += ", " + rate
	}
	shards := fmt.Sprintf("%s of %s done", Number(p.Shards.Done), Number(p.Shards.Planned))
	if p.Working > 0 {
		shards += fmt.Sprintf(", %s in work", Number(int64(p.Working)))
	}
	return []detail{{label: "users", text: users}, {label: "rows", text: written}, {label: "shards", text: shards}}
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

// percent spells how much is done, and never 100 % before all is: rows may have come since the plan was made.
func (p *Progress) percent() string {
	if p.Loaded() {
		return "100.0%"
	}
	share := 100 * float64(max(0, p.Moved)) / float64(max(1, p.PlannedRows))
	return fmt.Sprintf("%.1f%%", min(math.Floor(10*share)/10, 99.9))
}
