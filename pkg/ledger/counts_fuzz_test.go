package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

// FuzzCounts: the counts of a unit are cut short, which is an error, or are read again as they were written.
func FuzzCounts(f *testing.F) {
	f.Add(appendCounts(nil, nil))
	f.Add(appendCounts(nil, []shard.Table{{Entry: 1, SetAside: 3}, {Entry: 300, LeftOut: -1, Gathered: 1 << 40, Extra: 2}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := decodeCounts(raw)
		if err != nil {
			return
		}
		second, err := decodeCounts(appendCounts(nil, first))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, second, cmpopts.EquateComparable(checksum.Sum{})); diff != "" {
			t.Fatal(diff)
		}
	})
}
