package worker

import (
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/throttle"
)

func TestClimb(t *testing.T) {
	// linear is a link on which each slot brings as much as the next, until something else is full.
	linear := func(full int) func(int) stretch {
		return func(open int) stretch { return stretch{rate: float64(min(open, full)) * 1000, full: true} }
	}
	for name, c := range map[string]struct {
		world     func(open int) stretch
		low, high int // of the last hundred steps
	}{
		"slots are opened while each brings more":                {linear(100), 16, 16},
		"one that brings nothing is shut again":                  {linear(6), 6, 7},
		"where none brings more the worker stays with its first": {linear(2), 2, 3},
		"what little more it brings is not worth it":             {func(n int) stretch { return stretch{rate: 1000 + float64(n)*20, full: true} }, 2, 3},
		"limits that bite leave the first":                       {func(n int) stretch { s := linear(100)(n); s.held = n > 1; return s }, 2, 2},
		"processors that are full leave as many as fill them":    {func(n int) stretch { s := linear(100)(n); s.cpu = float64(n) / 10; return s }, 8, 9},
		"without work for those that are open there are no more": {func(n int) stretch { s := linear(100)(n); s.full = n <= 3; return s }, 4, 4},
	} {
		t.Run(name, func(t *testing.T) {
			climb := &climb{open: 2, least: 2, most: 16}
			low, high := 100, 0
			for step := range 300 {
				open := climb.step(c.world(climb.open))
				if open < 2 || open > 16 {
					t.Fatalf("%d slots", open)
				}
				if step >= 200 {
					low, high = min(low, open), max(high, open)
				}
			}
			if low != c.low || high != c.high {
				t.Errorf("%d to %d slots, want %d to %d", low, high, c.low, c.high)
			}
		})
	}
	t.Run("a slot that has brought nothing is not tried again at once", func(t *testing.T) {
		climb, tries := &climb{open: 2, least: 2, most: 16}, 0
		for range 10 * (tired + 2) {
			before := climb.open
			if climb.step(linear(2)(climb.open)) > before {
				tries++
			}
		}
		if tries != 10 {
			t.Errorf("it was tried %d times", tries)
		}
	})
	t.Run("a worker of fewer slots than processors has no more open than it may", func(t *testing.T) {
		if c := newClimb(1); c.open != 1 || c.least != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// A hill is a worker whose rows come at a rate that its open slots make, and that looks as it does.
type hill struct {
	*watch
	rows *throttle.Flow
}

func newHill(t *testing.T, most int) *hill {
	w := &Worker{Slots: most, Auto: true, climb: &climb{open: 2, least: 2, most: most}}
	w.controls.begin(t.Context(), t.Context())
	t.Cleanup(w.controls.end)
	w.controls.open = 2
	return &hill{&watch{Worker: w}, w.pacer.Flow()}
}

// works looks twice a second for so long, while slots have shards, and rows come of it.
func (h *hill) works(t *testing.T, d time.Duration, busy func(open int) int, rows func(open int) int, slow string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < d; <-time.After(lookEvery) {
		open := h.slots()
		if err := h.rows.Take(t.Context(), rows(open)/2); err != nil {
			t.Fatal(err)
		}
		h.climbs(&state{busy: busy(open)}, &order{pace: 1, slow: slow}, time.Now())
	}
}

func TestClimbing(t *testing.T) {
	each := func(open int) int { return open * 100_000 }
	all := func(open int) int { return open }
	for name, c := range map[string]struct {
		busy, rows func(int) int
		slow       string
		want       int
	}{
		"a worker opens slots while rows come faster":           {all, each, "", 8},
		"none while it is slower than it could be":              {all, each, "slowing down to 50%: lag", 2},
		"none while its slots have nothing to do":               {func(int) int { return 1 }, each, "", 2},
		"one that is at work for most of the time has enough":   {func(n int) int { return (3*n + 3) / 4 }, each, "", 8},
		"none where rows come no faster, though it tries again": {all, func(int) int { return 200_000 }, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHill(t, 8)
				h.works(t, 55*time.Second, c.busy, c.rows, c.slow)
				if got := h.slots(); got != c.want {
					t.Errorf("%d slots are open, want %d", got, c.want)
				}
			})
		})
	}
	t.Run("no more slots than are open take a task, and who is told to shut ends its shard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t, 5)
			h.obey(order{pace: 1})
			h.opens(2)
			if got := h.takes(); got != 2 {
				t.Errorf("%d of two", got)
			}
			h.all(taking, busy, 2)
			h.opens(3)
			if got := h.takes(); got != 1 {
				t.Errorf("%d of one more", got)
			}
			h.all(taking, busy, 1)
			h.opens(1)
			h.all(busy, idle, 2)
			if got := h.takes(); got != 0 {
				t.Errorf("%d beside the one", got)
			}
			h.all(busy, idle, 1)
			if got := h.takes(); got != 1 {
				t.Errorf("%d when it has ended", got)
			}
			h.end()
		})
	})
}
