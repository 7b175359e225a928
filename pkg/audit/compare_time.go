package audit

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"rehome/pkg/value"
)

// clocks are the legacy types of dates and times.
var clocks = map[string]bool{"DATE": true, "DATETIME": true, "TIMESTAMP": true, "TIME": true}

// temporal compares dates and times. A local time becomes an instant by the zone; a TIMESTAMP is read in UTC.
func temporal(from value.LegacyType, to value.TargetType, zone *time.Location) comparison {
	switch {
	case from.Name == "DATE" && to.Name == "date":
		return func(cell, text []byte) verdict { return say(bytes.Equal(cell, text)) }
	case from.Name == "TIME" && to.Name == "time without time zone":
		return func(cell, text []byte) verdict {
			a, ok := sinceMidnight(string(cell))
			b, known := sinceMidnight(string(text))
			return say(ok && known && a == b)
		}
	case from.Name == "DATETIME" && to.Name == "timestamp without time zone":
		return func(cell, text []byte) verdict { return say(onWall(cell) == onWall(text)) }
	case from.Name == "TIMESTAMP" && to.Name == "timestamp with time zone":
		return instant(time.UTC)
	case from.Name == "DATETIME" && to.Name == "timestamp with time zone":
		return instant(zone)
	}
	return nothing
}

// onWall takes the zeros off the end of a fraction, which the two servers print differently.
func onWall(text []byte) string {
	s := string(text)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// How PostgreSQL prints a timestamptz in a session of UTC, and what a wall shows.
const instantLayout, wallLayout = "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999"

// instant shows the target's instant on the wall of the zone and compares what is read there. Of two instants that show the same,
// where the clocks are put back, it has to be the first.
func instant(zone *time.Location) comparison {
	return func(cell, text []byte) verdict {
		at, err := time.Parse(instantLayout, string(text))
		if err != nil {
			return different
		}
		wall := at.In(zone).Format(wallLayout)
		if wall != onWall(cell) {
			return different
		}
		for _, back := range [...]time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour} {
			if at.Add(-back).In(zone).Format(wallLayout) == wall {
				return different
			}
		}
		return same
	}
}

// sinceMidnight reads [-]HH:MM:SS[.ffffff] in microseconds; the hours may be more than 23.
func sinceMidnight(s string) (micros int64, ok bool) {
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(s, ".")
	parts := strings.Split(whole, ":")
	if len(parts) != 3 || len(fraction) > 6 {
		return 0, false
	}
	units := [...]int64{3600e6, 60e6, 1e6, 1}
	for i, part := range append(parts, (fraction + "000000")[:6]) {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return 0, false
		}
		micros += int64(n) * units[i]
	}
	if negative {
		micros = -micros
	}
	return micros, true
}
