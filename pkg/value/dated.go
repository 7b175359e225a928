package value

import (
	"fmt"
)

// A Watershed is a date that parts rows into those before it and those from it on.
type Watershed struct{ micros int64 }

// NewWatershed returns the watershed at YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS, for values of a DATE, DATETIME or TIMESTAMP expression; a
// TIMESTAMP is compared in UTC. The error says what to write instead.
func NewWatershed(by LegacyType, before string) (Watershed, error) {
	switch classOf(by) {
	case day, local, instant:
	default:
		return Watershed{}, fmt.Errorf("dated goes by a DATE, DATETIME or TIMESTAMP, not by %s; write an expression such as CAST(COLUMN AS DATETIME) or FROM_UNIXTIME(COLUMN)", by.Name)
	}
	t, ok := readCivil([]byte(before))
	if !ok || !t.valid() {
		return Watershed{}, fmt.Errorf("%q is no date; write YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS", before)
	}
	return Watershed{t.micros()}, nil
}

// Before tells whether a row's date is before the watershed. It is not ok where there is none: NULL, a zero or a partial date.
func (w Watershed) Before(by Cell) (before, ok bool) {
	t, ok := readCivil(by)
	return t.micros() < w.micros, ok && t.valid()
}
