package worker

import (
	"testing"
	"time"

	"rehome/pkg/shard"
	"rehome/pkg/transfer"
)

func TestWindow(t *testing.T) {
	const mib = 1 << 20
	// done is a shard of so many bytes at so many in a second, half of the time for COPY.
	done := func(bytes, perSecond int64) *shard.Timing {
		ms := bytes * 1000 / perSecond
		return &shard.Timing{Copy: ms / 2, ReadBack: ms - ms/2, Bytes: bytes}
	}
	for name, c := range map[string]struct {
		own   transfer.Limits
		rates []int64 // of 32 MiB each, one shard after the other
		want  []int
	}{
		"a fast target leaves windows as they are":               {transfer.Limits{}, []int64{100 * mib, 20 * mib}, []int{8 * mib, 8 * mib}},
		"windows that take too long are halved, to the least":    {transfer.Limits{}, []int64{mib, mib, mib, mib / 8, mib / 8, mib / 8, mib / 8}, []int{4 * mib, 2 * mib, 2 * mib, mib, mib / 2, mib / 4, mib / 4}},
		"and are doubled again when they take little":            {transfer.Limits{}, []int64{mib, mib, 100 * mib, 100 * mib, 100 * mib}, []int{4 * mib, 2 * mib, 4 * mib, 8 * mib, 8 * mib}},
		"what lies between changes nothing":                      {transfer.Limits{}, []int64{mib, 4 * mib, 4 * mib}, []int{4 * mib, 4 * mib, 4 * mib}},
		"never beyond what the worker may":                       {transfer.Limits{WindowBytes: mib}, []int64{100 * mib, mib / 4, 100 * mib, 100 * mib}, []int{mib, mib / 2, mib, mib}},
		"nor below what is less than the least, where it may so": {transfer.Limits{WindowBytes: 1000}, []int64{1}, []int{1000}},
	} {
		t.Run(name, func(t *testing.T) {
			var w window
			for i, rate := range c.rates {
				w.follow(done(32*mib, rate), c.own)
				if got := w.limits(c.own).WindowBytes; got != c.want[i] {
					t.Errorf("after %d shards %d bytes, want %d", i+1, got, c.want[i])
				}
			}
		})
	}
	t.Run("a shard of fewer bytes than a window is one that has not filled it", func(t *testing.T) {
		var w window
		for _, c := range []struct {
			bytes, rate int64
			want        int
		}{{2 * mib, mib / 2, mib}, {mib / 2, 100 * mib, mib}, {2 * mib, 100 * mib, 2 * mib}} {
			w.follow(done(c.bytes, c.rate), transfer.Limits{})
			if got := w.limits(transfer.Limits{}).WindowBytes; got != c.want {
				t.Errorf("behind %d bytes: %d, want %d", c.bytes, got, c.want)
			}
		}
	})
	t.Run("a shard that has copied nothing, or that nobody has measured, changes nothing", func(t *testing.T) {
		var w window
		w.follow(&shard.Timing{Copy: 5000}, transfer.Limits{})
		w.follow(nil, transfer.Limits{})
		if got := w.limits(transfer.Limits{Attempts: 7}); got != (transfer.Limits{Attempts: 7}) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a shard is measured in milliseconds", func(t *testing.T) {
		if got := (&shard.Timing{Copy: 1500}).In(shard.Copying); got != 1500*time.Millisecond {
			t.Errorf("got %s", got)
		}
	})
}
