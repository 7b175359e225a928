package worker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/ledger"
	"rehome/pkg/throttle"
)

func TestOrder(t *testing.T) {
	deadline := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	lag := throttle.Limits{Lag: 2 * time.Second}
	const nobody = "nobody measures the databases: is producer run alive?"
	for _, tt := range []struct {
		name string
		s    state
		c    ledger.Controls
		want order
	}{
		{"nothing is set: all at full speed", state{}, ledger.Controls{}, order{pace: 1}},
		{"a pause takes nothing", state{}, ledger.Controls{Paused: "lunch"}, order{pace: 1, closed: "paused: lunch", slow: "paused: lunch"}},
		{"and with a rollback leaves nothing in work", state{}, ledger.Controls{Paused: "lunch", Rollback: true},
			order{pace: 1, closed: "paused: lunch", slow: "paused: lunch", rollback: "paused: lunch"}},
		{"a halt takes nothing, and says why", state{}, ledger.Controls{Halted: "the schema has changed", Paused: "lunch"},
			order{pace: 1, closed: "halted: the schema has changed", slow: "halted: the schema has changed"}},
		{"long before the deadline all goes on", state{}, ledger.Controls{Deadline: deadline, Left: time.Hour}, order{pace: 1}},
		{"shortly before it what is in work is rolled back", state{}, ledger.Controls{Deadline: deadline, Left: ledger.Ahead},
			order{pace: 1, closed: "nothing that ends before the deadline", slow: "nothing that ends before the deadline", rollback: "the deadline has come"}},
		{"also when the controls could not be read since", state{age: time.Hour}, ledger.Controls{Deadline: deadline, Left: time.Hour + ledger.Ahead},
			order{pace: 1, closed: "nothing that ends before the deadline", slow: "nothing that ends before the deadline", rollback: "the deadline has come"}},
		{"and while it is paused", state{}, ledger.Controls{Paused: "lunch", Deadline: deadline, Left: time.Second},
			order{pace: 1, closed: "paused: lunch", slow: "paused: lunch", rollback: "the deadline has come"}},
		{"behind it that is what is said", state{}, ledger.Controls{Deadline: deadline, Left: -time.Second},
			order{pace: 1, closed: "the deadline has passed", slow: "the deadline has passed", rollback: "the deadline has come"}},
		{"where every shard is too long nothing is taken, and what is in work goes on", state{tooLate: true}, ledger.Controls{Deadline: deadline, Left: time.Minute},
			order{pace: 1, closed: "nothing that ends before the deadline", slow: "nothing that ends before the deadline"}},
		{"a gauge slows", state{}, ledger.Controls{Limits: lag, Gauge: throttle.Gauge{Pace: 0.4, Reason: "replica lag 1.8s of 2s"}},
			order{pace: 0.4, slow: "slowing down to 40 %: replica lag 1.8s of 2s"}},
		{"and at 0 has all stand still", state{}, ledger.Controls{Limits: lag, Gauge: throttle.Gauge{Reason: "replica lag 3s of 2s"}},
			order{closed: "standing still: replica lag 3s of 2s", slow: "standing still: replica lag 3s of 2s"}},
		{"for two minutes, then what is in work is rolled back", state{stood: standLong}, ledger.Controls{Limits: lag, Gauge: throttle.Gauge{Reason: "replica lag 3s of 2s"}},
			order{closed: "standing still: replica lag 3s of 2s", slow: "standing still: replica lag 3s of 2s",
				rollback: "nothing was allowed to move for 2m0s: replica lag 3s of 2s"}},
		{"a gauge that nothing is limited by is not looked at", state{}, ledger.Controls{Measured: time.Hour, Gauge: throttle.Gauge{Reason: "old"}}, order{pace: 1}},
		{"one that is old is not taken for well", state{age: 2 * time.Second}, ledger.Controls{Limits: lag, Measured: 9 * time.Second, Gauge: throttle.Gauge{Pace: 1}},
			order{closed: "standing still: " + nobody, slow: "standing still: " + nobody}},
		{"nor is one that there is not", state{}, ledger.Controls{Limits: lag, Measured: -1, Gauge: throttle.Gauge{Pace: 1}},
			order{closed: "standing still: " + nobody, slow: "standing still: " + nobody}},
		{"slots leave room", state{slots: 2, busy: 1}, ledger.Controls{Limits: throttle.Limits{Slots: 4}, Busy: 3}, order{pace: 1, limited: true, room: 1}},
		{"or none", state{slots: 2, busy: 1}, ledger.Controls{Limits: throttle.Limits{Slots: 4}, Busy: 4},
			order{pace: 1, limited: true, slow: "waiting for a slot: limit of 4"}},
		{"a worker whose slots are all busy waits for none", state{slots: 2, busy: 2}, ledger.Controls{Limits: throttle.Limits{Slots: 4}, Busy: 4}, order{pace: 1, limited: true}},
		{"rows are limited where they were waited for", state{waited: true}, ledger.Controls{Limits: throttle.Limits{Rows: 5000}, Busy: 10},
			order{pace: 1, slow: "limited to 5,000 rows/s", perRow: 2 * time.Millisecond}},
		{"and else set a time that a row takes at least", state{}, ledger.Controls{Limits: throttle.Limits{Rows: 5000}}, order{pace: 1, perRow: 200 * time.Microsecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.Controls = &tt.c
			if diff := cmp.Diff(tt.want, tt.s.order(), cmp.AllowUnexported(order{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpeed(t *testing.T) {
	var s speed
	if got := s.perRow(); got != 0 {
		t.Errorf("with no shard done a row takes %s", got)
	}
	s.add(0, time.Hour) // one without rows says nothing of rows
	s.add(1000, time.Second)
	if got := s.perRow(); got != time.Millisecond {
		t.Errorf("after one shard a row takes %s", got)
	}
	s.add(100, 100*time.Millisecond)
	if got := s.perRow(); got != time.Millisecond {
		t.Errorf("a light shard of the same speed makes it %s", got)
	}
	for range 10 {
		s.add(1000, 3*time.Second)
	}
	if got := s.perRow(); got < 2900*time.Microsecond || got > 3*time.Millisecond {
		t.Errorf("after ten shards that took three times as long a row takes %s", got)
	}
}
