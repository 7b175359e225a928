package shard

import "time"

// A Phase is what an attempt at a shard spends its time on; the same names stand in traces, metrics and on the screen.
type Phase string

// The phases of an attempt, in the order in which they begin. A Timing holds those from Read to Close.
const (
	Claiming    Phase = "claim"     // the ledger is asked for the shard, and the mapping is got ready
	Reading     Phase = "read"      // the legacy snapshot is taken, counted and streamed
	Converting  Phase = "convert"   // rows are converted and accounted for
	Copying     Phase = "copy"      // windows are sent to the target
	ReadingBack Phase = "read_back" // what is stored is read and compared
	Closing     Phase = "close"     // the manifest is written, deferred constraints act; in a trace also: the receipt is written, the transaction commits
	Answering   Phase = "answer"    // the receipt is published, and the task acked
)

// A Timing is how long the attempt that ended a shard was at what, by the worker's clock, and how much it has copied. Phases may overlap, and what
// is none of them is not told, so that their sum may differ from the whole.
type Timing struct {
	Read     int64 `json:"read_ms"`
	Convert  int64 `json:"convert_ms"`
	Copy     int64 `json:"copy_ms"`
	ReadBack int64 `json:"read_back_ms"`
	Close    int64 `json:"close_ms"` // without the receipt, which tells it, and the COMMIT
	Bytes    int64 `json:"bytes"`    // encoded, of the windows that were copied; a window that was undone counts, too

	Tables []TableTiming `json:"tables,omitempty"` // by entry; what was of none of them is in none
}

// A TableTiming is how long an attempt was at the rows of one entry, from reading to reading back.
type TableTiming struct {
	Entry  int   `json:"entry"`
	Millis int64 `json:"ms"`
	Bytes  int64 `json:"bytes"` // as in Timing
}

// Plus returns the sums of both; those of tables are not kept.
func (t Timing) Plus(u Timing) Timing {
	return Timing{
		Read: t.Read + u.Read, Convert: t.Convert + u.Convert, Copy: t.Copy + u.Copy, ReadBack: t.ReadBack + u.ReadBack,
		Close: t.Close + u.Close, Bytes: t.Bytes + u.Bytes,
	}
}

// In returns the time of a phase; 0 for those that a Timing does not hold.
func (t Timing) In(p Phase) time.Duration {
	ms := map[Phase]int64{Reading: t.Read, Converting: t.Convert, Copying: t.Copy, ReadingBack: t.ReadBack, Closing: t.Close}[p]
	return time.Duration(ms) * time.Millisecond
}
