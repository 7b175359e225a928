package worker

import (
	"fmt"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/report"
	"rehome/pkg/throttle"
)

// standLong is how long a shard stands still before it is rolled back: both databases keep a transaction open for it.
const standLong = 2 * time.Minute

// An order is what the controls come to for one worker.
type order struct {
	closed   string        // why no shard is taken; empty while shards are
	rollback string        // why those in work are rolled back; empty while they are not
	slow     string        // why the worker is slower than it could be, for the operator
	pace     float64       // of full speed
	limited  bool          // slots are, over all workers
	room     int           // then: shards that may be claimed
	perRow   time.Duration // that a row takes at least, as rows per second are limited
}

// A state is what an order is made of.
type state struct {
	*ledger.Controls
	age     time.Duration // of the controls
	stood   time.Duration // how long all has stood still
	busy    int           // slots of this worker
	slots   int           // all that it has
	tooLate bool          // no shard that is left would end before the deadline
	waited  bool          // for rows, lately
}

func (s *state) order() order {
	o := order{pace: 1, limited: s.Limits.Slots > 0}
	if o.limited {
		o.room = s.Limits.Slots - s.Busy
	}
	if s.Limits.Rows > 0 {
		o.perRow = time.Duration(float64(max(1, s.Busy)) / float64(s.Limits.Rows) * float64(time.Second))
	}
	gauge := s.gauge()
	o.pace = gauge.Pace
	switch left := s.Left - s.age; {
	case s.Halted != "":
		o.shut("halted: " + s.Halted)
	case s.Paused != "":
		o.shut("paused: " + s.Paused)
	case !s.Deadline.IsZero() && left <= 0:
		o.shut("the deadline has passed")
	case s.tooLate, !s.Deadline.IsZero() && left <= ledger.Ahead:
		o.shut("nothing that ends before the deadline")
	case gauge.Pace <= 0:
		o.shut("standing still: " + gauge.Reason)
	case gauge.Pace < 1:
		o.slow = "slowing down to " + gauge.Percent() + ": " + gauge.Reason
	case o.limited && o.room <= 0 && s.busy < s.slots:
		o.slow = fmt.Sprintf("waiting for a slot: limit of %d", s.Limits.Slots)
	case s.Limits.Rows > 0 && s.waited:
		o.slow = "limited to " + report.Number(s.Limits.Rows) + " rows/s"
	}
	o.rollback = s.rollback(gauge)
	return o
}

func (o *order) shut(why string) { o.closed, o.slow = why, why }

// gauge returns what the databases bear. What is not known is not taken for well.
func (s *state) gauge() throttle.Gauge {
	switch {
	case !s.Limits.Measured():
		return throttle.Gauge{Pace: 1}
	case s.Measured < 0 || s.Measured+s.age > throttle.Stale:
		return throttle.Gauge{Reason: "nobody measures the databases: is producer run alive?"}
	}
	return s.Gauge
}

// rollback returns why shards in work are rolled back; empty where they are not.
func (s *state) rollback(gauge throttle.Gauge) string {
	switch {
	case s.Paused != "" && s.Rollback:
		return "paused: " + s.Paused
	case !s.Deadline.IsZero() && s.Left-s.age <= ledger.Ahead:
		return "the deadline has come"
	case gauge.Pace <= 0 && s.stood >= standLong:
		return fmt.Sprintf("nothing was allowed to move for %s: %s", standLong, gauge.Reason)
	}
	return ""
}
