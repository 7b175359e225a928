package settings

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // a zone means the same on a machine without zone files
)

// Until is when a run has to be over. The zero Until is no such time.
type Until struct {
	At   time.Time // with the reading of the monotonic clock of the time that it was computed from
	Text string    // as a person says it: 06:00 Europe/Berlin
}

// IsZero reports whether there is no such time.
func (u Until) IsZero() bool { return u.At.IsZero() }

const (
	untilShape = "HH:MM@ZONE or YYYY-MM-DDTHH:MM@ZONE, as in 06:00@Europe/Berlin"
	untilMost  = 31 * 24 * time.Hour // more than that is a slip of the pen
)

var untilText = regexp.MustCompile(`^(?:(\d{4}-\d{2}-\d{2})T)?(\d{2}:\d{2}(?::\d{2})?)$`)

// ParseUntil reads a time of day with its zone, seconds and a date if wanted: HH:MM@ZONE, HH:MM:SS@ZONE, YYYY-MM-DDTHH:MM@ZONE. Without a date it is the
// next time after now that clocks in the zone show it. A time that clocks jump over is the first moment behind the jump; of one that they
// show twice it is the first. It is an error when it is over, or more than 31 days away.
func ParseUntil(text string, now time.Time) (Until, error) {
	clock, name, zoned := strings.Cut(text, "@")
	parts := untilText.FindStringSubmatch(clock)
	switch {
	case parts == nil:
		return Until{}, fmt.Errorf("%s is no time of day; write it as %s", said(text), untilShape)
	case !zoned || name == "":
		return Until{}, fmt.Errorf("%s does not say in which zone; write %s@Europe/Berlin, or what the clocks go by whose %s is meant", said(text), clock, parts[2])
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return Until{}, fmt.Errorf("time zone %s is not known; write an IANA name: UTC, Europe/Berlin, America/New_York", said(name))
	}
	at, err := untilTime(parts[1], parts[2], zone, now)
	if err != nil {
		return Until{}, err
	}
	left := at.Sub(now)
	switch {
	case left <= 0:
		return Until{}, fmt.Errorf("%s is over since %s", said(text), (-left).Round(time.Second))
	case left > untilMost:
		return Until{}, fmt.Errorf("%s is %d days away, and a run may take 31", said(text), left/(24*time.Hour))
	}
	return Until{At: now.Add(left), Text: strings.TrimSpace(parts[1]+" "+parts[2]) + " " + name}, nil
}

func untilTime(date, clock string, zone *time.Location, now time.Time) (time.Time, error) {
	layout := "15:04:05"[:len(clock)]
	day, err := time.Parse(layout, clock)
	if err != nil {
		return time.Time{}, errors.New("a day has the times 00:00:00 to 23:59:59; write it as " + untilShape)
	}
	on := func(y int, m time.Month, d int) time.Time {
		return firstShown(time.Date(y, m, d, day.Hour(), day.Minute(), day.Second(), 0, time.UTC), zone)
	}
	if date != "" {
		wanted, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return time.Time{}, fmt.Errorf("%s is no date", date)
		}
		return on(wanted.Date()), nil
	}
	y, m, d := now.In(zone).Date()
	at := on(y, m, d)
	for !at.After(now) {
		d++
		at = on(y, m, d)
	}
	return at, nil
}

// firstShown returns the first moment at which clocks in the zone show at least the time of day, and the date, that wall has in UTC.
func firstShown(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := at.ZoneBounds()
	if shown(at).Equal(wall) {
		if first := at.Add(jump(start)); !start.IsZero() && first.Before(start) && shown(first).Equal(wall) {
			return first // clocks were set back, and show it a second time at at
		}
		return at
	}
	for _, set := range []time.Time{start, end} { // one of the two jumps over it
		if !set.IsZero() && shown(set).After(wall) && !shown(set).Add(-jump(set)).After(wall) {
			return set
		}
	}
	return at
}

// shown is what clocks in its zone show at a time, as a time in UTC.
func shown(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

// jump is by how much clocks are set forward at a transition.
func jump(set time.Time) time.Duration {
	if set.IsZero() {
		return 0
	}
	_, after := set.Zone()
	_, before := set.Add(-1).Zone()
	return time.Duration(after-before) * time.Second
}

// said shows what was written, unless it may be a secret that went into the wrong setting.
func said(text string) string {
	if len(text) > 40 || strings.Contains(text, "://") {
		return "the value"
	}
	return fmt.Sprintf("%q", text)
}

func applyUntil(s *Settings, text string) []string {
	until, err := ParseUntil(text, time.Now())
	if err != nil {
		return []string{err.Error()}
	}
	s.Until = until
	return nil
}
