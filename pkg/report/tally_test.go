package report

import (
	"testing"
	"time"

	"rehome/pkg/shard"
)

func TestASumAfterEachOfManyReceiptsTakesNoTimeToSpeakOf(t *testing.T) {
	var tally Tally
	start := time.Now()
	for i := range 100_000 {
		tally.Add(receipt(i, 0, shard.Done, 1, 0))
		// A sum that looked at all receipts would take minutes, on any machine.
		if took := time.Since(start); tally.Sums().Shards.Done != int64(i+1) || took > 20*time.Second {
			t.Fatalf("after %s there are %d receipts, want %d", took, tally.Sums().Shards.Done, i+1)
		}
	}
}

// BenchmarkTally counts a receipt of a new shard, and shows what there is then.
func BenchmarkTally(b *testing.B) {
	var t Tally
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; !t.Add(receipt(n, 0, shard.Done, 1, 3)) || t.Sums().Shards.Done != int64(n) {
			b.Fatal("it was not counted")
		}
	}
}
