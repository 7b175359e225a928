package telemetry

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkTimeout is shorter than what Kubernetes waits for at its least patient setting but one.
const checkTimeout = 2 * time.Second

// Check reports whether one thing that a program stands on can be used now. It must return when ctx ends, and may be
// called at any time from several goroutines. What its error says is shown redacted.
type Check func(ctx context.Context) error

// Health answers whether a program lives and can work. It is safe for concurrent use.
type Health struct {
	program, version string

	mu       sync.Mutex
	checks   map[string]Check
	draining bool
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth(program, version string) *Health {
	return &Health{program: program, version: version, checks: make(map[string]Check)}
}

// Add has name checked from now on; an earlier check of that name is replaced.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[name] = check
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
	h.mu.Unlock()
	_ = group.Wait() // a check's error is in the result
	return result
}

// Handler serves GET /healthz (200 while the process lives, whatever it stands on), /readyz (200 or 503, a Readiness)
// and /version.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
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
