package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	errSilent     = fmt.Errorf("no answer within %v", answerWait)
	errUndeclared = errors.New("the migration's streams are not there; producer run makes them")
)

// Undeclared tells whether err came about because a stream or its consumer is not there: never made, or lost. Declare makes it.
func Undeclared(err error) bool { return errors.Is(err, errUndeclared) }

// call makes one request and bounds its time: a ctx that ends in the morning would wait until then for an answer that was lost. The
// error says what was attempted, and has its kind.
func (c *Conn) call(ctx context.Context, what string, request func(context.Context) error) error {
	guarded, release := c.guard.watch(ctx)
	defer release()
	bounded, cancel := context.WithTimeout(guarded, answerWait)
	defer cancel()
	err := explain(guarded, request(bounded))
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = errSilent // and not a deadline of the caller's
	}
	return fmt.Errorf("%s: %w", what, err)
}

// explain gives err of a call under the guarded context the kind that Denied and Undeclared ask for.
func explain(guarded context.Context, err error) error {
	switch refusal := denied(guarded); {
	case err == nil:
		return nil
	case refusal != nil:
		return refusal
	case errors.Is(err, nats.ErrPermissionViolation) && !Denied(err):
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
