package shard

import (
	"errors"
	"fmt"
)

// A Failure classifies an error of a shard by what has to happen next. Edges classify where they know (SQLSTATE, MySQL numbers).
type Failure int

// The kinds of failure.
const (
	Outage  Failure = iota // a server, a link or a process: try again, never counted
	Data                   // the data's own fault: isolated, counted
	Schema                 // a table or column is not what the plan saw: the migration pauses
	Unknown                // COMMIT was sent and not answered: ask the ledger
	Stale                  // somebody else holds or has done the shard: let go
	Defect                 // what was written is not what was read back, or another promise is broken: counted as data, never isolated
)

var names = [...]string{"outage", "data", "schema", "unknown", "stale", "defect"}

// String returns the kind's name as it stands in logs.
func (f Failure) String() string { return names[f] }

// A failed is an error whose kind is known.
type failed struct {
	kind  Failure
	cause string
	err   error
}

func (f *failed) Error() string { return f.err.Error() }
func (f *failed) Unwrap() error { return f.err }

// Fail marks err as of the given kind. The cause, KIND:TABLE.COLUMN or empty, is what a quarantine or a dead letter is grouped by.
func Fail(kind Failure, cause string, err error) error {
	return &failed{kind, cause, err}
}

// Failf is Fail with a formatted error and no cause.
func Failf(kind Failure, format string, args ...any) error {
	return &failed{kind, "", fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost error in err's chain that Fail has marked, and its cause. What nobody has marked is an
// Outage: it is tried again and burns no attempt.
func KindOf(err error) (Failure, string) {
	if f := (*failed)(nil); errors.As(err, &f) {
		return f.kind, f.cause
	}
	return Outage, ""
}
