package throttle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A shelf is a process that reads shards as fast as its Pacer allows.
type shelf struct {
	pacer Pacer
	share Share
	busy  atomic.Int32 // of its slots
}

// shard reads so many rows, of which each takes cost; what comes before and after takes rest.
func (s *shelf) shard(ctx context.Context, rows int, cost, rest time.Duration) error {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	f := s.pacer.Flow()
	defer f.End()
	for range rows {
		time.Sleep(cost) //nolint:forbidigo // of the bubble's clock, which does not wait
		if err := f.Take(ctx, 1); err != nil {
			return err
		}
	}
	time.Sleep(rest) //nolint:forbidigo // as above
	return nil
}

// fleet has processes of some slots each read shards for so long, with a limit on all together, and returns what they have read in every second.
func fleet(t *testing.T, processes, slots, limit int, lasts time.Duration, change func(second int, fleet []*shelf)) (perSecond []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var working sync.WaitGroup
	all := make([]*shelf, processes)
	total := func() (n int64) {
		for _, s := range all {
			n += s.pacer.Read()
		}
		return n
	}
	for i := range all {
		s := &shelf{}
		all[i] = s
		s.pacer.Set(0, 1)
		for range slots {
			working.Go(func() {
				for ctx.Err() == nil {
					_ = s.shard(ctx, 700, 0, 50*time.Millisecond)
					time.Sleep(20 * time.Millisecond) //nolint:forbidigo // as above
				}
			})
		}
	}
	last := int64(0)
	for tick := 0; ctx.Err() == nil; tick++ {
		time.Sleep(500 * time.Millisecond) //nolint:forbidigo // as above
		busy := 0
		for _, s := range all {
			busy += int(s.busy.Load())
		}
		for _, s := range all {
			s.share.See(500*time.Millisecond, int(s.busy.Load()), busy)
			s.pacer.Set(s.share.Of(float64(limit)), 1)
		}
		if tick%2 == 1 {
			now := total()
			perSecond, last = append(perSecond, now-last), now
			if change != nil {
				change(len(perSecond), all)
			}
		}
	}
	working.Wait()
	return perSecond
}

// window returns the least and the most of what is read in ten seconds.
func window(perSecond []int64) (least, most int64) {
	least = math.MaxInt64
	for i := 10; i <= len(perSecond); i++ {
		sum := int64(0)
		for _, n := range perSecond[i-10 : i] {
			sum += n
		}
		least, most = min(least, sum), max(most, sum)
	}
	return least, most
}

func TestRowsPerSecondAreASumOverProcesses(t *testing.T) {
	for _, tt := range []struct{ processes, slots, limit int }{{1, 1, 200}, {1, 4, 1000}, {8, 1, 5000}, {8, 4, 20000}, {3, 2, 50}} {
		t.Run(fmt.Sprintf("%d rows by %d processes of %d slots, within 10 %% in windows of 10 s", tt.limit, tt.processes, tt.slots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				perSecond := fleet(t, tt.processes, tt.slots, tt.limit, time.Minute, nil)
				least, most := window(perSecond[3:])
				want := float64(10 * tt.limit)
				t.Logf("%d to %d rows in ten seconds", least, most)
				if float64(least) < 0.9*want || float64(most) > 1.1*want {
					t.Errorf("%d to %d rows in ten seconds, want %.0f within 10 %%", least, most, want)
				}
			})
		})
	}
}

func TestALimitThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pacer
		p.Set(1, 1)
		f := p.Flow()
		var done time.Duration
		var reading sync.WaitGroup
		reading.Go(func() {
			began := time.Now()
			if err := f.Take(t.Context(), 1000); err != nil {
				t.Error(err)
			}
			done = time.Since(began)
		})
		time.Sleep(2 * time.Second) //nolint:forbidigo // as above
		p.Set(Unlimited, 1)
		reading.Wait()
		if done > 2*time.Second+longest {
			t.Errorf("who waited under the old limit goes on after %s", done)
		}
	})
}

func TestPace(t *testing.T) {
	for _, pace := range []float64{0.9, 0.5, 0.1} {
		t.Run(fmt.Sprintf("at %.1f of full speed work takes that much longer", pace), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &shelf{}
				s.pacer.Set(Unlimited, pace)
				began := time.Now()
				if err := s.shard(t.Context(), 10_000, time.Millisecond, 0); err != nil {
					t.Fatal(err)
				}
				if got := 10 / time.Since(began).Seconds(); math.Abs(got-pace) > 0.02 {
					t.Errorf("%.3f of full speed", got)
				}
			})
		})
	}
	t.Run("at 0 all stands still until it is better", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &shelf{}
			s.pacer.Set(Unlimited, 0)
			var working sync.WaitGroup
			working.Go(func() {
				if err := s.shard(t.Context(), 1000, 0, 0); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Hour) //nolint:forbidigo // as above
			if n := s.pacer.Read(); n > 0 {
				t.Errorf("%d rows were read", n)
			}
			s.pacer.Set(Unlimited, 1)
			began := time.Now()
			working.Wait()
			if d := time.Since(began); d > nap {
				t.Errorf("it goes on after %s", d)
			}
		})
	})
	t.Run("who stands still is told to stop at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			why := errors.New("paused")
			ctx, cancel := context.WithCancelCause(t.Context())
			s := &shelf{}
			s.pacer.Set(Unlimited, 0)
			time.AfterFunc(time.Minute, func() { cancel(why) })
			began := time.Now()
			if err := s.shard(ctx, 10, 0, 0); !errors.Is(err, why) || time.Since(began) != time.Minute {
				t.Errorf("it ends with %v after %s", err, time.Since(began))
			}
		})
	})
}

func TestShare(t *testing.T) {
	t.Run("of those who look at the same time adds up to 1, whoever comes, goes or dies", func(t *testing.T) {
		shares, slots := make([]Share, 5), [5]int{4, 1, 0, 2, 3}
		for tick := range 100 {
			slots[tick%5] = (slots[tick%5] + tick) % 5
			all := 0
			for _, n := range slots {
				all += n
			}
			sum := 0.0
			for i := range shares {
				shares[i].See(500*time.Millisecond, slots[i], all)
				sum += shares[i].Of(1)
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Fatalf("%v, after %d looks", sum, tick+1)
			}
		}
	})
	t.Run("is nothing while nothing is in work", func(t *testing.T) {
		var s Share
		s.See(0, 0, 0)
		if got := s.Of(1000); got != 0 {
			t.Errorf("%v", got)
		}
	})
	t.Run("of one alone is all, before the ledger has noticed", func(t *testing.T) {
		var s Share
		s.See(0, 1, 0)
		if got := s.Of(1000); got != 1000 {
			t.Errorf("%v", got)
		}
	})
}

func BenchmarkTakeUnlimited(b *testing.B) {
	var p Pacer
	f := p.Flow()
	b.ReportAllocs()
	for b.Loop() {
		_ = f.Take(b.Context(), 1)
	}
}
