package report

import (
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/shard"
)

func progress(moved, planned, done, shards int64) Progress {
	return Progress{
		Migration: "community", State: "loading", Moved: moved, Rows: moved, PlannedRows: planned,
		Users: Users{Planned: 100}, Shards: Shards{Planned: shards, Done: done},
	}
}

// lineAt returns the line about the progress at the given time.
func lineAt(m *Meter, p Progress, now time.Time) string {
	m.Add(p, now)
	return m.Line(p)
}

func TestMeter(t *testing.T) {
	t.Run("a line tells how far, how fast and how long", func(t *testing.T) {
		var m Meter
		p := progress(0, 1_000_000, 0, 50)
		p.Wave, p.Users.Planned = "casual", 20_000
		if got, want := lineAt(&m, p, begun), "community loading wave casual  0.0%  users 0/20,000  rows 0  shards 0/50"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		for s := range int64(10) {
			m.Add(progress(2000*s, 1_000_000, 0, 50), begun.Add(time.Duration(s)*time.Second))
		}
		p.Moved, p.Rows, p.Users.Migrated, p.Users.Quarantined, p.Shards.Done, p.Shards.Dead = 20_000, 19_990, 398, 2, 1, 1
		want := "community loading wave casual  2.0%  users 400/20,000  rows 19,990  2,000 rows/s  about 8m10s left  shards 1/50 (1 dead)  2 quarantined"
		if got := lineAt(&m, p, begun.Add(10*time.Second)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("the rate is that of the last seconds", func(t *testing.T) {
		var m Meter
		var line string
		for s := range 60 {
			moved := int64(s) * 1000
			if s >= 30 {
				moved = 30_000 + int64(s-30)*10
			}
			line = lineAt(&m, progress(moved, 1_000_000, 0, 9), begun.Add(time.Duration(s)*time.Second))
		}
		if !strings.Contains(line, "  10 rows/s") {
			t.Error(line)
		}
	})
	t.Run("two lines at one moment, a clock that goes back and rows that go back show no rate", func(t *testing.T) {
		var m Meter
		lineAt(&m, progress(10, 100, 0, 9), begun)
		for _, line := range []string{
			lineAt(&m, progress(20, 100, 0, 9), begun), lineAt(&m, progress(30, 100, 0, 9), begun.Add(-time.Hour)), lineAt(new(Meter), progress(5, 100, 0, 9), begun),
		} {
			if strings.Contains(line, "rows/s") || strings.Contains(line, "left") {
				t.Error(line)
			}
		}
		m = Meter{}
		lineAt(&m, progress(50, 100, 1, 9), begun)
		if line := lineAt(&m, progress(20, 100, 0, 9), begun.Add(time.Second)); strings.Contains(line, "rows/s") {
			t.Error(line)
		}
	})
	t.Run("pitfall 22: no line is at 100 % before the last shard is done, and the last one is", func(t *testing.T) {
		for _, test := range []struct {
			p    Progress
			want string
		}{
			{progress(0, 0, 0, 0), "  0.0%"}, {progress(5, 0, 0, 0), "  99.9%"}, {progress(999_999, 1_000_000, 8, 9), "  99.9%"},
			{progress(100, 100, 8, 9), "  99.9%"}, {progress(348, 100, 8, 9), "  99.9%"}, {progress(100, 100, 9, 9), "  100.0%"},
			{progress(90, 100, 9, 9), "  100.0%"}, {progress(-5, 100, 1, 9), "  0.0%"}, {progress(0, 0, 1, 1), "  100.0%"},
		} {
			if line := lineAt(new(Meter), test.p, begun); !strings.Contains(line, test.want+"  ") {
				t.Errorf("%+v: got %s", test.p, line)
			}
		}
	})
	t.Run("whatever is measured, no number is nonsense", rapid.MakeCheck(func(t *rapid.T) {
		var m Meter
		n := rapid.Int64Range(-10, 1<<50)
		for range rapid.IntRange(1, 10).Draw(t, "lines") {
			p := progress(n.Draw(t, "moved"), n.Draw(t, "planned"), rapid.Int64Range(0, 5).Draw(t, "done"), rapid.Int64Range(0, 5).Draw(t, "shards"))
			line := lineAt(&m, p, begun.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "at"))))
			share, err := strconv.ParseFloat(percentage.FindStringSubmatch(line)[1], 64)
			if err != nil || share < 0 || share > 100 || share == 100 != p.Loaded() {
				t.Fatal(line)
			}
			if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") || nonsense.MatchString(line) {
				t.Fatal(line)
			}
		}
	}))
}

var (
	percentage = regexp.MustCompile(`  (-?[0-9.]+)%  `)
	nonsense   = regexp.MustCompile(`-[0-9,]+ rows/s|about -`)
)

func TestOf(t *testing.T) {
	planned := Progress{
		Migration: "community", State: "loading", Wave: "casual", Users: Users{Planned: 10, Migrated: 99}, Moved: 91, PlannedRows: 100, Shards: Shards{Planned: 3, Done: 99, Dead: 1}, Started: begun,
	}
	sums := Progress{Users: Users{Migrated: 7, Quarantined: 1}, Rows: 80, Shards: Shards{Done: 2, Dead: 2}}
	want := Progress{
		Migration: "community", State: "loading", Wave: "casual", Users: Users{Planned: 10, Migrated: 7, Quarantined: 1}, Rows: 80, Moved: 91, PlannedRows: 100,
		Shards: Shards{Planned: 3, Done: 2, Dead: 1}, Started: begun,
	}
	if diff := cmp.Diff(want, sums.Of(planned)); diff != "" {
		t.Error(diff)
	}
	sums.Shards.Done = 4 // one of them of settling
	if got := sums.Of(planned).Shards.Done; got != 3 {
		t.Errorf("%d of 3 shards are done", got)
	}
}

func receipt(ordinal, generation int, state shard.State, migrated, rows int64) shard.Receipt {
	r := shard.Receipt{ID: shard.ID{Ordinal: ordinal, Generation: generation}, State: state, Users: shard.Users{Migrated: migrated}}
	if rows != 0 {
		r.Tables = []shard.Table{{Entry: 0, Source: rows, Written: rows - 1}, {Entry: 1, Source: rows, Written: rows}}
	}
	return r
}

// leftOut is the receipt of a shard that was discarded.
func leftOut(r shard.Receipt) shard.Receipt {
	for i := range r.Tables {
		r.Tables[i].Written, r.Tables[i].LeftOut = 0, r.Tables[i].Source
	}
	return r
}

func TestTally(t *testing.T) {
	receipts := []shard.Receipt{
		receipt(0, 0, shard.Done, 5, 10), receipt(0, 1, shard.Done, -1, -3), // done, and once more with signed numbers
		receipt(1, 0, shard.Dead, 0, 0), receipt(1, 1, shard.Dead, 0, 0), receipt(1, 2, shard.Done, 3, 4),
		receipt(2, 0, shard.Done, 1, 1), receipt(2, 1, shard.Dead, 0, 0),
		receipt(3, 0, shard.Dead, 0, 0), leftOut(receipt(3, 1, shard.Discarded, 0, 7)), // let go
		receipt(4, 0, shard.Dead, 0, 0), leftOut(receipt(4, 1, shard.Discarded, 0, 5)), receipt(4, 2, shard.Done, 2, 5), // and taken back
	}
	want := Progress{Users: Users{Migrated: 10}, Rows: 19 + -7 + 7 + 1 + 9, Shards: Shards{Done: 3, Dead: 1, Discarded: 1}}
	t.Run("each shard and generation counts once, and a shard ends as its newest generation, in any order", rapid.MakeCheck(func(t *rapid.T) {
		again := rapid.SliceOf(rapid.SampledFrom(receipts)).Draw(t, "again")
		all := rapid.Permutation(append(append([]shard.Receipt{}, receipts...), again...)).Draw(t, "order")
		var tally Tally
		added := 0
		for _, r := range all {
			if tally.Add(r) {
				added++
			}
		}
		if added != len(receipts) {
			t.Fatalf("%d receipts of %d were new", added, len(receipts))
		}
		if diff := cmp.Diff(want, tally.Sums()); diff != "" {
			t.Fatal(diff)
		}
	}))
	t.Run("several may add at once", func(t *testing.T) {
		var tally Tally
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for _, i := range rand.Perm(len(receipts)) {
					tally.Add(receipts[i])
					tally.Sums()
				}
			})
		}
		all.Wait()
		if diff := cmp.Diff(want, tally.Sums()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a tally of nothing is nothing", func(t *testing.T) {
		if diff := cmp.Diff(Progress{}, new(Tally).Sums()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStep(t *testing.T) {
	t.Run("the end of the load says what it is at in place of counts", func(t *testing.T) {
		line := lineAt(new(Meter), Progress{Migration: "m", State: "settling", Step: "putting back 3 of 20: posts_fkey of app.posts"}, time.Now())
		if want := "m settling  putting back 3 of 20: posts_fkey of app.posts"; line != want {
			t.Errorf("got %q, want %q", line, want)
		}
	})
}
