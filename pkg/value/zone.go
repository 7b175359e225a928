package value

import "time"

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

// instant returns how many microseconds the zone is ahead of UTC at a local time, given in microseconds since 2000-01-01 on the wall.
// Where there is not exactly one, it returns the guard, with the offset that its word chooses if it chooses one.
func (w *wallClock) instant(wall int64) (offset int64, doubt *guard) {
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
	case first && second && early != late:
		if w.overlap.word == Second {
			early = late
		}
		return early * 1e6, &w.overlap
	case first:
		return early * 1e6, nil
	case second:
		return late * 1e6, nil
	}
	// A clock that nobody has put forward yet shows a time in the gap.
	return before * 1e6, &w.gap
}

func (w *wallClock) offset(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(w.zone).Zone()
	return int64(offset)
}
