package settings

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestExitCode(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		err  error
		want int
	}{
		{"no error is clean", nil, 0},
		{"an error without a status failed", broken, 1},
		{"a status is found under wrapping", fmt.Errorf("run: %w", WithExit(ExitRefused, broken)), 6},
		{"the outermost status counts", WithExit(ExitUnclean, WithExit(ExitTarget, broken)), 4},
		{"a status needs no error", WithExit(ExitStopped, nil), 7},
		{"clean without an error is nil", WithExit(ExitClean, nil), 0},
		{"an error never exits clean", WithExit(ExitClean, broken), 1},
		{"an interrupt exits as a signal does", fmt.Errorf("run: %w", &Interrupt{Signal: syscall.SIGINT}), 130},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ExitCode(tt.err); got != tt.want {
				t.Errorf("exit status %d, want %d", got, tt.want)
			}
		})
	}

	t.Run("a status keeps the error that it wraps", func(t *testing.T) {
		if err := WithExit(ExitData, broken); !errors.Is(err, broken) || err.Error() != "broken" {
			t.Errorf("error is %v", err)
		}
	})
}

func TestContext(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreTopFunction("os/signal.signal_recv"),
		goleak.IgnoreTopFunction("os/signal.loop"))

	t.Run("the first signal cancels and the second exits at once", func(t *testing.T) {
		exited := make(chan int, 1)
		ctx, stop := watch(func(code int) { exited <- code })
		defer stop()
		send(t, syscall.SIGTERM)
		<-ctx.Done()
		cause, ok := errors.AsType[*Interrupt](context.Cause(ctx))
		if !ok || cause.Signal != syscall.SIGTERM {
			t.Fatalf("cause is %v, want SIGTERM", context.Cause(ctx))
		}
		if len(exited) > 0 {
			t.Fatal("the first signal exited")
		}
		send(t, syscall.SIGINT)
		if code := <-exited; code != ExitSignal {
			t.Errorf("exited with %d, want 130", code)
		}
	})

	t.Run("an error after a signal exits with 130, unless it says otherwise", func(t *testing.T) {
		ctx, stop := watch(func(int) {})
		defer stop()
		failed := errors.New("connection reset")
		if got := ExitCode(Interrupted(ctx, failed)); got != ExitFailed {
			t.Errorf("before the signal: %d, want 1", got)
		}
		send(t, syscall.SIGINT)
		<-ctx.Done()
		err := Interrupted(ctx, failed)
		if got := ExitCode(err); got != ExitSignal || !errors.Is(err, failed) || !errors.Is(err, context.Canceled) {
			t.Errorf("after the signal: %d, %v", got, err)
		}
		if got := ExitCode(Interrupted(ctx, WithExit(ExitStopped, nil))); got != ExitStopped {
			t.Errorf("with a status of its own: %d, want 7", got)
		}
		if got := ExitCode(Interrupted(ctx, nil)); got != ExitClean {
			t.Errorf("stopped as asked: %d, want 0", got)
		}
	})

	t.Run("stop cancels without an interrupt and may be called twice", func(t *testing.T) {
		ctx, stop := Context()
		stop()
		stop()
		if _, ok := errors.AsType[*Interrupt](context.Cause(ctx)); ok || ctx.Err() == nil {
			t.Errorf("cause is %v", context.Cause(ctx))
		}
	})
}

func send(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}
