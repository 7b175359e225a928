package dashboard

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/ledger"
	"rehome/pkg/report"
)

// A viewer is a client that draws the map from what it is told.
type viewer struct {
	epoch         string
	version       int
	states, waves []byte
	fetched       int
}

func (v *viewer) fetch(g *drawing) {
	v.epoch, v.version, v.states, v.waves = g.Epoch, g.Version, slices.Clone(g.States), slices.Clone(g.Waves)
	v.fetched++
}

func (v *viewer) hear(g *drawing) {
	for _, c := range g.behind(v.version) {
		if c.Epoch != v.epoch || c.Version != v.version+1 {
			v.fetch(g)
			return
		}
		for _, change := range c.Changes {
			for len(v.states) <= change[0] {
				v.states, v.waves = append(v.states, 0), append(v.waves, behindWaves)
			}
			v.states[change[0]], v.waves[change[0]] = byte(change[1]), byte(change[2])
		}
		v.version = c.Version
	}
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	waves := []string{"casual", "all"}
	t.Run("whoever goes by the changes sees what is", rapid.MakeCheck(func(t *rapid.T) {
		found := &ledger.ShardMap{Run: "r"}
		var g *drawing
		first := (*drawing)(nil).next(found, "p", waves)
		g = first
		var fast, slow viewer
		fast.fetch(g)
		slow.fetch(g)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			next := &ledger.ShardMap{Run: "r", Marks: slices.Clone(found.Marks), Waves: slices.Clone(found.Waves)}
			for range rapid.IntRange(0, 3).Draw(t, "new") {
				next.Marks, next.Waves = append(next.Marks, ledger.MarkPlanned), append(next.Waves, int32(rapid.IntRange(0, 3).Draw(t, "wave")))
			}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				if len(next.Marks) > 0 {
					next.Marks[rapid.IntRange(0, len(next.Marks)-1).Draw(t, "which")] = ledger.Mark(rapid.IntRange(1, 7).Draw(t, "mark"))
				}
			}
			found = next
			if drawn := g.next(found, "p", waves); drawn != nil {
				g = drawn
			}
			fast.hear(g)
			if rapid.IntRange(0, 9).Draw(t, "listens") == 0 {
				slow.hear(g)
			}
		}
		slow.hear(g)
		for name, v := range map[string]*viewer{"fast": &fast, "slow": &slow} {
			if !slices.Equal(v.states, g.States) || v.version != g.Version {
				t.Fatalf("%s sees %v of version %d, and is %v of version %d", name, v.states, v.version, g.States, g.Version)
			}
			for i, state := range g.States {
				if state != 0 && v.waves[i] != g.Waves[i] {
					t.Fatalf("%s sees wave %d of shard %d", name, v.waves[i], i)
				}
			}
		}
		if fast.fetched != 1 {
			t.Fatalf("who is there all the time has asked %d times", fast.fetched)
		}
	}))
	at := func(marks ...ledger.Mark) *ledger.ShardMap {
		return &ledger.ShardMap{Run: "r", Marks: marks, Waves: make([]int32, len(marks))}
	}
	first := (*drawing)(nil).next(at(1, 1, 1), "p", waves)
	t.Run("nothing new is no version", func(t *testing.T) {
		if next := first.next(at(1, 1, 1), "p", waves); next != nil {
			t.Errorf("got %+v", next)
		}
	})
	t.Run("another plan or process is another epoch", func(t *testing.T) {
		other := at(1, 1, 1)
		other.Run = "s"
		if a, b := first.next(other, "p", waves), first.next(at(1, 1, 1), "q", waves); a.Epoch == first.Epoch || b.Epoch == first.Epoch || a.Epoch == b.Epoch {
			t.Errorf("%s, %s, %s", first.Epoch, a.Epoch, b.Epoch)
		}
	})
	t.Run("what is too much to tell, or gone, is a gap", func(t *testing.T) {
		many := (*drawing)(nil).next(at(slices.Repeat([]ledger.Mark{1}, mostChanges+1)...), "p", waves)
		next := many.next(at(slices.Repeat([]ledger.Mark{3}, mostChanges+1)...), "p", waves)
		fewer := first.next(at(1), "p", waves)
		for name, g := range map[string]*drawing{"too much": next, "gone": fewer} {
			if list := g.behind(1); len(list) != 1 || list[0].Version != 3 || len(list[0].Changes) != 0 {
				t.Errorf("%s: %+v", name, list)
			}
		}
	})
	t.Run("another death is told though no state is another", func(t *testing.T) {
		dead := at(5, 1)
		dead.Deaths = 1
		g := (*drawing)(nil).next(dead, "p", waves)
		again := at(5, 1)
		again.Deaths = 2
		if next := g.next(again, "p", waves); next == nil || next.deaths != 2 || next.Version != g.Version {
			t.Errorf("got %+v", next)
		}
	})
}

func TestPast(t *testing.T) {
	t.Parallel()
	var p past
	began := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	for second := range 12 * 3600 { // a night at a hundred rows a second
		p.add(began.Add(time.Duration(second)*time.Second), report.Progress{Moved: int64(100 * second), PlannedRows: 100 * 13 * 3600, Workers: report.Workers{Busy: 4}})
	}
	points := p.since(time.Time{})
	if len(points) < mostPoints/2 || len(points) > mostPoints {
		t.Fatalf("%d points", len(points))
	}
	first, last := points[0], points[len(points)-1]
	if first.At.Sub(began) > 5*time.Minute || last.At.Sub(began) < 12*time.Hour-5*time.Minute {
		t.Errorf("they are from %s to %s", first.At, last.At)
	}
	for _, point := range points[1:] {
		if point.Rows < 99 || point.Rows > 101 || point.Busy != 4 {
			t.Fatalf("a point is %+v", point)
		}
	}
	if later := p.since(last.At.Add(-time.Millisecond)); len(later) != 1 || later[0] != last {
		t.Errorf("the newest is %v", later)
	}
	loading := p.last
	loading.Shards = report.Shards{Planned: 10, Done: 9, Pending: 1}
	if r := p.rate(&loading); r.Left == nil || r.Left.Middle < 3500 || r.Left.Middle > 3700 || r.Rows < 99 || r.Rows > 101 {
		t.Errorf("the rate is %+v, %+v", r.Rate, r.Left)
	}
	paused, done := loading, loading
	paused.Controls.Paused, done.Shards = "slow", report.Shards{Planned: 10, Done: 10}
	for name, progress := range map[string]report.Progress{"paused": paused, "done": done} {
		if r := p.rate(&progress); r.Left != nil {
			t.Errorf("%s: %s", name, cmp.Diff(nil, r.Left))
		}
	}
	t.Run("the time left goes by what was seen since a pause, as in the terminal", func(t *testing.T) {
		var p past
		var moved int64
		for second := range 300 {
			progress := report.Progress{PlannedRows: 100_000, Shards: report.Shards{Planned: 10, Pending: 10}}
			if second >= 60 && second < 240 {
				progress.Controls.Paused = "slow"
			} else {
				moved += 100
			}
			progress.Moved = moved
			p.add(began.Add(time.Duration(second)*time.Second), progress)
		}
		if r := p.rate(&p.last); r.Left == nil || r.Left.Middle < 870 || r.Left.Middle > 890 {
			t.Errorf("88,000 rows at 100 a second take %+v", r.Left)
		}
	})
}
