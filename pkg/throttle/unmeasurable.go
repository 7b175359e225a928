package throttle

import (
	"errors"
	"fmt"
)

// An Unmeasurable is why something that is to be limited cannot be measured at all, as the servers are set up: no retry mends that.
type Unmeasurable struct{ Reason string }

// Error returns the reason, which says what to do.
func (u *Unmeasurable) Error() string { return u.Reason }

// Unmeasurablef makes an Unmeasurable.
func Unmeasurablef(format string, args ...any) error {
	return &Unmeasurable{fmt.Sprintf(format, args...)}
}

// IsUnmeasurable reports whether the error says that something cannot be measured at all; any other may pass.
func IsUnmeasurable(err error) bool {
	_, is := errors.AsType[*Unmeasurable](err)
	return is
}
