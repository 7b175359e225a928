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
