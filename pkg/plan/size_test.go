package plan

import (
	"slices"
	"testing"
	"time"

	"rehome/pkg/shard"
)

func TestFitting(t *testing.T) {
	quick := shard.Probe{Rows: 8000, Bytes: 8000 * 100, Took: 8 * time.Millisecond}
	slow := shard.Probe{Rows: 8000, Bytes: 8000 * 100, Took: 800 * time.Millisecond}
	for name, c := range map[string]struct {
		rows  int64
		probe shard.Probe
		want  int64
	}{
		"many quick rows make the largest shards":                  {1e9, quick, 200_000},
		"slow rows make shards of the time that is wanted":         {1e9, slow, 10_000},
		"very slow rows make the smallest shards":                  {1e9, shard.Probe{Rows: 10, Took: time.Minute}, 2_000},
		"wide rows make shards of the bytes that are wanted":       {1e9, shard.Probe{Rows: 100, Bytes: 100 << 20, Took: time.Millisecond}, 2_000},
		"a million rows make shards for all workers":               {1e6, quick, 20_000},
		"a small population makes the smallest shards":             {5_000, quick, 2_000},
		"where there is nothing to probe there is a weight though": {0, shard.Probe{}, 2_000},
		"a weight is round":                                        {1_234_567, quick, 24_000},
	} {
		t.Run(name, func(t *testing.T) {
			if got := fitting(c.rows, c.probe); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestAuto(t *testing.T) {
	slow := shard.Probe{Rows: 1000, Bytes: 1000, Took: 200 * time.Millisecond} // a shard of 5,000 rows takes the time that is wanted
	population := population(slices.Repeat([]int64{9}, 40_000)...)
	t.Run("a mapping that says auto gets shards of the weight that the probe comes to, and the record tells it", func(t *testing.T) {
		for _, plain := range []bool{false, true} {
			w, m := &world{users: population, plain: plain, probe: slow}, compiled(0, "all")
			p, err := Make(t.Context(), m, w, runID)
			if err != nil {
				t.Fatal(err)
			}
			if p.ShardRows != 5000 || p.Record(m).ShardRows != 5000 || len(p.of(shard.OfUsers)) != 88 {
				t.Errorf("%d shards of %d rows, %d in the record", len(p.of(shard.OfUsers)), p.ShardRows, p.Record(m).ShardRows)
			}
			if n := len(w.probed); n != probedParts || w.probed[n-1].Through == nil {
				t.Errorf("%d ranges were probed, the last through %v", n, w.probed[n-1].Through)
			}
		}
	})
	t.Run("a mapping that says a number gets that, and nothing is probed", func(t *testing.T) {
		w, m := &world{users: population, probe: slow}, compiled(1000, "all")
		if p := made(t, w, m); p.Record(m).ShardRows != 1000 || w.probed != nil {
			t.Errorf("shards of %d rows, probed %v", p.Record(m).ShardRows, w.probed)
		}
	})
	t.Run("nobody makes a plan too", func(t *testing.T) {
		if p, err := Make(t.Context(), compiled(0, "all"), &world{}, runID); err != nil || p.ShardRows != leastRows {
			t.Error(p, err)
		}
	})
}
