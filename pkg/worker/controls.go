package worker

import (
	"context"
	"sync"

	"rehome/pkg/ledger"
)

// A phase is what a slot is at.
type phase int

const (
	idle   phase = iota
	taking       // waits for a task, or for its claim
	busy         // has a shard
)

// controls are what the slots of a worker go by: the newest order, and what they are at themselves. Their zero value holds nobody.
type controls struct {
	mu     sync.Mutex
	order  order
	stale  bool // a claim was refused: nothing is taken before the ledger was asked again
	late   bool // one was, as the shard would not end before the deadline
	room   int  // shards that may still be claimed where slots are limited
	slots  [3]int
	open   int           // slots that may have a shard; 0 is all
	turned chan struct{} // closed when one of these changes
	ask    chan struct{} // has the ledger asked at once
	tell   chan struct{} // has the ledger told at once
	take   epoch         // bounds the wait for a task
	work   epoch         // bounds the shards in work
	speed  speed
	heavy  speed // of heavy shards alone

	seen     int64  // version of the controls behind the order
	slow     string // its reason
	stopping bool
	ended    int // shards since then
	undone   int
}

// An epoch is a context that can be ended and begun anew.
type epoch struct {
	parent, ctx context.Context
	cancel      context.CancelCauseFunc
}

func (e *epoch) renew(cause error) {
	if e.cancel != nil {
		e.cancel(cause)
	}
	e.ctx, e.cancel = context.WithCancelCause(e.parent)
}

// begin has nothing taken before the first order; what slots take ends with take, what they work on with work.
func (c *controls) begin(take, work context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = order{closed: "the controls are not known yet", pace: 1}
	c.turned, c.ask, c.tell = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	c.take.parent, c.work.parent = take, work //nolint:fatcontext // no loop: each is set once
	c.take.renew(nil)
	c.work.renew(nil)
}

// end ends what begin has begun.
func (c *controls) end() {
	c.take.cancel(nil)
	c.work.cancel(nil)
}

// obey has the slots go by the order from now on.
func (c *controls) obey(o order) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order, c.room, c.stale = o, o.room, false
	if o.closed != "" || o.limited && o.room <= 0 {
		c.take.renew(&setBack{o.closed})
	}
	if o.rollback != "" {
		c.work.renew(&setBack{o.rollback})
	}
	c.wake()
}

// wake has who waits look again. The caller has locked.
func (c *controls) wake() {
	if c.turned != nil {
		close(c.turned)
		c.turned = make(chan struct{})
	}
}

// admit waits until the slot may take a task. The context ends when it may not any more. The error is that of ctx.
func (c *controls) admit(ctx context.Context, s *slot) (context.Context, error) {
	for ctx.Err() == nil {
		c.mu.Lock()
		if c.order.closed == "" && !c.stale && (!c.order.limited || c.slots[taking] < c.room) && (c.open == 0 || c.slots[taking]+c.slots[busy] < c.open) {
			c.shift(s, taking)
			open := c.take.ctx
			c.mu.Unlock()
			return open, nil
		}
		turned := c.turned
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-turned:
		}
	}
	return nil, context.Cause(ctx)
}

// working returns the context that bounds a shard which is taken now.
func (c *controls) working() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.work.ctx
}

// becomes notes what a slot is at.
func (c *controls) becomes(s *slot, p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift(s, p)
	c.wake()
}

func (c *controls) shift(s *slot, p phase) {
	c.slots[s.phase]--
	if s.phase == busy {
		c.room++
	}
	s.phase = p
	c.slots[p]++
	if p == busy {
		c.room--
	}
}

// refused notes that the ledger knows better than the order, which makes it be asked.
func (c *controls) refused(answer ledger.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale, c.late = true, c.late || answer == ledger.Late
	nudge(c.ask)
}

// nudge has the reader of the channel look, now or when it comes to it.
func nudge(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default: // it is about to look anyway; nobody reads a nil channel
	}
}

// timely forgets that a claim was late: there is another deadline.
func (c *controls) timely() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = false
}

func (c *controls) isLate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late
}

// opens sets how many slots may have a shard from now on. Those that have one end it.
func (c *controls) opens(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open != n {
		c.open = n
		c.wake()
		nudge(c.tell)
	}
}

// inWork returns how many slots have a shard.
func (c *controls) inWork() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[busy]
}
