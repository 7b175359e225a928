package throttle

import "time"

const (
	share = 20                     // asking again and again takes at most a twentieth of the time
	quick = 100 * time.Millisecond // what takes less is asked for as often as somebody wants it
)

// An Interval tells when something is to be asked for again that takes the longer the larger a migration is: not before Least is over since it was asked
// for, and where that took long not for twenty times as long, up to Most. It is for one goroutine.
type Interval struct {
	Least, Most time.Duration

	asked time.Time // when the answer was there; zero before the first
	took  time.Duration
}

// Due reports whether the time has come.
func (i *Interval) Due() bool { return i.asked.IsZero() || time.Since(i.asked) >= i.rest() }

// Asked notes that it was asked for from began until now.
func (i *Interval) Asked(began time.Time) {
	i.asked = time.Now()
	i.took = i.asked.Sub(began)
}

func (i *Interval) rest() time.Duration {
	if i.took < quick {
		return i.Least
	}
	return max(i.Least, min(share*i.took, i.Most))
}
