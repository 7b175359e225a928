package throttle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// String returns the limits that are set as Parse takes them, "rows=5000 lag=2s"; empty where none is.
func (l Limits) String() string {
	var set []string
	for _, t := range table {
		switch v := t.value(l); {
		case v == 0:
		case t.span():
			set = append(set, t.name+"="+time.Duration(v).String())
		default:
			set = append(set, t.name+"="+strconv.FormatInt(v, 10))
		}
	}
	return strings.Join(set, " ")
}

// A Line is one limit for a person to read.
type Line struct {
	Name string
	Set  string // "off" where there is none
	Load string // what was measured; empty where nothing is, or is limited
	What string // is limited
}

// Lines returns all limits, with what was measured of those that are set.
func (l Limits) Lines(load Load) []Line {
	lines := make([]Line, len(table))
	for i, t := range table {
		lines[i] = Line{Name: t.name, Set: off, What: t.what}
		if v := t.value(l); v != 0 {
			lines[i].Set = t.show(v)
			if t.load != nil {
				lines[i].Load = t.show(t.load(load))
			}
		}
	}
	return lines
}

// Percent returns the pace as a person reads it, "62 %". Only a pace of 0 is shown as 0 %, and only full speed as 100 %.
func (g Gauge) Percent() string {
	percent := int(math.Round(100 * g.Pace))
	if g.Pace > stand && g.Pace < full {
		percent = min(max(percent, 1), 99)
	}
	return strconv.Itoa(percent) + " %"
}

// show writes a value of the limit as a person reads it.
func (t *limit) show(v int64) string {
	if t.span() {
		return Span(time.Duration(v))
	}
	return strconv.FormatInt(v, 10)
}

// Span writes a duration to a tenth of a second, and a long one to the second.
func Span(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// Describe returns the pace in words: "full speed", "at 62 %: threads running in the legacy server: 36 of 40", or "standing still: …".
func (g Gauge) Describe() string {
	switch {
	case g.Pace >= full:
		return "full speed"
	case g.Pace <= stand:
		return "standing still: " + g.Reason
	}
	return fmt.Sprintf("at %s: %s", g.Percent(), g.Reason)
}

// Values returns the limits that are set by their names, for scripts: numbers, and durations as text.
func (l Limits) Values() map[string]any {
	values := map[string]any{}
	for _, t := range table {
		switch v := t.value(l); {
		case v == 0:
		case t.span():
			values[t.name] = time.Duration(v).String()
		default:
			values[t.name] = v
		}
	}
	return values
}
