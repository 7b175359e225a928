package report

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rehome/pkg/throttle"
)

// fed returns a pace that was given so many rows and users with each second.
func fed(rows ...int64) *Pace {
	p := &Pace{}
	var sum int64
	for i, n := range rows {
		sum += n
		p.Add(begun.Add(time.Duration(i)*time.Second), sum, sum/10)
	}
	return p
}

func steady(seconds int, rows int64) []int64 {
	all := make([]int64, seconds)
	for i := range all {
		all[i] = rows
	}
	return all
}

func TestPace(t *testing.T) {
	t.Run("a steady run has its rate, and next to no spread", func(t *testing.T) {
		p := fed(steady(120, 1000)...)
		if now, mean := p.Now(), p.Mean(); now != (Rate{1000, 100}) || mean != (Rate{1000, 100}) {
			t.Errorf("now %v, mean %v", now, mean)
		}
		if left := p.Left(60_000); left == nil || *left != (Left{60, 60, 60}) {
			t.Errorf("left %v", left)
		}
	})
	t.Run("a run whose windows differ has the spread of their rates, however long it goes on", func(t *testing.T) {
		var rows []int64
		for range 5 {
			rows = append(append(rows, steady(60, 500)...), steady(60, 1500)...)
		}
		left := fed(rows...).Left(100_000)
		if left == nil || math.Abs(left.Low-100_000./1500) > 1 || math.Abs(left.High-100_000./500) > 1 || left.Middle < 90 || left.Middle > 120 {
			t.Errorf("left %v", left)
		}
	})
	t.Run("the mean forgets what is older than five minutes, and now what is older than fifteen seconds", func(t *testing.T) {
		p := fed(append(steady(600, 10_000), append(steady(300, 1000), steady(16, 50)...)...)...)
		if now, mean := p.Now().Rows, p.Mean().Rows; now != 50 || mean < 900 || mean > 1000 {
			t.Errorf("now %v, mean %v", now, mean)
		}
		if len(p.samples) > 302 {
			t.Errorf("%d samples are kept", len(p.samples))
		}
	})
	t.Run("few shards tell nothing", func(t *testing.T) {
		if left := fed(0, 20_000, 0, 20_000, 0, 0, 20_000, 20_000).Left(1); left != nil {
			t.Errorf("left %v", left)
		}
	})
	t.Run("a second is too short for a rate", func(t *testing.T) {
		p := &Pace{}
		for i := range int64(8) {
			p.Add(begun.Add(time.Duration(i)*100*time.Millisecond), i*1000, i)
		}
		if p.Now() != (Rate{}) || p.Left(1) != nil {
			t.Errorf("now %v, left %v", p.Now(), p.Left(1))
		}
	})
	t.Run("shards that end in lumps are no reason for a wide spread", func(t *testing.T) {
		var rows []int64
		for range 30 {
			rows = append(append(rows, 20_000), steady(9, 0)...)
		}
		if now := fed(rows...).Now().Rows; now < 1500 || now > 2700 {
			t.Errorf("now %v", now)
		}
		if left := fed(rows...).Left(200_000); left == nil || left.High > 1.6*left.Middle || left.Low < left.Middle/1.6 {
			t.Errorf("left %v", left)
		}
	})
	t.Run("a run that stands still for longer than its shards take has no time left", func(t *testing.T) {
		p := fed(append(steady(60, 1000), steady(30, 0)...)...)
		if left := p.Left(1000); left != nil {
			t.Errorf("left %v", left)
		}
	})
	t.Run("after a pause, or where less is done than before, it begins anew", func(t *testing.T) {
		p := fed(steady(60, 1000)...)
		p.Forget()
		if p.Now() != (Rate{}) || p.Left(1) != nil {
			t.Error("what came before the pause still counts")
		}
		p = fed(steady(60, 1000)...)
		p.Add(begun.Add(time.Minute), 10, 1)
		if p.Now() != (Rate{}) || p.Left(1) != nil {
			t.Error("what came before the users were done again still counts")
		}
	})
}

func TestFollow(t *testing.T) {
	var p Pace
	for s := range int64(60) {
		p.Follow(progress(1000*s, 100_000, 0, 9), begun.Add(time.Duration(s)*time.Second))
	}
	now := progress(60_000, 100_000, 0, 9)
	t.Run("the rest is what the plan has and was not moved", func(t *testing.T) {
		if left := p.Rest(now); left == nil || left.String() != "about 40.0s left" {
			t.Error(left)
		}
		if left := p.Rest(progress(100, 100, 9, 9)); left != nil {
			t.Error(left)
		}
	})
	t.Run("nobody knows how long a pause or a halt takes; afterwards it begins anew, as it does with other limits", func(t *testing.T) {
		for _, c := range []Controls{{Paused: "backup"}, {Halted: "the schema has changed"}, {Limits: throttle.Limits{Rows: 1}}} {
			p, now := Pace{samples: append([]sample{}, p.samples...)}, now
			now.Controls = c
			if left := p.Rest(now); left != nil && c.Limits == (throttle.Limits{}) {
				t.Error(left)
			}
			p.Follow(now, begun.Add(time.Minute))
			if now.Controls = (Controls{}); p.Rest(now) != nil || p.Now() != (Rate{}) {
				t.Errorf("after %+v: %v, %v", c, p.Rest(now), p.Now())
			}
		}
	})
	t.Run("a load that has ended has no rate", func(t *testing.T) {
		p := Pace{samples: append([]sample{}, p.samples...)}
		for s := range 3 {
			p.Follow(progress(100_000, 100_000, 9, 9), begun.Add(time.Minute+time.Duration(s)*time.Second))
			if p.Now() != (Rate{}) {
				t.Error(p.Now())
			}
		}
	})
	t.Run("a spread that is more than a tenth is told", func(t *testing.T) {
		if got := (Left{540, 720, 900}).String(); got != "about 12m00s left (9m00s to 15m00s)" {
			t.Error(got)
		}
	})
}

func TestPaceIsInOrderWhateverItIsFed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, at, rows := &Pace{}, begun, int64(0)
		for range rapid.IntRange(0, 400).Draw(t, "samples") {
			at = at.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			rows += rapid.SampledFrom([]int64{0, 0, 1, 4000, 20_000, -50}).Draw(t, "rows")
			p.Add(at, rows, rows/7)
			for _, rate := range []Rate{p.Now(), p.Mean()} {
				if rate.Rows < 0 || math.IsNaN(rate.Rows) || math.IsInf(rate.Rows, 0) {
					t.Fatalf("the rate is %v", rate)
				}
			}
			left := p.Left(1_000_000)
			if left == nil {
				continue
			}
			if !(0 < left.Low && left.Low <= left.Middle && left.Middle <= left.High && left.High <= 10.0001*left.Middle) {
				t.Fatalf("left is %+v", *left)
			}
		}
	})
}
