package queue

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// told is how long a server that ends gives those of whom it thinks that they wait for a task.
const told = 50 * time.Millisecond

// TestForgo is about time: a server may take longer to end for other reasons, and never less than that for this one.
func TestForgo(t *testing.T) {
	t.Parallel()
	var took time.Duration
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if took = ending(t); took < told {
			return
		}
	}
	t.Errorf("a server ends in %s though nobody waits for it any more", took)
}

// ending returns how long a server takes to end whose only worker has stopped to wait for a task.
func ending(t *testing.T) time.Duration {
	t.Helper()
	conn, end, err := Alone(t.Context(), t.TempDir(), "alone", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Declare(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	of, err := conn.Tasks("m")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waiting errgroup.Group
	waiting.Go(func() error { _, err := of.Next(ctx); return err })
	for deadline := time.Now().Add(10 * time.Second); ; {
		consumer, err := conn.js.Consumer(t.Context(), tasks.stream("m"), workers)
		if err == nil && consumer.CachedInfo().NumWaiting > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waits for a task")
		}
	}
	cancel()
	_ = waiting.Wait() // with the context's error
	start := time.Now()
	conn.Forgo(t.Context(), "m")
	end()
	return time.Since(start)
}
