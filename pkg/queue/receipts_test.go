package queue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
)

// readReceipts reads until the test ends and returns what comes.
func readReceipts(t *testing.T, c *Conn) <-chan shard.Receipt {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan shard.Receipt, 1000)
	var group errgroup.Group
	group.Go(func() error {
		return c.Receipts(ctx, name, func(_ context.Context, r shard.Receipt) error {
			read <- r
			return nil
		})
	})
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); !errors.Is(err, context.Canceled) {
			t.Errorf("reading ended with %v", err)
		}
	})
	return read
}

// comes makes sure that the receipts of these shards are the next ones.
func comes(t *testing.T, read <-chan shard.Receipt, ordinals ...int) {
	t.Helper()
	for _, n := range ordinals {
		select {
		case r := <-read:
			if diff := cmp.Diff(receipt(n), r); diff != "" {
				t.Fatal(diff)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the receipt of shard %d does not come", n)
		}
	}
}

func report(t *testing.T, c *Conn, ordinals ...int) {
	t.Helper()
	for _, n := range ordinals {
		retry(t, func() error { return c.PublishReceipt(t.Context(), receipt(n)) })
	}
}

func TestReceipts(t *testing.T) {
	t.Run("each who reads gets all of them, those of before and those to come", func(t *testing.T) {
		c := declared(t)
		report(t, c, 1, 2)
		first := readReceipts(t, c)
		comes(t, first, 1, 2)
		report(t, c, 3)
		comes(t, first, 3)
		report(t, c, 1) // takes the place of the first
		comes(t, first, 1)
		comes(t, readReceipts(t, c), 2, 3, 1)
	})

	t.Run("who takes them can end it", func(t *testing.T) {
		c := declared(t)
		report(t, c, 1)
		stop := errors.New("stop")
		err := c.Receipts(t.Context(), name, func(context.Context, shard.Receipt) error { return stop })
		if err != stop {
			t.Errorf("error %v, want %v", err, stop)
		}
	})

	t.Run("a message that is none is left out and counted", func(t *testing.T) {
		var log bytes.Buffer
		c := declared(t, func(o *Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
		if _, err := c.js.Publish(t.Context(), receipts.subject(id(1)), []byte(`{"started_at":"canary"}`)); err != nil {
			t.Fatal(err)
		}
		report(t, c, 2)
		comes(t, readReceipts(t, c), 2)
		if c.Refused() != 1 {
			t.Errorf("%d refused, want 1", c.Refused())
		}
		if text := log.String(); !strings.Contains(text, "a time in it is none") || strings.Contains(text, "canary") {
			t.Errorf("log: %s", text)
		}
	})

	t.Run("the stream need not be there yet, and may be lost", func(t *testing.T) {
		server := embed(t)
		c := connect(t, server.URL(), server.Token())
		read := readReceipts(t, c)
		declare(t, c)
		report(t, c, 1, 2, 3)
		comes(t, read, 1, 2, 3)
		if err := c.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		declare(t, c)
		report(t, c, 4)
		comes(t, read, 4)
	})
}
