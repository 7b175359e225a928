package worker

import (
	"strings"
	"sync"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// How an attempt has ended, as metrics have it: few words, whatever the log says.
const (
	endedDone       = "done"
	endedFailed     = "failed"
	endedDead       = "dead" // failed for the last time
	endedSplit      = "split"
	endedRolledBack = "rolled_back" // for a reason that was none of the shard's
	endedStale      = "let_go"      // somebody else has it
	endedUntried    = "not_tried"   // a connection or the ledger could not be had
	endedReturned   = "given_back"  // before it was tried
	endedStranger   = "unknown"     // it is of no plan in the ledger
)

// outcome tells how the attempt has ended; back tells that its work was ended by an order.
func (e *ending) outcome(back bool) string {
	switch e.claim.Answer {
	case 0:
		switch {
		case e.err != nil:
			return endedUntried
		case e.ack:
			return endedStranger
		}
		return endedReturned
	case ledger.Claimed:
		return e.tried(back)
	case ledger.Done, ledger.Dead, ledger.Split:
		return "already_" + e.claim.Answer.String()
	}
	return e.claim.Answer.String() // busy, stale, unknown, paused, late, full
}

// tried is outcome for a shard that was claimed.
func (e *ending) tried(back bool) string {
	kind, _ := shard.KindOf(e.err)
	switch {
	case e.letter != nil:
		return endedDead
	case e.ack && e.receipt.Migration != "":
		return endedDone
	case e.ack:
		return endedSplit
	case back:
		return endedRolledBack
	case kind == shard.Stale:
		return endedStale
	}
	return endedFailed
}

// workOf tells what a shard of the kind is for.
func workOf(kind shard.Kind) string {
	switch kind {
	case shard.Redo, shard.Audit:
		return string(kind)
	}
	return "move"
}

// unmeasured reports whether it is not known what the databases bear, as nobody measures them any more or something cannot be measured.
func (s *state) unmeasured() bool {
	return s.Measured < 0 || s.Measured+s.age > throttle.Stale || s.Gauge.Unknown()
}

// manyCauses is how many causes are told one by one: a mapping of thousands of columns must not make as many series.
const manyCauses = 100

// causes are those that were told so far.
type causes struct {
	mu   sync.Mutex
	told map[string]bool
}

// class returns what a cause, KIND:TABLE.COLUMN, is told as: itself, or its kind alone where too many others were told.
func (c *causes) class(cause string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.told[cause] && len(c.told) >= manyCauses {
		kind, _, _ := strings.Cut(cause, ":")
		return kind
	}
	if c.told == nil {
		c.told = map[string]bool{}
	}
	c.told[cause] = true
	return cause
}
