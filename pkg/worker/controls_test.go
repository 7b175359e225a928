package worker

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rehome/pkg/ledger"
)

// A hall is some slots that take tasks whenever they may, and keep them until they are told.
type hall struct {
	*controls
	slots []*slot
	open  []context.Context // of those that may take
}

func newHall(t *testing.T, slots int) *hall {
	h := &hall{controls: &controls{}}
	h.begin(t.Context(), t.Context())
	for range slots {
		h.slots = append(h.slots, &slot{})
	}
	return h
}

// takes has every idle slot ask at once, and returns how many of them may take a task now.
func (h *hall) takes() (n int) {
	asking, cancel := context.WithCancel(context.Background())
	defer cancel()
	admitted := make(chan context.Context, len(h.slots))
	asked := 0
	var asks sync.WaitGroup
	defer asks.Wait()
	for _, s := range h.slots {
		if s.phase != idle {
			continue
		}
		asked++
		asks.Go(func() {
			open, _ := h.admit(asking, s)
			admitted <- open
		})
	}
	synctest.Wait()
	cancel()
	for range asked {
		if open := <-admitted; open != nil {
			n++
			h.open = append(h.open, open)
		}
	}
	return n
}

// all moves slots from one phase to another, at most so many.
func (h *hall) all(from, to phase, most int) {
	for _, s := range h.slots {
		if s.phase == from && most > 0 {
			h.becomes(s, to)
			most--
		}
	}
}

func inHall(t *testing.T, name string, slots int, do func(t *testing.T, h *hall)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHall(t, slots)
			defer h.end()
			do(t, h)
		})
	})
}

func TestAdmission(t *testing.T) {
	expect := func(t *testing.T, h *hall, want int) {
		t.Helper()
		if got := h.takes(); got != want {
			t.Errorf("%d slots take a task, want %d", got, want)
		}
	}
	inHall(t, "nothing is taken before the controls are known", 2, func(t *testing.T, h *hall) {
		expect(t, h, 0)
		h.obey(order{pace: 1})
		expect(t, h, 2)
	})
	inHall(t, "an order that closes ends the waits for tasks, and not what is in work", 2, func(t *testing.T, h *hall) {
		h.obey(order{pace: 1})
		expect(t, h, 2)
		work := h.working()
		h.obey(order{closed: "paused: lunch"})
		if h.open[0].Err() == nil || work.Err() != nil {
			t.Errorf("the wait ends with %v, work with %v", h.open[0].Err(), work.Err())
		}
		h.all(taking, idle, 2)
		expect(t, h, 0)
	})
	inHall(t, "one that rolls back ends what is in work, and not what is taken up after it", 1, func(t *testing.T, h *hall) {
		h.obey(order{pace: 1})
		work := h.working()
		h.obey(order{closed: "paused: lunch", rollback: "paused: lunch"})
		if back := setBackOf(work); back == nil || back.why != "paused: lunch" {
			t.Errorf("work ends with %v", context.Cause(work))
		}
		if err := h.working().Err(); err != nil {
			t.Errorf("what comes after it has ended: %v", err)
		}
	})
	inHall(t, "no more slots wait than there is room for", 8, func(t *testing.T, h *hall) {
		h.obey(order{pace: 1, limited: true, room: 3})
		expect(t, h, 3)
		h.all(taking, busy, 3)
		expect(t, h, 0)
		h.all(busy, idle, 1) // whoever ends one may take the next, without a word of the ledger
		expect(t, h, 1)
	})
	inHall(t, "where there is none left the waits end", 2, func(t *testing.T, h *hall) {
		h.obey(order{pace: 1, limited: true, room: 1})
		expect(t, h, 1)
		h.obey(order{pace: 1, limited: true, room: 0})
		if h.open[0].Err() == nil {
			t.Error("it still waits for a task")
		}
	})
	inHall(t, "who was refused takes nothing before the ledger was asked, which is done at once", 2, func(t *testing.T, h *hall) {
		h.obey(order{pace: 1})
		expect(t, h, 2)
		h.all(taking, idle, 2)
		h.refused(ledger.Full)
		h.refused(ledger.Full)
		if len(h.ask) != 1 {
			t.Errorf("the ledger is to be asked %d times", len(h.ask))
		}
		expect(t, h, 0)
		h.obey(order{pace: 1})
		expect(t, h, 2)
	})
	inHall(t, "a slot that is told to stop waits no more", 1, func(t *testing.T, h *hall) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("stopped")
		time.AfterFunc(time.Hour, func() { cancel(why) })
		if _, err := h.admit(ctx, h.slots[0]); !errors.Is(err, why) {
			t.Errorf("it ends with %v", err)
		}
		h.obey(order{pace: 1})
		if _, err := h.admit(ctx, h.slots[0]); !errors.Is(err, why) {
			t.Errorf("with tasks to be had it ends with %v", err)
		}
	})
}

// hears returns a log and what was written to it.
func hears() (*slog.Logger, func() string) {
	var text strings.Builder
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: drop})), text.String
}

func TestStopping(t *testing.T) {
	for _, tt := range []struct {
		name        string
		slots, busy int
		undone      int
		want        []string
	}{
		{"with nothing in work", 2, 0, 0, []string{`"stopping: no shard is in work"`, `msg=stopped`}},
		{"with one that ends", 2, 1, 0, []string{`"stopping: 1 shard in work has 20s to end"`, `"stopped: 1 shard ended, 0 were rolled back and given back"`}},
		{"with two of which one does not", 2, 2, 1, []string{`"stopping: 2 shards in work have 20s to end"`, `"stopped: 1 shard ended, 1 was rolled back and given back"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, said := hears()
				w := &Worker{Log: log}
				w.controls.begin(t.Context(), t.Context())
				defer w.controls.end()
				slots := make([]slot, tt.busy)
				for i := range slots {
					w.controls.becomes(&slots[i], busy)
				}
				work := w.controls.working()
				stop, cancel := context.WithCancel(t.Context())
				cancel()
				over, done := context.WithCancel(t.Context())
				began := time.Now()
				time.AfterFunc(30*time.Second, done)
				context.AfterFunc(work, func() {
					if d := time.Since(began); d != graceTime {
						t.Errorf("what is in work ends after %s", d)
					}
				})
				w.stops(stop, over)
				for i := range tt.busy {
					w.controls.note(i < tt.undone)
				}
				w.drained(t.Context())
				if got := strings.Split(strings.TrimSpace(said()), "\n"); len(got) != 2 || !strings.Contains(got[0], tt.want[0]) || !strings.Contains(got[1], tt.want[1]) {
					t.Errorf("it says %q, want %q", got, tt.want)
				}
				if back := setBackOf(work); back == nil || back.why != "the worker was told to stop 20s ago" {
					t.Errorf("what is in work ends with %v", context.Cause(work))
				}
			})
		})
	}
}
