package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Progress is how far a run has come. Its denominators are the plan's exact counts.
type Progress struct {
	Migration   string    `json:"migration"`
	State       string    `json:"state"`
	Wave        string    `json:"wave,omitempty"`
	Step        string    `json:"step,omitempty"` // what the end of the load is at
	Users       Users     `json:"users"`
	Rows        int64     `json:"rows"`         // written
	Moved       int64     `json:"moved_rows"`   // planned weight of the shards that are done, in rows
	PlannedRows int64     `json:"planned_rows"` // planned weight of all shards
	Shards      Shards    `json:"shards"`
	Working     int       `json:"working"` // shards in work
	Started     time.Time `json:"started_at"`
}

// Of returns the sums p with what was planned. Shards of settling, which no plan knows, are not counted.
func (p Progress) Of(planned Progress) Progress {
	p.Migration, p.State, p.Wave, p.Started = planned.Migration, planned.State, planned.Wave, planned.Started
	p.Users.Planned, p.PlannedRows, p.Shards.Planned = planned.Users.Planned, planned.PlannedRows, planned.Shards.Planned
	p.Shards.Done = min(p.Shards.Done, p.Shards.Planned)
	return p
}

// Loaded reports whether every planned shard is done.
func (p Progress) Loaded() bool { return p.Shards.Planned > 0 && p.Shards.Done >= p.Shards.Planned }

// A Meter turns one progress after the other into lines with a rate and an estimate. The zero Meter is ready.
type Meter struct {
	samples []sample
}

type sample struct {
	at   time.Time
	rows int64
}

// meterSpan is how far back the rate looks.
const meterSpan = 15 * time.Second

// Line returns one line about the progress at the given time.
func (m *Meter) Line(p Progress, now time.Time) string {
	tried := p.Users.Migrated + p.Users.Quarantined
	m.samples = append(m.samples, sample{now, p.Moved})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= meterSpan {
		m.samples = m.samples[1:]
	}
	if p.Step != "" {
		return fmt.Sprintf("%s %s  %s", p.Migration, p.State, p.Step)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", p.Migration, p.State)
	if p.Wave != "" {
		fmt.Fprintf(&b, " wave %s", p.Wave)
	}
	fmt.Fprintf(&b, "  %s  users %s/%s  rows %s", p.percent(), Number(tried), Number(p.Users.Planned), Number(p.Rows))
	if rate := m.rate(); rate > 0 {
		fmt.Fprintf(&b, "  %s rows/s", Number(int64(rate)))
		if left := p.PlannedRows - p.Moved; left > 0 && !p.Loaded() {
			fmt.Fprintf(&b, "  about %s left", Duration(float64(left)/rate))
		}
	}
	fmt.Fprintf(&b, "  shards %d/%d", p.Shards.Done, p.Shards.Planned)
	if p.Shards.Dead > 0 {
		fmt.Fprintf(&b, " (%d dead)", p.Shards.Dead)
	}
	if p.Users.Quarantined > 0 {
		fmt.Fprintf(&b, "  %s quarantined", Number(p.Users.Quarantined))
	}
	return b.String()
}

// rate returns the rows per second over the last samples, 0 while they span less than a second: what a moment tells is chance.
func (m *Meter) rate() float64 {
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 1 {
		return 0
	}
	return float64(last.rows-first.rows) / seconds
}

// percent spells how much is done, and never 100 % before all is: rows may have come since the plan was made.
func (p Progress) percent() string {
	if p.Loaded() {
		return "100.0%"
	}
	share := 100 * float64(max(0, p.Moved)) / float64(max(1, p.PlannedRows))
	return fmt.Sprintf("%.1f%%", min(math.Floor(10*share)/10, 99.9))
}
