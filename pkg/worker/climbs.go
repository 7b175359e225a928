package worker

import (
	"cmp"
	"runtime"
	"time"
)

// slots returns how many slots may have a shard now.
func (w *Worker) slots() int {
	w.controls.mu.Lock()
	defer w.controls.mu.Unlock()
	return cmp.Or(w.controls.open, w.Slots)
}

// fully is the share of its time that an open slot has a shard where there is enough work: between two shards it has none.
const fully = 0.7

// A sighted stretch is one that is not over yet.
type sighted struct {
	began time.Time // zero before the first
	rows  int64     // read until then
	used  time.Duration
	busy  int // slots with a shard, added up over all looks
	looks int
	held  bool
}

// climbs looks at the stretch that goes on, and has the worker climb where it is over. A worker whose slots were set stays where it is.
func (w *watch) climbs(s *state, o *order, now time.Time) {
	if w.climb == nil {
		return
	}
	g := &w.stretch
	g.busy, g.looks = g.busy+s.busy, g.looks+1
	g.held = g.held || o.slow != ""
	took := now.Sub(g.began)
	if took < climbEvery {
		return
	}
	rows, used := w.pacer.Read(), processors()
	if !g.began.IsZero() {
		w.controls.opens(w.climb.step(stretch{
			rate: float64(rows-g.rows) / took.Seconds(), full: float64(g.busy) >= fully*float64(g.looks*w.climb.open), held: g.held,
			cpu: (used - g.used).Seconds() / took.Seconds() / float64(runtime.GOMAXPROCS(0)),
		}))
	}
	*g = sighted{began: now, rows: rows, used: used}
}
