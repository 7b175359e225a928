package producer

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// A task is work that can be done beside others.
type task func(context.Context) error

// A crew does tasks, so many at the same time, in the order in which they were given to it.
type crew struct{ seats chan struct{} }

func newCrew(seats int) *crew { return &crew{make(chan struct{}, seats)} }

// begin returns when the last of the tasks has been begun; wait returns when all have ended. Where one fails no other of them is begun, and those that
// were are let end: what they have done is not to be done again.
func (c *crew) begin(ctx context.Context, tasks []task) (wait func() error) {
	var batch errgroup.Group
	var failed atomic.Bool
	for _, task := range tasks {
		c.seats <- struct{}{}
		batch.Go(func() error {
			defer func() { <-c.seats }()
			if failed.Load() {
				return nil
			}
			err := task(ctx)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	return batch.Wait
}

// do does the tasks, as begin.
func (c *crew) do(ctx context.Context, tasks []task) error { return c.begin(ctx, tasks)() }
