package worker

import (
	"cmp"
	"context"
	"os"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/pausepoint"
)

// saw notes what the worker goes by, and reports whether the ledger has to be told at once.
func (c *controls) saw(version int64, slow string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := c.seen != version || (c.slow == "") != (slow == "")
	c.seen, c.slow = version, slow
	return news
}

// Slow returns why the worker is slower than it could be, or takes no shard; empty while it does neither.
func (w *Worker) Slow() string {
	w.controls.mu.Lock()
	defer w.controls.mu.Unlock()
	return w.controls.slow
}

// beat tells the ledger that the worker is alive, and what it is at. Who stops waits for it: the server would carry out what is not waited for all the
// same, and perhaps after the worker has retired.
func (w *Worker) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	beat := ledger.Worker{Holder: w.holder, Migration: w.Migration, Host: host, Program: "worker " + w.Version, Rows: w.pacer.Read()}
	w.controls.mu.Lock()
	beat.Slots = cmp.Or(w.controls.open, w.Slots)
	beat.Busy, beat.Slow, beat.Seen, beat.Stopping = w.controls.slots[busy], w.controls.slow, w.controls.seen, w.controls.stopping
	w.controls.mu.Unlock()
	return w.Ledger.Beat(ctx, beat)
}

// beats does so again and again. While the ledger cannot be reached nobody can be reaped through it either.
func (w *Worker) beats(ctx context.Context, turn func()) {
	ticker := time.NewTicker(pausepoint.Wait("beat", beatEvery))
	defer ticker.Stop()
	for {
		turn()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.controls.tell:
		}
		if err := w.beat(ctx); err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "the ledger does not know that this worker is alive", "migration", w.Migration, "err", err)
		}
	}
}
