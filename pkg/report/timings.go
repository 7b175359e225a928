package report

import (
	"math"
	"time"
)

// Timings are what a run has spent its time on.
type Timings struct {
	Phases []Phase `json:"phases"`
	Work   Work    `json:"work"`
}

// A Phase is one part of a run, summed up over all that were done of it, in whichever run of the program. Seconds is the time in which anybody was at it, SlotSeconds
// that of all who were, one after the other: what slots at work at the same time make of the one is the other.
type Phase struct {
	Phase       string  `json:"phase"` // plan, load, redo, settle, constraints, indexes, sequences, analyze or closing counts
	Wave        string  `json:"wave,omitempty"`
	Steps       int64   `json:"steps"` // of load and redo: shards
	Rows        int64   `json:"rows"`  // written
	Seconds     float64 `json:"seconds"`
	SlotSeconds float64 `json:"slot_seconds"`
}

// Work is what the shards that are done have spent their time on, all slots one after the other. Phases of a shard may overlap, and some of its time is in
// none. Zero where no shard has measured it.
type Work struct {
	Shards   int64   `json:"shards"` // that have measured it
	Read     float64 `json:"read_seconds"`
	Convert  float64 `json:"convert_seconds"`
	Copy     float64 `json:"copy_seconds"`
	ReadBack float64 `json:"read_back_seconds"`
	Close    float64 `json:"close_seconds"`
	Bytes    int64   `json:"bytes"` // encoded, that were copied
}

// A TableTime is what one entry has cost.
type TableTime struct {
	Took  time.Duration // of all slots, one after the other
	Bytes int64         // encoded, that were copied
}

// A Throughput is how much was done over the time, from the first claim of a shard to the last end of one, in buckets of one length. Rows and Busy run in parallel.
type Throughput struct {
	From   time.Time `json:"from,omitzero"`
	Bucket float64   `json:"bucket_seconds"`
	Rows   []float64 `json:"rows_per_second"` // written; a shard's rows are taken as spread evenly over its time
	Busy   []float64 `json:"busy_slots"`      // at work in the mean
}

// Add adds a bucket behind the last.
func (t *Throughput) Add(rowsPerSecond, busy float64) {
	t.Rows, t.Busy = append(t.Rows, math.Round(10*rowsPerSecond)/10), append(t.Busy, math.Round(100*busy)/100)
}

// phaseOrder is the order in which a run goes through its phases.
var phaseOrder = []string{"plan", "load", "redo", "settle", "constraints", "indexes", "sequences", "analyze", "closing counts"}

// AddPhase adds a phase where a run comes to it; seconds are rounded to milliseconds.
func (t *Timings) AddPhase(p Phase, wall, slots time.Duration) {
	p.Seconds, p.SlotSeconds = toMillis(wall), toMillis(slots)
	i := len(t.Phases)
	for i > 0 && placeOf(t.Phases[i-1]) > placeOf(p) {
		i--
	}
	t.Phases = append(t.Phases[:i], append([]Phase{p}, t.Phases[i:]...)...)
}

func placeOf(p Phase) int {
	for i, name := range phaseOrder {
		if name == p.Phase {
			return i
		}
	}
	return len(phaseOrder)
}

// toMillis returns seconds with so many digits as mean something, and that everybody spells the same.
func toMillis(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}
