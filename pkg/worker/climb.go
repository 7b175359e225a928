package worker

import (
	"runtime"
	"syscall"
	"time"
)

// A climb looks for the number of slots with which most rows are moved: it opens one more, and shuts it again where that has brought nothing. It decides by
// what it is told; its zero value is not ready. It is for one goroutine.
type climb struct {
	open, least, most int
	before            float64 // rows a second with one slot fewer; 0 while none is tried
	rest              int     // stretches until one more is tried again
}

// A stretch is what was seen between two decisions.
type stretch struct {
	rate float64 // rows read in a second
	full bool    // all open slots had a shard
	held bool    // the databases' limits, or the operator's, made the worker slower
	cpu  float64 // of its own processors that it has used, 0 to 1
}

// How a climb goes on.
const (
	climbEvery = 5 * time.Second
	worthwhile = 1.05 // times as many rows, that make a slot more worth its memory and its sessions
	tired      = 12   // stretches, after one that was not
	saturated  = 0.9  // of the processors
)

func newClimb(most int) *climb {
	least := min(runtime.GOMAXPROCS(0), most)
	return &climb{open: least, least: least, most: most}
}

// step takes the newest stretch, and returns how many slots are open from now on.
func (c *climb) step(s stretch) int {
	tried := c.before > 0
	switch {
	case s.held || s.cpu >= saturated:
		c.down()
	case !s.full:
		c.before = 0 // there is no work for more, and the rate tells nothing
	case tried && s.rate < c.before*worthwhile:
		c.down()
	case c.rest > 0:
		c.rest, c.before = c.rest-1, 0
	case c.open < c.most:
		c.before = s.rate
		c.open++
	default:
		c.before = 0
	}
	return c.open
}

// down shuts a slot, and has the climb rest.
func (c *climb) down() {
	c.open, c.before, c.rest = max(c.least, c.open-1), 0, tired
}

// processors returns for how long this process has used any.
func processors() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0 // it is then never saturated
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
