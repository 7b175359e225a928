package worker

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// While runs do while the worker and its slots live in this process, and ends them when do has. What a worker failed of when do had
// returned nil is logged, as all was done by then; when a worker fails before, do's context ends.
func (w *Worker) While(ctx context.Context, do func(context.Context) error) error {
	if err := w.Queue.Declare(ctx, w.Migration); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	workers, stop := context.WithCancel(ctx)
	defer stop()
	done := false
	group.Go(func() error { return w.Run(workers) })
	group.Go(func() error {
		defer stop()
		err := do(ctx)
		done = err == nil
		return err
	})
	err := group.Wait()
	if err != nil && done {
		w.Log.WarnContext(ctx, "a worker of this process failed when the work was over", "migration", w.Migration, "err", err)
		return nil
	}
	return err
}
