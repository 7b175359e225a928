package main

import (
	"testing"
	"time"

	"rehome/pkg/throttle"
)

func TestPause(t *testing.T) {
	t.Parallel()
	l := newLive(t, users(6000), 100, 8, 1, throttle.Limits{})
	l.until("work", func() bool { return l.done() > 20 })

	t.Run("within a second no shard is taken by 8 workers", func(t *testing.T) {
		l.must(l.ledger.Pause(l.ctx, liveName, "backups", false))
		saw := l.seen()
		if saw > time.Second {
			t.Errorf("the workers have seen it after %s", saw)
		}
		l.during(2500*time.Millisecond, func() {})
		taken, late := l.count(claimedAfterPause, 0.0), l.count(claimedAfterPause, 1.0)
		t.Logf("seen by 8 workers after %s; %d shards taken after it, %d a second after it", saw.Round(time.Millisecond), taken, late)
		if late > 0 {
			t.Errorf("%d shards are taken more than a second after the pause", late)
		}
		if n := l.inWork(); n > 0 {
			t.Errorf("%d shards are in work", n)
		}
		for _, w := range l.alive() {
			if w.Slow != "paused: backups" || w.Busy != 0 {
				t.Errorf("a worker says %q, with %d shards in work", w.Slow, w.Busy)
			}
		}
		l.stands()
	})
	t.Run("within a second of its end they are taken again", func(t *testing.T) {
		before := l.done()
		l.must(l.ledger.Resume(l.ctx, liveName))
		if d := l.until("work", func() bool { return l.inWork() > 0 || l.done() > before }); d > time.Second {
			t.Errorf("a shard is taken after %s", d)
		}
	})
	t.Run("with a rollback nothing is in work, and nothing of that was left", func(t *testing.T) {
		l.limit(throttle.Limits{Rows: 80}) // so that all are in the middle of a shard
		l.until("8 shards in work", func() bool { return l.inWork() == 8 })
		l.during(time.Second, func() {})
		if n := l.inWork(); n < 6 {
			t.Fatalf("only %d shards are in work", n)
		}
		l.must(l.ledger.Pause(l.ctx, liveName, "the site is slow", true))
		d := l.until("nothing in work", func() bool { return l.inWork() == 0 })
		t.Logf("8 shards are rolled back after %s", d.Round(time.Millisecond))
		if d > 2*time.Second {
			t.Errorf("shards are rolled back only after %s", d)
		}
		if n := l.count(`SELECT sum(failures)::bigint FROM rehome.shard`); n > 0 {
			t.Errorf("%d failures are counted", n)
		}
		l.stands()
		l.says("shard rolled back: paused: the site is slow")
	})
	t.Run("the end is that of a run that was not paused", func(t *testing.T) {
		l.limit(throttle.Limits{})
		l.must(l.ledger.Resume(l.ctx, liveName))
		l.ends()
	})
}

const claimedAfterPause = `SELECT count(*) FROM rehome.shard s, rehome.control c WHERE s.claimed_at > c.paused_at + $1 * interval '1 second'`
