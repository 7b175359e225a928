package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// denialGrace is how long an answer that is on its way may still come when the server has refused something: it does not say to which
// of several calls its refusal belongs.
const denialGrace = 100 * time.Millisecond

var errDenied = errors.New("the NATS user lacks a right")

// Denied tells whether err came about because the NATS user lacks a right: trying again is useless.
func Denied(err error) bool { return errors.Is(err, errDenied) }

// A guard ends the calls that wait for an answer when the server refuses to act: it says so apart from them, and they would run into
// their timeouts.
type guard struct {
	role    string // whose rights are concerned; may be empty
	mu      sync.Mutex
	next    int
	waiting map[int]context.CancelCauseFunc
}

// watch returns a context that also ends when the server refuses something; its cause is then an error that Denied knows. The caller
// calls release when the answer is there.
func (g *guard) watch(ctx context.Context) (guarded context.Context, release func()) {
	guarded, cancel := context.WithCancelCause(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == nil {
		g.waiting = map[int]context.CancelCauseFunc{}
	}
	g.next++
	n := g.next
	g.waiting[n] = cancel
	return guarded, func() {
		g.mu.Lock()
		delete(g.waiting, n)
		g.mu.Unlock()
		cancel(nil)
	}
}

// refuse ends the calls that wait now, and returns how many those are.
func (g *guard) refuse(err error) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	denied := g.denial(err)
	for _, cancel := range g.waiting {
		time.AfterFunc(denialGrace, func() { cancel(denied) })
	}
	return len(g.waiting)
}

// denial names the subject, which the server's error does, and where the rights stand.
func (g *guard) denial(err error) error {
	err = fmt.Errorf("%w: %w", errDenied, err)
	if g.role == "" {
		return err
	}
	return fmt.Errorf("%w; connect as the NATS user of the %s: deploy/nats/nats-server.conf lists what it may do", err, g.role)
}

// denied returns the refusal that has ended the guarded context, or nil.
func denied(guarded context.Context) error {
	if cause := context.Cause(guarded); Denied(cause) {
		return cause
	}
	return nil
}

// notice takes what the connection reports outside of any call.
func (c *Conn) notice(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) && c.guard.refuse(err) > 0 {
		return // who waits returns it
	}
	c.log.Error("NATS reports an error", "err", err)
}
