package settings

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Interrupt is the cause of a context that a signal cancelled. It unwraps to context.Canceled.
type Interrupt struct {
	Signal os.Signal
}

// Error names the signal.
func (i *Interrupt) Error() string { return "stopped by signal: " + i.Signal.String() }

// Unwrap returns context.Canceled.
func (i *Interrupt) Unwrap() error { return context.Canceled }

// Context returns a context that the first SIGINT or SIGTERM cancels, with an Interrupt as its cause. A second one exits
// the process at once with ExitSignal, for the operator who cannot wait: whatever was under way is then as after a
// crash. stop cancels the context, gives the signals back their default effect, and must be called.
func Context() (ctx context.Context, stop func()) {
	return watch(os.Exit)
}

func watch(exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	stopped := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		for first := true; ; first = false {
			select {
			case sig := <-signals:
				if !first {
					exit(ExitSignal)
				}
				cancel(&Interrupt{Signal: sig})
			case <-stopped:
				return nil
			}
		}
	})
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(stopped)
		_ = group.Wait() // the watcher returns nil only
		cancel(context.Canceled)
	})
}
