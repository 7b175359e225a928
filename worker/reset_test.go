package main

import (
	"net/http"
	"strings"
	"testing"

	"rehome/pkg/sandbox/impostor"
	"rehome/pkg/sandbox/programs"
	"rehome/pkg/throttle"
)

func TestReset(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(300), 100, 1, 1, throttle.Limits{})
	l.clean(l.producer)
	w := l.workers[0]

	t.Run("a worker whose migration the ledger does not have is not ready, and says which it has", func(t *testing.T) {
		address := impostor.Nobody(t)
		other := l.dir.Start(t, programs.Worker, append(l.env[:len(l.env):len(l.env)], "REHOME_MIGRATION=nope", "REHOME_HEALTH="+address))
		const says = "the ledger has no migration nope, it has " + liveName + ": waiting for producer run of nope; if another is meant, start this again"
		l.until("its readiness to say so", func() bool {
			status, ready := asks(t, address, "/readyz")
			return status == http.StatusServiceUnavailable && strings.Contains(ready.Checks["migration"], says)
		})
		l.until("its log to say so", func() bool { return strings.Contains(other.Stderr(), says) })
		other.Terminate()
		if exit := other.Wait(l.ctx); exit != 0 {
			t.Errorf("it ends with %d", exit)
		}
	})
	t.Run("a worker says that its migration is gone, and nothing of controls that cannot be read", func(t *testing.T) {
		if exit := l.dir.Start(l.T, programs.Producer, l.env, "reset", "--yes").Wait(l.ctx); exit != 0 {
			t.Fatalf("the reset ends with %d", exit)
		}
		l.until("the worker to say so", func() bool {
			return strings.Contains(w.Stderr(), "the migration is gone from the ledger, as after producer reset")
		})
		l.until("the worker to wait", func() bool { return strings.Contains(w.Stderr(), "waiting for producer run") })
		if strings.Contains(w.Stderr(), "cannot be read") {
			t.Error(w.Stderr())
		}
	})
	t.Run("and works on the next", func(t *testing.T) {
		l.clean(l.dir.Start(l.T, programs.Producer, l.env, "run", "--format", "json"))
		if n := strings.Count(w.Stderr(), "ready for shards"); n != 2 {
			t.Errorf("it is ready %d times", n)
		}
	})
}
