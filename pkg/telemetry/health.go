package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkTimeout is shorter than what Kubernetes waits for at its least patient setting but one.
const checkTimeout = 2 * time.Second

// stuckAfter is longer than what a turn of a loop may wait for, and a pause of the machine may take.
const stuckAfter = 30 * time.Second

// Check reports whether one thing that a program stands on can be used now. It must return when ctx ends, and may be
// called at any time from several goroutines. What its error says is shown redacted.
type Check func(ctx context.Context) error

// Health answers whether a program lives and can work. It is safe for concurrent use.
type Health struct {
	program, version string

	mu       sync.Mutex
	checks   map[string]Check
	notes    map[string]func() string
	loops    map[string]time.Time // when each turned last
	draining bool
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth(program, version string) *Health {
	return &Health{program: program, version: version, checks: make(map[string]Check), notes: make(map[string]func() string), loops: make(map[string]time.Time)}
}

// Add has name checked from now on; an earlier check of that name is replaced.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[name] = check
}

// Note has a word of what the program is at stand beside its readiness, which it does not touch. Where note returns nothing, nothing is said.
// It may be called at any time from several goroutines.
func (h *Health) Note(name string, note func() string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes[name] = note
}

// Watch has a loop of the program watched: one that has not called turn for 30 seconds does not live any more. A loop must bound what it waits
// for, so that nothing outside of the program keeps it from turning.
func (h *Health) Watch(loop string) (turn func()) {
	turn = func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.loops[loop] = time.Now()
	}
	turn()
	return turn
}

// Rest forgets the loops that are watched, as what they belong to has ended while the program goes on. What is watched after that is new.
func (h *Health) Rest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.loops)
}

// stuck returns the loops that do not turn any more, in order of their names.
func (h *Health) stuck() (loops []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for loop, turned := range h.loops {
		if time.Since(turned) > stuckAfter {
			loops = append(loops, loop)
		}
	}
	slices.Sort(loops)
	return loops
}

// Drain makes the program not ready for good, before it stops to take work.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Readiness is what /readyz answers.
type Readiness struct {
	Ready    bool              `json:"ready"`
	Draining bool              `json:"draining"`
	Checks   map[string]string `json:"checks"` // by name: "ok", or what is wrong
	Notes    map[string]string `json:"notes,omitempty"`
}

// Ready runs all checks at the same time, for at most two seconds.
func (h *Health) Ready(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	h.mu.Lock()
	result := Readiness{Ready: !h.draining, Draining: h.draining, Checks: make(map[string]string, len(h.checks))}
	var group errgroup.Group
	var mu sync.Mutex
	for name, check := range h.checks {
		group.Go(func() error {
			state := "ok"
			if err := check(ctx); err != nil {
				state = Redact(err)
			}
			mu.Lock()
			defer mu.Unlock()
			result.Checks[name] = state
			result.Ready = result.Ready && state == "ok"
			return nil
		})
	}
	for name, note := range h.notes {
		if text := note(); text != "" {
			if result.Notes == nil {
				result.Notes = make(map[string]string)
			}
			result.Notes[name] = text
		}
	}
	h.mu.Unlock()
	_ = group.Wait() // a check's error is in the result
	return result
}

// Handler serves GET /healthz (200 while the process and its loops live, whatever they stand on, else 503), /readyz (200 or 503, a
// Readiness) and /version.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if stuck := h.stuck(); stuck != nil {
			answer(w, http.StatusServiceUnavailable, map[string]any{"status": "stuck", "loops": stuck})
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready, status := h.Ready(r.Context()), http.StatusOK
		if !ready.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, ready)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"program": h.program, "version": h.version, "go": runtime.Version()})
	})
	return mux
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked has gone: nobody is left to tell
}
