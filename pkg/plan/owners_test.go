package plan

import (
	"slices"
	"strings"
	"testing"

	"rehome/pkg/shard"
)

func TestOwners(t *testing.T) {
	t.Run("where the order of keys can be told nothing is weighed range by range, and no table is counted by itself", func(t *testing.T) {
		w := &world{users: population(slices.Repeat([]int64{4}, 64)...), plain: true, fail: "counts"}
		p := made(t, w, compiled(40, "all"))
		if got := outline(p.of(shard.OfUsers)); got != strings.TrimSpace(strings.Repeat("8/40 ", 8)) || w.weighed > 0 {
			t.Errorf("got %s, weighed %d times", got, w.weighed)
		}
		if !slices.Equal(p.Rows, []int64{64, 256, 0}) {
			t.Errorf("rows: %v", p.Rows)
		}
	})
	t.Run("rows in an order that cannot be told are weighed range by range", func(t *testing.T) {
		w := &world{users: population(slices.Repeat([]int64{4}, 64)...), plain: true, foreign: true}
		p := made(t, w, compiled(40, "all"))
		if got := outline(p.of(shard.OfUsers)); got != strings.TrimSpace(strings.Repeat("8/40 ", 8)) || w.weighed == 0 {
			t.Errorf("got %s, weighed %d times", got, w.weighed)
		}
		if !slices.Equal(p.Rows, []int64{64, 256, 0}) {
			t.Errorf("rows: %v", p.Rows)
		}
	})
	t.Run("few rows of nobody make one shard of their weight, whose keys are not asked for", func(t *testing.T) {
		users := population(slices.Repeat([]int64{4}, 64)...)
		users[17].posts = -5 // five rows name somebody who is not there
		w := &world{users: users, plain: true, unowned: numbered("p", 6)}
		p := made(t, w, compiled(40, "all"))
		if got := outline(p.of(shard.Unowned)); got != "0/11" || slices.Contains(w.keysOf, "posts") {
			t.Errorf("got %s, keys of %v", got, w.keysOf)
		}
		if p.Rows[1] != 63*4+5+6 {
			t.Errorf("%d rows", p.Rows[1])
		}
	})
	t.Run("many rows of nobody are cut by their keys", func(t *testing.T) {
		w := &world{users: population(1, 1), plain: true, unowned: numbered("p", 25)}
		if got := outline(made(t, w, compiled(10, "all")).of(shard.Unowned)); got != "0/10 0/10 0/5" {
			t.Errorf("got %s", got)
		}
	})
}
