package producer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/checksum"
	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

func TestGateOfAWave(t *testing.T) {
	file := &mapping.File{Waves: []mapping.Wave{{Gate: &mapping.Gate{Quarantined: 1}}, {}, {}}, Stop: mapping.Stop{Quarantined: 5}}
	sum := func(source, written int64) []shard.Table {
		return []shard.Table{{Source: source, Read: source, Written: written}, {Source: 7, Read: 7, SetAside: 7}}
	}
	for _, tt := range []struct {
		name string
		wave ledger.Wave
		sums []shard.Table
		want string
	}{
		{"nothing to judge passes", ledger.Wave{}, nil, ""},
		{"as much as the limit allows passes", ledger.Wave{Migrated: 990, Quarantined: 10}, sum(1000, 1000), ""},
		{"one user more does not", ledger.Wave{Migrated: 989, Quarantined: 11}, nil, "11 of 1,000 users tried are quarantined, more than the 1% that it allows"},
		{"a gate of its own has no least number of users", ledger.Wave{Migrated: 1, Quarantined: 1}, nil, "1 of 2 users tried is quarantined, more than the 1% that it allows"},
		{"without one, stop.quarantined holds", ledger.Wave{Wave: 1, Migrated: 900, Quarantined: 100}, nil,
			"100 of 1,000 users tried are quarantined, more than the 5% that it allows"},
		{"which has a least number of users", ledger.Wave{Wave: 1, Migrated: 899, Quarantined: 100}, nil, ""},
		{"a dead shard closes it", ledger.Wave{Dead: 2}, nil, "2 of its shards are dead"},
		{"one that was discarded is settled", ledger.Wave{Discarded: 2}, nil, ""},
		{"rows that ended nowhere close it", ledger.Wave{}, sum(10, 7), "3 of its rows are unexplained"},
		{"rows that ended twice close it", ledger.Wave{}, sum(10, 11), "1 of its rows is unexplained"},
		{"rows that were not read close it", ledger.Wave{}, []shard.Table{{Source: 3, Read: 2, Written: 3}}, "what of it is stored is not what was read"},
		{"a checksum that differs closes it", ledger.Wave{}, []shard.Table{{Stored: checksum.Row("t", []byte("x"))}}, "what of it is stored is not what was read"},
		{"all reasons are told", ledger.Wave{Dead: 1, Quarantined: 1}, sum(2, 1), "1 of its shards is dead\n1 of its rows is unexplained\n" +
			"1 of 1 users tried is quarantined, more than the 1% that it allows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, strings.Join(closedFor(file, tt.wave, tt.sums), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("all waves have one but the last", func(t *testing.T) {
		if !gated(file, 0) || !gated(file, 1) || gated(file, 2) || gated(file, 3) {
			t.Error("not so")
		}
	})
}

func TestExpectedTimeOfAStage(t *testing.T) {
	t.Run("the first of its kind is given some time, and more where there is much of it", func(t *testing.T) {
		if got := (clocking{}).expect(0); got != leastFirst {
			t.Errorf("got %s", got)
		}
		if got := (clocking{}).expect(60 * assumedRate); got != time.Minute {
			t.Errorf("got %s", got)
		}
	})
	t.Run("what was measured tells of the next, with a margin", func(t *testing.T) {
		c := clocking{bytes: 1 << 30, took: 10 * time.Second}
		if got := c.expect(2 << 30); got != 30*time.Second {
			t.Errorf("got %s", got)
		}
		if got := c.expect(1); got != leastMore {
			t.Errorf("got %s", got)
		}
	})
	t.Run("more of it is never expected to take less", rapid.MakeCheck(func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<45)
		c := clocking{bytes: n.Draw(t, "measured"), took: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "took"))}
		bytes := n.Draw(t, "bytes")
		if less, more := c.expect(bytes), c.expect(bytes+n.Draw(t, "more")); more < less || less < leastMore {
			t.Fatalf("%s, and %s for more", less, more)
		}
	}))
}
