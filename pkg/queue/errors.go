package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A denial is the server's word that our user may not do something. It comes apart from the call that caused it, which gets no answer.
type denial struct {
	err error
	at  time.Time
}

var (
	errSilent     = fmt.Errorf("no answer within %v", answerWait)
	errDenied     = errors.New("the NATS user lacks a right")
	errUndeclared = errors.New("the migration's streams are not there; producer run makes them")
)

// Denied tells whether err came about because the NATS user lacks a right: trying again is useless.
func Denied(err error) bool { return errors.Is(err, errDenied) }

// Undeclared tells whether err came about because a stream or its consumer is not there: never made, or lost. Declare makes it.
func Undeclared(err error) bool { return errors.Is(err, errUndeclared) }

// notice takes what the connection reports outside of any call.
func (c *Conn) notice(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		c.denied.Store(&denial{err, time.Now()})
	}
	c.log.Error("NATS reports an error", "err", err)
}

// call makes one request and bounds its time: a ctx that ends in the morning would wait until then for an answer that was lost. The
// error says what was attempted, and has its kind.
func (c *Conn) call(ctx context.Context, what string, request func(context.Context) error) error {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	err := c.explain(start, request(bounded))
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !Denied(err) {
		err = errSilent // and not a deadline of the caller's
	}
	return fmt.Errorf("%s: %w", what, err)
}

// explain gives err of a call that began at start the kind that Denied and Undeclared ask for.
func (c *Conn) explain(start time.Time, err error) error {
	switch d := c.denied.Load(); {
	case err == nil:
		return nil
	case d != nil && d.at.After(start) && silent(err):
		return fmt.Errorf("%w: %w", errDenied, d.err)
	case errors.Is(err, nats.ErrPermissionViolation):
		return fmt.Errorf("%w: %w", errDenied, err)
	case absent(err):
		return fmt.Errorf("%w: %w", errUndeclared, err)
	}
	return err
}

// silent tells whether err only says that no answer came.
func silent(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoHeartbeat) ||
		errors.Is(err, jetstream.ErrAsyncPublishTimeout)
}

// absent tells whether err says that a stream or consumer does not exist.
func absent(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) ||
		errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders)
}
