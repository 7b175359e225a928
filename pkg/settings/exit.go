package settings

import (
	"context"
	"errors"
	"fmt"
)

// The statuses with which the programs exit.
const (
	ExitClean    = 0   // complete, verified and clean; a worker or aggregator stopped as it was asked to
	ExitFailed   = 1   // a database or NATS could not be reached, or an internal error
	ExitSettings = 2   // a flag, a setting or the mapping is wrong
	ExitTarget   = 3   // the target is not what it should be: unexplained rows, a violated constraint, an audit difference
	ExitUnclean  = 4   // complete, but users are quarantined, rows set aside or waiting, shards dead, or the source unproved
	ExitData     = 5   // check: the mapping compiles, but data would be quarantined
	ExitRefused  = 6   // refused by a guard
	ExitStopped  = 7   // stopped as told before the end; the next start goes on
	ExitSignal   = 130 // SIGINT or SIGTERM
)

// Status is an error that says with which status the program exits. Find it with errors.As.
type Status struct {
	Code int
	Err  error // nil when all there is to say was said, as with a report that is not clean
}

// WithExit wraps err, which may be nil, so that ExitCode returns code. It returns nil for ExitClean without an error; an
// error never exits clean, and gets ExitFailed instead.
func WithExit(code int, err error) error {
	switch {
	case code == ExitClean && err == nil:
		return nil
	case code == ExitClean:
		code = ExitFailed
	}
	return &Status{Code: code, Err: err}
}

// Error returns the text of Err, or names the status when there is none.
func (s *Status) Error() string {
	if s.Err == nil {
		return fmt.Sprintf("exit status %d", s.Code)
	}
	return s.Err.Error()
}

// Unwrap returns Err.
func (s *Status) Unwrap() error { return s.Err }

// ExitCode returns the status for the error that a program ended with: ExitClean for nil, that of the outermost Status,
// ExitSignal for an Interrupt, else ExitFailed.
func ExitCode(err error) int {
	if err == nil {
		return ExitClean
	}
	if status, ok := errors.AsType[*Status](err); ok {
		return status.Code
	}
	if _, ok := errors.AsType[*Interrupt](err); ok {
		return ExitSignal
	}
	return ExitFailed
}

// Interrupted returns err as a program ends with it whose ctx came from Context: an error without a Status of its own,
// after a signal, is the signal's doing and exits with ExitSignal. A nil err stays nil: asked to stop, and did so.
func Interrupted(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Status](err); ok {
		return err
	}
	if interrupt, ok := errors.AsType[*Interrupt](context.Cause(ctx)); ok {
		return &Status{Code: ExitSignal, Err: fmt.Errorf("%w: %w", interrupt, err)}
	}
	return err
}

// Asked returns err as a program ends with it that serves until it is told to stop: nil where all it says is that a signal has ended
// ctx, which came from Context, whatever the program was at by then.
func Asked(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*Interrupt](context.Cause(ctx)); ok && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
