package throttle

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestJudge(t *testing.T) {
	limits := Limits{Rows: 5, Slots: 1, Lag: 10 * time.Second, Threads: 40, ReplicationLag: 10 * time.Second, Backends: 100}
	for _, c := range []struct {
		name   string
		load   Load
		pace   float64
		reason string
	}{
		{"nothing is measured of what only the workers count", Load{}, 1, ""},
		{"full speed up to 70 % of a limit", Load{Lag: 7 * time.Second, Threads: 28, Backends: 70}, 1, ""},
		{"less behind that", Load{Lag: 8500 * time.Millisecond}, 0.55, "replica lag 8.5s of 10s"},
		{"a tenth at the limit", Load{Threads: 40}, 0.1, "40 of 40 threads running in the legacy server"},
		{"nothing above it", Load{Backends: 101}, 0, "101 of 100 backends active in the target server"},
		{"the worst decides", Load{Lag: 9 * time.Second, Backends: 80, ReplicationLag: 9900 * time.Millisecond}, 0.13, "standby lag 9.9s of 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pace, reason := limits.Judge(c.load)
			if math.Abs(pace-c.pace) > 1e-9 || reason != c.reason {
				t.Errorf("%v %q, want %v %q", pace, reason, c.pace, c.reason)
			}
		})
	}
	t.Run("what is not limited slows nobody down", func(t *testing.T) {
		if pace, reason := (Limits{Threads: 4}).Judge(Load{Lag: time.Hour, ReplicationLag: time.Hour, Backends: 1000}); pace != 1 || reason != "" {
			t.Errorf("%v %q", pace, reason)
		}
	})
}

func anyLoad(t *rapid.T, near Limits) Load {
	part := rapid.Float64Range(0, 1.5)
	of := func(limit float64, name string) float64 { return limit * part.Draw(t, name) }
	return Load{
		Lag: time.Duration(of(float64(near.Lag), "lag")), Threads: int(of(float64(near.Threads), "threads")),
		ReplicationLag: time.Duration(of(float64(near.ReplicationLag), "replication lag")), Backends: int(of(float64(near.Backends), "backends")),
	}
}

func TestJudgeHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLimits(t)
		load := anyLoad(t, l)
		pace, reason := l.Judge(load)
		if pace < 0 || pace > 1 || (pace == 1) != (reason == "") {
			t.Fatalf("%v of %v is %v, %q", load, l, pace, reason)
		}
		above := l.Lag > 0 && load.Lag > l.Lag || l.Threads > 0 && load.Threads > l.Threads ||
			l.ReplicationLag > 0 && load.ReplicationLag > l.ReplicationLag || l.Backends > 0 && load.Backends > l.Backends
		if above != (pace == 0) {
			t.Fatalf("%v of %v is %v", load, l, pace)
		}
		more := load
		more.Threads += rapid.IntRange(0, 1000).Draw(t, "more threads")
		more.Lag += time.Duration(rapid.IntRange(0, 1000).Draw(t, "more lag")) * time.Millisecond
		if after, _ := l.Judge(more); after > pace {
			t.Fatalf("%v is judged %v, and %v, which is more, %v", load, pace, more, after)
		}
	})
}

func TestAGaugeFallsAtOnceAndRisesSlowly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLimits(t)
		g := Gauge{Pace: rapid.Float64Range(0, 1).Draw(t, "pace"), Reason: "x"}
		load := anyLoad(t, l)
		judged, _ := l.Judge(load)
		next := g.Next(l, load)
		switch {
		case next.Pace > judged, next.Pace > g.Pace+climb+near, next.Pace < min(judged, g.Pace):
			t.Fatalf("%v is followed by %v, judged %v", g, next, judged)
		case judged <= g.Pace && next.Pace != judged:
			t.Fatalf("%v falls to %v and not at once to %v", g, next, judged)
		case (next.Pace == 1) != (next.Reason == ""):
			t.Fatalf("pace %v has the reason %q", next.Pace, next.Reason)
		}
	})
}

func TestAGaugeRisesToFullSpeed(t *testing.T) {
	l := Limits{Threads: 10}
	g := Gauge{Pace: 1}.Next(l, Load{Threads: 11})
	var paces, reasons []string
	for range 11 {
		paces, reasons = append(paces, g.Percent()), append(reasons, g.Reason)
		g = g.Next(l, Load{Threads: 1})
	}
	if got := strings.Join(paces, " "); got != "0 % 10 % 20 % 30 % 40 % 50 % 60 % 70 % 80 % 90 % 100 %" {
		t.Errorf("got %s", got)
	}
	const first = "11 of 10 threads running in the legacy server"
	want := []string{first}
	for range 9 {
		want = append(want, "going up again after: "+first)
	}
	if diff := cmp.Diff(append(want, ""), reasons); diff != "" {
		t.Error(diff)
	}
}

// A server whose lag grows while the work is faster than it bears, and shrinks while it is slower, is what a throttle is for.
func TestAGaugeSettlesBelowTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := time.Duration(rapid.Int64Range(int64(2*time.Second), int64(time.Minute)).Draw(t, "limit"))
		bears := rapid.Float64Range(0.05, 0.95).Draw(t, "what it bears of full speed")
		l, g, lag := Limits{Lag: limit}, Gauge{Pace: 1}, 0.0
		for second := range 600 {
			g = g.Next(l, Load{Lag: time.Duration(lag * float64(time.Second))})
			lag = max(0, lag+g.Pace/bears-1)
			if second > 300 && lag > limit.Seconds()+1/bears {
				t.Fatalf("a lag of %.1fs after %d s, with a limit of %s", lag, second, limit)
			}
		}
	})
}

func TestHeldStandsStill(t *testing.T) {
	g := Held("the lag: nobody knows", Load{Threads: 3})
	if g.Pace != 0 || g.Describe() != "standing still: cannot measure the lag: nobody knows" || g.Load.Threads != 3 || !g.Unknown() {
		t.Errorf("got %+v, %s", g, g.Describe())
	}
	if next := g.Next(Limits{}, Load{}); next.Unknown() || next.Reason != "going up again after: cannot measure the lag: nobody knows" {
		t.Errorf("it is followed by %+v", next)
	}
	if got := (Gauge{Pace: 0.004, Reason: "x"}).Describe(); got != "at 1 %: x" {
		t.Errorf("got %s", got)
	}
	if got := (Gauge{Pace: 1}).Describe(); got != "full speed" {
		t.Errorf("got %s", got)
	}
}
