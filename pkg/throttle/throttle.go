// Package throttle holds what an operator allows a migration to cost its two databases, and what that means for its workers: how fast they
// may go by what was measured, and the pace of one process. It measures nothing itself and knows no database.
package throttle

import "time"

// Limits are what the operator allows the whole migration, over all of its workers. A field that is 0 is not limited.
type Limits struct {
	Rows           int64         `json:"rows,omitzero"`            // read per second
	Slots          int           `json:"slots,omitzero"`           // shards in work at the same time
	Lag            time.Duration `json:"lag,omitzero"`             // of the legacy database's named replica behind it
	Threads        int           `json:"threads,omitzero"`         // running in the legacy server
	ReplicationLag time.Duration `json:"replication_lag,omitzero"` // of the target's standbys behind it
	Backends       int           `json:"backends,omitzero"`        // active in the target server
}

// Measured reports whether a limit is set that only a measurement can keep.
func (l Limits) Measured() bool {
	return l.Lag != 0 || l.Threads != 0 || l.ReplicationLag != 0 || l.Backends != 0
}

// A Load is what was measured of the two databases. What was not asked for is 0.
type Load struct {
	Lag            time.Duration `json:"lag,omitzero"`
	Threads        int           `json:"threads,omitzero"`
	ReplicationLag time.Duration `json:"replication_lag,omitzero"`
	Backends       int           `json:"backends,omitzero"`
}

// A Gauge is what a measurement means for the workers.
type Gauge struct {
	Pace   float64 // of full speed: 1 is unlimited, 0 stands still
	Reason string  // why Pace is below 1, for the operator; empty at 1
	Load   Load
}
