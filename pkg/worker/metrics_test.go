package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

func TestOutcome(t *testing.T) {
	claimed := ledger.Claim{Answer: ledger.Claimed}
	defect := shard.Failf(shard.Defect, "altered")
	done := shard.Receipt{ID: shard.ID{Migration: "night"}}
	for _, tt := range []struct {
		e    ending
		back bool
		want string
	}{
		{ending{claim: claimed, receipt: done, ack: true}, false, "done"},
		{ending{claim: claimed, receipt: done, ack: true}, true, "done"},
		{ending{claim: claimed, err: defect}, false, "failed"},
		{ending{claim: claimed, err: errors.New("no connection")}, false, "failed"},
		{ending{claim: claimed, err: defect, letter: &shard.DeadLetter{}}, false, "dead"},
		{ending{claim: claimed, ack: true}, false, "split"},
		{ending{claim: claimed, err: errors.New("ended")}, true, "rolled_back"},
		{ending{claim: claimed, err: shard.Failf(shard.Stale, "fenced")}, false, "let_go"},
		{ending{err: errors.New("no connection")}, false, "not_tried"},
		{ending{}, true, "given_back"},
		{ending{ack: true}, false, "unknown"},
		{ending{claim: ledger.Claim{Answer: ledger.Done}, receipt: done, ack: true}, false, "already_done"},
		{ending{claim: ledger.Claim{Answer: ledger.Dead}, letter: &shard.DeadLetter{}, ack: true}, false, "already_dead"},
		{ending{claim: ledger.Claim{Answer: ledger.Busy}}, false, "busy"},
		{ending{claim: ledger.Claim{Answer: ledger.Paused}}, false, "paused"},
	} {
		t.Run(fmt.Sprintf("%s of %s, %v", tt.want, tt.e.claim.Answer, tt.e.err), func(t *testing.T) {
			if got := tt.e.outcome(tt.back); got != tt.want {
				t.Errorf("it is %s", got)
			}
		})
	}
}

func TestReason(t *testing.T) {
	deadline := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	lag := throttle.Limits{Lag: 2 * time.Second}
	for want, s := range map[string]state{
		"":           {Controls: &ledger.Controls{}},
		"halted":     {Controls: &ledger.Controls{Halted: "the schema has changed", Paused: "lunch"}},
		"paused":     {Controls: &ledger.Controls{Paused: "lunch", Deadline: deadline}},
		"deadline":   {Controls: &ledger.Controls{Deadline: deadline, Left: time.Second}},
		"load":       {Controls: &ledger.Controls{Limits: lag, Gauge: throttle.Gauge{Pace: 0.4, Reason: "replica lag 1.8s of 2s"}}},
		"unmeasured": {Controls: &ledger.Controls{Limits: lag, Measured: -1}},
		"slots":      {slots: 2, busy: 1, Controls: &ledger.Controls{Limits: throttle.Limits{Slots: 4}, Busy: 4}},
		"rows":       {waited: true, Controls: &ledger.Controls{Limits: throttle.Limits{Rows: 5000}, Busy: 10}},
	} {
		t.Run("a worker is slow because of: "+want, func(t *testing.T) {
			o := s.order()
			if got := s.reason(&o); got != want {
				t.Errorf("it is %q, and the order says %q", got, o.slow)
			}
		})
	}
	t.Run("what cannot be measured is not the databases' load", func(t *testing.T) {
		s := state{Controls: &ledger.Controls{Limits: lag, Gauge: throttle.Held("the replica lag: no answer within 2s", throttle.Load{})}}
		if o := s.order(); s.reason(&o) != "unmeasured" {
			t.Errorf("it is %q", s.reason(&o))
		}
	})
}

func TestCauses(t *testing.T) {
	t.Run("many causes are told by their kinds, and those that were told before as before", func(t *testing.T) {
		var c causes
		for i := range 1000 {
			cause := fmt.Sprintf("too_long:app.users.column_%d", i)
			want := cause
			if i >= manyCauses {
				want = "too_long"
			}
			if got := c.class(cause); got != want {
				t.Fatalf("cause %d is told as %s", i, got)
			}
		}
		if got := c.class("too_long:app.users.column_5"); got != "too_long:app.users.column_5" {
			t.Errorf("a cause that was told is told as %s", got)
		}
		if len(c.told) != manyCauses {
			t.Errorf("%d causes are kept", len(c.told))
		}
	})
}
