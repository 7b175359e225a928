package shard

import "time"

// A Probe is what reading some rows of a population has taken.
type Probe struct {
	Rows  int64
	Bytes int64 // of their values, as text
	Took  time.Duration
}
