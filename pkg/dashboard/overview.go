package dashboard

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"rehome/pkg/report"
)

// An Overview is all that the first page shows.
type Overview struct {
	Sight
	// History is how fast it went, the oldest point first, as far as this process has seen it. In an event there are only those that are newer than the ones of the
	// event before on the same connection; the first event has all.
	History []Point `json:"history"`
	Actions Actions `json:"actions"`
}

// A Sight is how the migration stands, for whoever looks.
type Sight struct {
	At        time.Time       `json:"at"` // by the target server's clock
	Version   string          `json:"version"`
	Migration string          `json:"migration"`
	Run       string          `json:"run"`
	Mapping   string          `json:"mapping"` // hash
	Progress  report.Progress `json:"progress"`
	Verdict   Verdict         `json:"verdict"`
	Rate      Rate            `json:"rate"`
	Workers   []Worker        `json:"workers"`
	Tables    []report.Table  `json:"tables"` // as the last report has them; empty until there is one
	TraceURL  string          `json:"trace_url"`
}

// A Verdict is that of the last report.
type Verdict struct {
	Verdict string     `json:"verdict"` // clean, unclean, incomplete; empty until it is known
	Reasons []string   `json:"reasons"`
	At      *time.Time `json:"at"` // when it was come to, by this machine's clock; null until it is known
}

// A Rate is how fast the migration is, and how long the rest will take.
type Rate struct {
	report.Rate
	Left *report.Left `json:"seconds_left"` // null while nobody can tell
}

// A Point is how fast the migration was at one moment.
type Point struct {
	At   time.Time `json:"at"` // by this machine's clock
	Rows float64   `json:"rows_per_second"`
	Busy int       `json:"busy"` // slots
}

// A Worker is a process that is alive, and what it is at.
type Worker struct {
	ID       uuid.UUID   `json:"id"`
	Host     string      `json:"host"`
	Program  string      `json:"program"` // with its version
	Slots    int         `json:"slots"`
	Busy     int         `json:"busy"`
	Rows     float64     `json:"rows_per_second"`
	Slow     string      `json:"slow"` // why it is slower than it could be; empty while it is not
	Stopping bool        `json:"stopping"`
	Behind   bool        `json:"behind"`      // it has not seen the newest controls
	Age      float64     `json:"age_seconds"` // since it was heard of
	Shards   []HeldShard `json:"shards"`
}

// A HeldShard is a shard that a worker is at.
type HeldShard struct {
	Ordinal    int     `json:"ordinal"`
	Generation int     `json:"generation"`
	Attempt    int     `json:"attempt"`
	Wave       string  `json:"wave"`
	Rows       int64   `json:"rows"` // planned
	Seconds    float64 `json:"seconds"`
}

// Actions are what who looks may have done here, and why not.
type Actions struct {
	SignedIn    bool   `json:"signed_in"`
	Pause       bool   `json:"pause"`
	PauseWhyNot string `json:"pause_why_not,omitempty"`
	Dead        bool   `json:"dead"` // republish
	DeadWhyNot  string `json:"dead_why_not,omitempty"`
	Legacy      bool   `json:"legacy"` // the legacy database can be asked: to discard, to look into a dead letter, to republish without force, and to explain all
}

func (d *Dashboard) overview(ctx context.Context, r *http.Request) (any, error) {
	if err := d.look(ctx, lookEvery); err != nil {
		return nil, err
	}
	d.crowd.visit()
	d.mu.Lock()
	defer d.mu.Unlock()
	return Overview{Sight: d.current.Sight, History: d.past.since(time.Time{}), Actions: d.actions(r)}, nil
}

// actions is for who holds mu.
func (d *Dashboard) actions(r *http.Request) Actions {
	a := d.current.actions
	a.SignedIn = d.sessions.knows(r, false)
	return a
}
