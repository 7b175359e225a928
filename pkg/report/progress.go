package report

import (
	"math"
	"time"

	"rehome/pkg/throttle"
)

// Progress is how far a run has come, and what holds it up. Its denominators are the plan's exact counts.
type Progress struct {
	Migration   string         `json:"migration"`
	State       string         `json:"state"` // as in the ledger; or paused, or halted
	Wave        string         `json:"wave,omitempty"`
	Step        string         `json:"step,omitempty"` // what the end of the load is at
	Users       Users          `json:"users"`
	Rows        int64          `json:"rows"`         // written
	Moved       int64          `json:"moved_rows"`   // planned weight of the shards that are done, in rows
	PlannedRows int64          `json:"planned_rows"` // planned weight of all shards
	Shards      Shards         `json:"shards"`
	Working     int            `json:"working"` // shards in work
	Started     time.Time      `json:"started_at"`
	Waves       []WaveProgress `json:"waves,omitempty"`
	Controls    Controls       `json:"controls"`
	Workers     Workers        `json:"workers"`
	Needed      int            `json:"needed_slots,omitempty"` // to have all shards done by the deadline; 0 while that cannot be told
	Setbacks    Setbacks       `json:"setbacks,omitzero"`
}

// Setbacks are the shards that come again and again as something throws them back which is not their data's fault, and which may not mend itself.
type Setbacks struct {
	Shards int    `json:"shards"`
	Why    string `json:"why"` // the newest error, redacted
}

// A WaveProgress is how far one of the mapping's waves has come, in users.
type WaveProgress struct {
	Name        string `json:"name"`
	Planned     int64  `json:"planned"`
	Tried       int64  `json:"tried"`
	Quarantined int64  `json:"quarantined"`       // of those who were tried
	Gate        string `json:"gate,omitempty"`    // passed, closed or open; empty for the last wave, which has none
	Override    bool   `json:"override,omitzero"` // passed all the same, as the operator said
}

// Controls are what the operator has set for a run, and what was measured of what its databases bear.
type Controls struct {
	Halted   string          `json:"halted,omitempty"` // why, as something is wrong with the migration
	Paused   string          `json:"paused,omitempty"` // why
	PausedAt time.Time       `json:"paused_at,omitzero"`
	Rollback bool            `json:"rollback,omitzero"` // of a pause: shards in work are rolled back, too
	Limits   throttle.Limits `json:"limits"`
	Gauge    throttle.Gauge  `json:"gauge"` // zero while nothing is measured
	Deadline time.Time       `json:"deadline,omitzero"`
	Left     time.Duration   `json:"left,omitzero"`   // until Deadline, by the target server's clock
	Until    string          `json:"until,omitempty"` // Deadline as its operator has said it, with the zone; may be empty
}

// Workers are those who are alive.
type Workers struct {
	Alive    int    `json:"alive"`
	Slots    int    `json:"slots"` // of those who are not stopping
	Busy     int    `json:"busy"`  // slots with a shard
	Stopping int    `json:"stopping,omitzero"`
	Behind   int    `json:"behind,omitzero"` // workers who have not seen the newest controls
	Slow     []Slow `json:"slow,omitempty"`
}

// Slow is why some of the workers are slower than they could be.
type Slow struct {
	Why     string `json:"why"`
	Workers int    `json:"workers"`
}

// Of returns the sums p with what was planned, and with what planned knows of the controls and of how much was moved, which goes by what the plan has counted. Shards of settling,
// which no plan knows, are not counted. How many shards are dead is planned's: one that is published again has no receipt of that.
func (p Progress) Of(planned Progress) Progress {
	out := planned
	out.Users, out.Rows, out.Shards = p.Users, p.Rows, p.Shards
	out.Users.Planned, out.Shards.Planned, out.Shards.Dead = planned.Users.Planned, planned.Shards.Planned, planned.Shards.Dead
	out.Shards.Done = min(p.Shards.Done, planned.Shards.Planned)
	return out
}

// Loaded reports whether every planned shard is done, or discarded.
func (p Progress) Loaded() bool {
	return p.Shards.Planned > 0 && p.Shards.Done+p.Shards.Discarded >= p.Shards.Planned
}

// Needed returns how many slots have to be at work for so many rows to be moved within the time left, when one slot has moved the measured rows in
// the time that they took. It is 0 where that cannot be told: nothing was measured, or no time is left.
func Needed(rows, measured int64, took, left time.Duration) int {
	if rows <= 0 || measured <= 0 || took <= 0 || left <= 0 {
		return 0
	}
	slots := math.Ceil(float64(rows) * (took.Seconds() / float64(measured)) / left.Seconds())
	return int(max(1, min(slots, math.MaxInt32)))
}
