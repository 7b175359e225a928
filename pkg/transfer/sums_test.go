package transfer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/checksum"
	"rehome/pkg/shard"
)

func TestSums(t *testing.T) {
	t.Run("what is set aside is counted for its unit, and for no other", func(t *testing.T) {
		f := newFixture(20)
		f.legacy.posts[9].kind = "poll" // the second post of user 5
		f.target.poison = nil
		if _, err := f.move(t, users()); err != nil {
			t.Fatal(err)
		}
		want := map[int32][]shard.Table{4: {{Entry: 0, SetAside: 1}, {Entry: 1, SetAside: 2}}}
		if diff := cmp.Diff(want, f.book.outcome.Sums, cmpopts.EquateComparable(checksum.Sum{})); diff != "" {
			t.Error(diff)
		}
	})
}
