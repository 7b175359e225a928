package worker

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// grace is how long shards in work have when the worker is told to stop.
func (w *Worker) grace() time.Duration { return cmp.Or(w.Grace, graceTime) }

// stops waits until the worker is told to stop, says so, and rolls back what is in work when its grace time is over. It returns when over is done.
func (w *Worker) stops(ctx, over context.Context) {
	select {
	case <-over.Done():
		return
	case <-ctx.Done():
	}
	w.drain(over)
	select {
	case <-over.Done():
	case <-time.After(w.grace()):
		w.controls.setBack(fmt.Sprintf("the worker was told to stop %s ago", w.grace()))
	}
}

// drain says that the worker takes nothing any more.
func (w *Worker) drain(ctx context.Context) {
	c := &w.controls
	c.mu.Lock()
	c.stopping = true
	left := c.slots[busy]
	nudge(c.tell)
	c.mu.Unlock()
	switch {
	case w.Quiet:
	case left == 0:
		w.Log.InfoContext(ctx, "stopping: no shard is in work", "migration", w.Migration)
	default:
		w.Log.InfoContext(ctx, fmt.Sprintf("stopping: %s in work %s %s to end", shards(left), have(left), w.grace()), "migration", w.Migration)
	}
}

// setBack rolls back the shards in work.
func (c *controls) setBack(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.work.renew(&setBack{why})
}

// drained says how the shards ended that were in work when the worker was told to stop.
func (w *Worker) drained(ctx context.Context) {
	w.controls.mu.Lock()
	ended, undone, stopping := w.controls.ended, w.controls.undone, w.controls.stopping
	w.controls.mu.Unlock()
	if w.Quiet || !stopping {
		return
	}
	what := "stopped"
	if ended+undone > 0 {
		what = fmt.Sprintf("stopped: %s ended, %d %s rolled back and given back", shards(ended), undone, was(undone))
	}
	w.Log.InfoContext(ctx, what, "migration", w.Migration)
}

// note counts a shard that was in work when the worker was told to stop.
func (c *controls) note(undone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.stopping:
	case undone:
		c.undone++
	default:
		c.ended++
	}
}

func shards(n int) string {
	if n == 1 {
		return "1 shard"
	}
	return fmt.Sprintf("%d shards", n)
}

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
