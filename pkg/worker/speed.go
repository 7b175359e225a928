package worker

import (
	"sync"
	"time"

	"rehome/pkg/ledger"
)

// remembered is how much is kept of what is known, with each new shard.
const remembered = 0.7

// speed is how long shards take, by their weight.
type speed struct {
	mu   sync.Mutex
	took time.Duration
	rows float64
}

// add notes a shard that was done.
func (s *speed) add(weight int64, took time.Duration) {
	if weight <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = time.Duration(remembered*float64(s.took)) + took
	s.rows = remembered*s.rows + float64(weight)
}

// perRow returns what a row of weight has taken; 0 where nothing is known.
func (s *speed) perRow() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == 0 {
		return 0
	}
	return time.Duration(float64(s.took) / s.rows)
}

// perRow returns what a row of a shard's weight is expected to take at most.
func (w *Worker) perRow() time.Duration {
	w.controls.mu.Lock()
	least := w.controls.order.perRow
	w.controls.mu.Unlock()
	return max(time.Duration(ledger.Margin*float64(w.controls.speed.perRow())), least)
}
