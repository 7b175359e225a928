package value

import (
	"math"
	"time"
)

// unixEpoch is 2000-01-01 in seconds since 1970.
const unixEpoch = 946684800

// A wallClock makes instants of local times. Around the changes of summer and winter time some do not exist and some exist twice: what
// becomes of those is declared, or they are refused.
type wallClock struct {
	zone         *time.Location
	gap, overlap guard
}

// wallClock is nil where local times are those of UTC.
func (c *compiler) wallClock(zone *time.Location) *wallClock {
	if zone == nil || zone == time.UTC {
		return nil
	}
	return &wallClock{zone, c.guard(dstGap, c.rules.DSTGap), c.guard(dstOverlap, c.rules.DSTOverlap)}
}

// instant returns the instant at which the clocks show a local time, both in microseconds since 2000-01-01, with the bit of the rule
// that chose it if one had to. Where there is not exactly one and no rule chooses, it returns the guard that ends the value.
func (w *wallClock) instant(wall int64) (micros int64, bit Hit, ends *guard) {
	offset, doubt := w.ahead(wall)
	if doubt == nil {
		return wall - offset, 0, nil
	}
	switch doubt.word {
	case First, Second, Forward:
		return wall - offset, doubt.bit, nil
	}
	return 0, 0, doubt
}

// ahead returns how many microseconds the zone is ahead of UTC at a local time; of two, what the word of overlap says. Of none, it is
// how far it was before the clocks were put forward.
func (w *wallClock) ahead(wall int64) (offset int64, doubt *guard) {
	seconds := wall / 1e6
	if wall%1e6 < 0 {
		seconds--
	}
	seconds += unixEpoch
	// Zones are less than a day from UTC, so what holds a day before and a day after covers every change in between. The larger
	// offset is the one that makes the earlier instant.
	const day = 86400
	before, after := w.offset(seconds-day), w.offset(seconds+day)
	early, late := max(before, after), min(before, after)
	first, second := w.offset(seconds-early) == early, w.offset(seconds-late) == late
	switch {
	case first && second && early != late && w.overlap.word == Second:
		return late * 1e6, &w.overlap
	case first && second && early != late:
		return early * 1e6, &w.overlap
	case first:
		return early * 1e6, nil
	case second:
		return late * 1e6, nil
	}
	return before * 1e6, &w.gap
}

func (w *wallClock) offset(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(w.zone).Zone()
	return int64(offset)
}

// A steady knows how far a zone is ahead of UTC where its clocks are not changed for days on both sides. It has a slot for each 2^40
// microseconds, nearly 13 days, of the wall since 1970.
type steady []int32

const (
	steadySlot  = 40 // bits
	steadySlots = 1961
	unsteady    = math.MinInt32
)

// steadyOf asks the zone for its changes up to 2038; behind that, many zones have a rule for all time and no list.
func steadyOf(zone *time.Location) steady {
	s := make(steady, steadySlots)
	const day = 86400
	var offset int
	var until int64 // nothing is known before the first slot
	for i := range s {
		from, through := int64(i)<<steadySlot/1e6-day, int64(i+1)<<steadySlot/1e6+day
		if from >= until {
			at := time.Unix(from, 0).In(zone)
			_, offset = at.Zone()
			until = math.MaxInt64
			if _, end := at.ZoneBounds(); !end.IsZero() {
				until = end.Unix()
			}
		}
		s[i] = unsteady
		if through < until {
			s[i] = int32(offset)
		}
	}
	return s
}

// ahead returns how many microseconds the zone is ahead of UTC at a local time in microseconds since 2000-01-01. It is not ok where the
// clocks are changed within days, and before 1970 and behind 2038: a wallClock knows.
func (s steady) ahead(wall int64) (offset int64, ok bool) {
	slot := uint64(wall+unixEpoch*1e6) >> steadySlot
	if slot >= uint64(len(s)) {
		return 0, false
	}
	return int64(s[slot]) * 1e6, s[slot] != unsteady
}
