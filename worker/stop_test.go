package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/sandbox/impostor"
	"rehome/pkg/sandbox/programs"
	"rehome/pkg/telemetry"
	"rehome/pkg/throttle"
)

// asks returns the status of a health address's answer, 0 where nobody answers, and what readiness it tells.
func asks(t *testing.T, address, path string) (status int, ready telemetry.Readiness) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, ready
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&ready); err != nil {
		t.Fatalf("%s answers what cannot be read: %v", path, err)
	}
	return response.StatusCode, ready
}

func TestStop(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(2000), 200, 1, 2, throttle.Limits{Rows: 60})
	address := impostor.Nobody(t)
	w := l.worker(2, "REHOME_GRACE=2s", "REHOME_HEALTH="+address)
	l.until("work on all slots", func() bool { return l.inWork() == 4 })

	t.Run("a worker that could take a shard is ready, and is so while it is paused, and says so", func(t *testing.T) {
		l.until("readiness", func() bool { status, _ := asks(t, address, "/readyz"); return status == http.StatusOK })
		l.must(l.ledger.Pause(l.ctx, liveName, "lunch", false))
		l.seen()
		if status, ready := asks(t, address, "/readyz"); status != http.StatusOK || ready.Notes["slow"] != "paused: lunch" {
			t.Errorf("it answers %d, and notes %q", status, ready.Notes)
		}
		l.must(l.ledger.Resume(l.ctx, liveName))
		l.seen()
	})
	t.Run("told to stop under load it is not ready at once, alive to its end, and gives back what does not end in time", func(t *testing.T) {
		l.until("work on all slots", func() bool { return l.inWork() == 4 })
		began := time.Now()
		w.Terminate()
		drained, stopping := time.Duration(0), false
		l.until("its end", func() bool {
			status, ready := asks(t, address, "/readyz")
			if status == http.StatusServiceUnavailable && ready.Draining && drained == 0 {
				drained = time.Since(began)
			}
			if alive, _ := asks(t, address, "/healthz"); status != 0 && alive != http.StatusOK && alive != 0 {
				t.Errorf("its liveness is %d", alive)
			}
			for _, other := range l.alive() {
				stopping = stopping || other.Stopping
			}
			select {
			case <-w.Done():
				return true
			default:
				return false
			}
		})
		took := time.Since(began)
		if exit := w.Wait(l.ctx); exit != 0 {
			t.Errorf("it ends with %d", exit)
		}
		t.Logf("not ready after %s, over after %s", drained.Round(time.Millisecond), took.Round(time.Millisecond))
		if drained == 0 || drained > time.Second || !stopping {
			t.Errorf("it says after %s that it is not ready, and to the ledger %t that it is stopping", drained, stopping)
		}
		if took < 2*time.Second || took > 5*time.Second {
			t.Errorf("with a grace time of 2s it ends after %s", took)
		}
		l.says("stopping: 2 shards in work have 2s to end")
		l.says("shard rolled back: the worker was told to stop 2s ago")
		l.says("stopped: 0 shards ended, 2 were rolled back and given back")
		if n := len(l.alive()); n != 1 {
			t.Errorf("%d workers are on the list", n)
		}
		l.stands()
	})
	t.Run("told so again it ends at once", func(t *testing.T) {
		w := l.worker(2)
		l.until("work on all slots", func() bool { return l.inWork() == 4 })
		w.Terminate()
		l.until("word that it stops", func() bool { return l.count(`SELECT count(*) FROM rehome.worker WHERE stopping`) == 1 })
		w.Terminate()
		if exit := w.Wait(l.ctx); exit != 130 {
			t.Errorf("it ends with %d", exit)
		}
	})
	t.Run("and nothing is lost of what it had", func(t *testing.T) {
		l.limit(throttle.Limits{})
		l.worker(2)
		l.ends()
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(8000), 300, 8, 1, throttle.Limits{Rows: 1200})
	l.until("shards to be done, so that their speed is known", func() bool { return l.done() >= 8 })
	const span = 20 * time.Second

	t.Run("no shard is in work behind it, and most of the time before it was used", func(t *testing.T) {
		at, err := l.ledger.SetDeadline(l.ctx, liveName, span)
		l.must(err)
		l.until("the deadline", func() bool {
			return l.count(`SELECT count(*) FROM rehome.control WHERE clock_timestamp() >= deadline`) == 1
		})
		if n := l.inWork(); n > 0 {
			t.Errorf("%d shards are in work behind the deadline", n)
		}
		var last time.Time
		l.must(l.conn.QueryRow(l.ctx, `SELECT max(done_at) FROM rehome.shard`).Scan(&last))
		used := 1 - at.Sub(last).Seconds()/span.Seconds()
		rolledBack := l.count(`SELECT coalesce(sum(attempt), 0)::bigint FROM rehome.shard`) - l.done()
		t.Logf("%.0f %% of the time was used; %d shards were begun for nothing", 100*used, rolledBack)
		if used < 0.8 || last.After(at) {
			t.Errorf("the last shard was done %s before the deadline, that is %.0f %% of the time", at.Sub(last), 100*used)
		}
		if rolledBack > 2 {
			t.Errorf("%d shards were begun that did not end in time", rolledBack)
		}
		done := l.done()
		l.during(2*time.Second, func() {})
		if n := l.done(); n != done || l.inWork() > 0 {
			t.Errorf("behind the deadline %d shards are done, and %d in work", n-done, l.inWork())
		}
	})
	t.Run("one that is moved is gone by within seconds", func(t *testing.T) {
		_, err := l.ledger.SetDeadline(l.ctx, liveName, 8*time.Second)
		l.must(err)
		if d := l.until("work", func() bool { return l.inWork() > 0 }); d > 6*time.Second {
			t.Errorf("work begins after %s", d)
		}
	})
	t.Run("what would not end in time after all is rolled back", func(t *testing.T) {
		l.limit(throttle.Limits{Rows: 8}) // too few even for one that nobody else is in work beside
		l.until("the deadline", func() bool {
			return l.count(`SELECT count(*) FROM rehome.control WHERE clock_timestamp() >= deadline`) == 1
		})
		if n := l.inWork(); n > 0 {
			t.Errorf("%d shards are in work behind the deadline", n)
		}
		l.says("shard rolled back: the deadline has come")
		l.stands()
		l.until("workers that say so", func() bool { // with their next beat
			return !slices.ContainsFunc(l.alive(), func(w ledger.Worker) bool {
				return w.Slow != "the deadline has passed" && w.Slow != "nothing that ends before the deadline"
			})
		})
	})
	t.Run("and the next night ends it", func(t *testing.T) {
		l.limit(throttle.Limits{})
		l.must(l.ledger.ClearDeadline(l.ctx, liveName))
		l.producer.Kill() // it may have ended by itself at the deadline
		l.producer = l.dir.Start(t, programs.Producer, l.env, "run", "--format", "json")
		l.ends()
	})
}
