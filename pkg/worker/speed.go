package worker

import (
	"sync"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
	"rehome/pkg/shard"
)

// remembered is how much is kept of what is known, with each new shard.
const remembered = 0.7

// A shard that would take longer is split before it begins: what is rolled back when a worker dies, or held open in both databases, stays short. Below so many rows a
// part takes its round trips.
const (
	longest   = 30 * time.Second
	leastPart = 2000
)

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

// took notes a shard that was done. Whether one would take too long is told by those that can be split, and are heavy: light ones take their round trips,
// and of others the weight is not what they read.
func (c *controls) took(s *shard.Shard, took time.Duration) {
	c.speed.add(s.Weight, took)
	if s.Kind.Divisible() && s.Weight >= leastPart {
		c.heavy.add(s.Weight, took)
	}
}

// perRow returns what a row of a shard's weight is expected to take at most.
func (w *Worker) perRow() time.Duration {
	return max(time.Duration(ledger.Margin*float64(w.controls.speed.perRow())), w.leastPerRow())
}

// leastPerRow returns what a row takes at least, as rows per second are limited.
func (w *Worker) leastPerRow() time.Duration {
	w.controls.mu.Lock()
	defer w.controls.mu.Unlock()
	return w.controls.order.perRow
}

// part returns how many rows a shard may have that does not take too long, which a worker only knows when it has moved some; 0 is any.
func (w *Worker) part() int64 {
	each := max(w.controls.heavy.perRow(), w.leastPerRow())
	if each == 0 {
		return 0
	}
	return max(leastPart, int64(pausepoint.Wait("long", longest)/each))
}
