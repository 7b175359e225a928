package throttle

import (
	"math"
	"time"
)

// evened is the time over which a Share evens out that shards end and others begin.
const evened = 3 * time.Second

// A Share is the part of what all processes may have that is one's own: by the shards that it has in work, of all that are in work. The shares of all
// processes that look at the same time add up to 1.
type Share struct {
	mine, all float64
	known     bool
}

// See notes, so long after the last time, how many shards are in work here and in all processes together.
func (s *Share) See(since time.Duration, mine, all int) {
	weight := 1 - math.Exp(-since.Seconds()/evened.Seconds())
	if !s.known {
		weight, s.known = 1, true
	}
	s.mine += weight * (float64(mine) - s.mine)
	s.all += weight * (math.Max(float64(all), float64(mine)) - s.all)
}

// Of returns the process's part of the amount; 0 while nothing is in work.
func (s *Share) Of(amount float64) float64 {
	if s.all <= 0 {
		return 0
	}
	return amount * s.mine / s.all
}
