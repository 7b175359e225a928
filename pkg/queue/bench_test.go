package queue

import (
	"context"
	"slices"
	"testing"

	"rehome/pkg/shard"
)

// BenchmarkRoundTrip takes one shard through the queue: its task is published, taken, answered with a receipt and acked.
func BenchmarkRoundTrip(b *testing.B) {
	c := declared(b)
	q := queueOf(b, c)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.PublishTask(b.Context(), task(n)); err != nil {
			b.Fatal(err)
		}
		answer(b, c, q)
		n++
	}
}

// BenchmarkWorker takes a shard that waits in the queue, as a worker does: what a shard costs it there.
func BenchmarkWorker(b *testing.B) {
	c := declared(b)
	q := queueOf(b, c)
	n, ahead := 0, 1000
	b.ReportAllocs()
	for b.Loop() {
		if n%ahead == 0 {
			b.StopTimer()
			publishMany(b, c, n, n+ahead)
			b.StartTimer()
		}
		answer(b, c, q)
		n++
	}
}

// answer takes the next task to its end.
func answer(b *testing.B, c *Conn, q *Tasks) {
	b.Helper()
	lease, err := q.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := c.PublishReceipt(b.Context(), receipt(lease.Task().Ordinal)); err != nil {
		b.Fatal(err)
	}
	ack(b, lease)
}

func publishMany(b *testing.B, c *Conn, first, limit int) {
	b.Helper()
	var list []shard.Task
	for n := first; n < limit; n++ {
		list = append(list, task(n))
	}
	if added, err := c.PublishTasks(b.Context(), slices.Values(list)); err != nil || added != limit-first {
		b.Fatalf("%d tasks added, %v", added, err)
	}
}

// BenchmarkPublishTasks publishes a thousand tasks with each turn.
func BenchmarkPublishTasks(b *testing.B) {
	c := declared(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		publishMany(b, c, n, n+1000)
		n += 1000
	}
}

// BenchmarkReceipts reads a stream of ten thousand receipts from its beginning with each turn.
func BenchmarkReceipts(b *testing.B) {
	c := declared(b)
	const all = 10000
	for n := range all {
		if err := c.PublishReceipt(b.Context(), receipt(n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx, stop := context.WithCancel(b.Context())
		read := 0
		err := c.Receipts(ctx, name, func(context.Context, shard.Receipt) error {
			if read++; read == all {
				stop()
			}
			return nil
		})
		if stop(); read != all {
			b.Fatalf("%d receipts came: %v", read, err)
		}
	}
}
