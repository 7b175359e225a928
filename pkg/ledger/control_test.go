package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// controls reads the controls of migration m.
func (b *bench) controls() *Controls {
	b.t.Helper()
	c, err := b.Controls(b.t.Context(), "m")
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestControls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Controls(t.Context(), "m"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("those of a migration that there is not: %v", err)
	}
	b.plan("m")
	ctx := t.Context()

	t.Run("at first nothing is set", func(t *testing.T) {
		if diff := cmp.Diff(&Controls{Measured: -1, Gauge: throttle.Gauge{Pace: 1}}, b.controls()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a pause has a reason and a time, and is another version; so is its end", func(t *testing.T) {
		b.must(b.Pause(ctx, "m", "lunch", true))
		c := b.controls()
		if c.Version != 1 || c.Paused != "lunch" || !c.Rollback || c.PausedAt.IsZero() || c.Halted != "" {
			t.Errorf("%+v", c)
		}
		b.must(b.Resume(ctx, "m"))
		if c := b.controls(); c.Version != 2 || c.Paused != "" || c.Rollback || !c.PausedAt.IsZero() {
			t.Errorf("%+v", c)
		}
	})
	t.Run("a halt is not a pause", func(t *testing.T) {
		b.must(b.Halt(ctx, "m", "the schema has changed"))
		if c := b.controls(); c.Halted != "the schema has changed" || c.Paused != "" {
			t.Errorf("%+v", c)
		}
		b.must(b.Lift(ctx, "m"))
	})
	t.Run("limits come back as they were set, and replace each other", func(t *testing.T) {
		limits := throttle.Limits{Rows: 5000, Slots: 4, Lag: 2 * time.Second, Threads: 40, ReplicationLag: 1500 * time.Millisecond, Backends: 30}
		b.must(b.SetLimits(ctx, "m", limits))
		if diff := cmp.Diff(limits, b.controls().Limits); diff != "" {
			t.Error(diff)
		}
		b.must(b.SetLimits(ctx, "m", throttle.Limits{Rows: 1}))
		if diff := cmp.Diff(throttle.Limits{Rows: 1}, b.controls().Limits); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a deadline is told by the time that is left, also when it has passed", func(t *testing.T) {
		at, err := b.SetDeadline(ctx, "m", time.Hour)
		b.must(err)
		c := b.controls()
		if !c.Deadline.Equal(at) || c.Due() || c.Left > time.Hour || c.Left < time.Hour-time.Minute {
			t.Errorf("%s left until %s, of an hour until %s", c.Left, c.Deadline, at)
		}
		_, err = b.SetDeadline(ctx, "m", -time.Minute)
		b.must(err)
		if c := b.controls(); !c.Due() || c.Left > -time.Minute {
			t.Errorf("%s left", c.Left)
		}
		b.must(b.ClearDeadline(ctx, "m"))
		if c := b.controls(); c.Due() || !c.Deadline.IsZero() || c.Left != 0 {
			t.Errorf("%s left until %s", c.Left, c.Deadline)
		}
	})
	t.Run("a gauge tells its age", func(t *testing.T) {
		g := throttle.Gauge{Pace: 0.5, Reason: "replica lag 1.5s of 2s", Load: throttle.Load{Lag: 1500 * time.Millisecond}}
		b.must(b.SetGauge(ctx, "m", g))
		version := b.controls().Version
		b.exec(`UPDATE rehome.gauge SET at = clock_timestamp() - interval '7 s'`)
		c := b.controls()
		if diff := cmp.Diff(g, c.Gauge); diff != "" || c.Measured < 7*time.Second || c.Measured > time.Minute {
			t.Errorf("measured %s ago: %s", c.Measured, diff)
		}
		if c.Version != version {
			t.Error("a measurement is another version of the controls")
		}
	})
	t.Run("what is set for a migration that there is not is an error", func(t *testing.T) {
		if err := b.Pause(ctx, "gone", "lunch", false); !errors.Is(err, ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}

func TestShardsInWork(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.plan("m")
	conn, other := b.connect(), b.connect()
	b.beat()
	busy := func(want int) {
		t.Helper()
		if got := b.controls().Busy; got != want {
			t.Errorf("%d shards are in work, want %d", got, want)
		}
	}
	busy(0)
	claim := b.claim(conn, id(m, 0), Claimed)
	b.claim(other, id(m, 1), Claimed)
	busy(2)
	_, err := b.Failed(t.Context(), claim, Failure{Kind: shard.Outage})
	b.must(err)
	busy(1)
	b.exec(`UPDATE rehome.worker SET beat = beat - interval '1 h'`)
	busy(0) // whoever has died has none
	b.beat()
	busy(1)
	b.must(other.Close(t.Context()))
	b.waitFor(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity a JOIN rehome.shard s ON s.holder_pid = a.pid)`)
	busy(0) // whose session is gone has none either, and keeps no slot from another
	b.must(b.SetLimits(t.Context(), "m", throttle.Limits{Slots: 1}))
	b.claim(conn, id(m, 0), Claimed)
}

func TestClaimUnderControls(t *testing.T) {
	t.Parallel()
	t.Run("nothing is claimed while it is paused, and who asks is told why", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn := b.connect()
		b.must(b.Pause(t.Context(), "m", "lunch", false))
		if claim := b.claim(conn, id(m, 0), Paused); claim.Reason != "lunch" {
			t.Errorf("the reason is %q", claim.Reason)
		}
		b.must(b.Resume(t.Context(), "m"))
		b.claim(conn, id(m, 0), Claimed)
	})
	t.Run("a shard that would end behind the deadline is late, by its weight", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m") // of weight 10
		conn := b.connect()
		_, err := b.SetDeadline(t.Context(), "m", time.Minute)
		b.must(err)
		for _, tt := range []struct {
			perRow time.Duration
			want   Answer
		}{{7 * time.Second, Late}, {5900 * time.Millisecond, Late}, {5 * time.Second, Claimed}, {0, Claimed}} {
			claim, err := b.Claim(t.Context(), conn, id(m, 0), Claimant{Holder: b.holder, PerRow: tt.perRow})
			b.must(err)
			if claim.Answer != tt.want {
				t.Errorf("of %s per row it is %s, want %s", tt.perRow, claim.Answer, tt.want)
			}
		}
		for users, want := range map[int]Answer{2: Claimed, 1: Late} {
			b.exec(`UPDATE rehome.shard SET users = $1 WHERE ordinal = 0`, users)
			claim, err := b.Claim(t.Context(), conn, id(m, 0), Claimant{Holder: b.holder, PerRow: 7 * time.Second, Part: 5})
			b.must(err)
			if claim.Answer != want {
				t.Errorf("of %d users, by one who splits it, it is %s, want %s", users, claim.Answer, want)
			}
		}
		_, err = b.SetDeadline(t.Context(), "m", 0)
		b.must(err)
		b.claim(conn, id(m, 0), Late)
		b.must(b.ClearDeadline(t.Context(), "m"))
		b.claim(conn, id(m, 0), Claimed)
	})
	t.Run("no more shards are in work than slots are allowed, whoever claims at once", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		b.beat()
		b.must(b.SetLimits(t.Context(), "m", throttle.Limits{Slots: 2}))
		answers := make([]Answer, 3)
		var group errgroup.Group
		for i := range answers {
			conn := b.connect()
			group.Go(func() error {
				claim, err := b.Claim(t.Context(), conn, id(m, i), Claimant{Holder: b.holder})
				answers[i] = claim.Answer
				return err
			})
		}
		b.must(group.Wait())
		counts := map[Answer]int{}
		for _, a := range answers {
			counts[a]++
		}
		if diff := cmp.Diff(map[Answer]int{Claimed: 2, Full: 1}, counts); diff != "" {
			t.Error(diff)
		}
		if n := query[int](b, `SELECT count(*) FROM rehome.shard WHERE holder IS NOT NULL`); n != 2 {
			t.Errorf("%d shards have a holder", n)
		}
	})
	t.Run("one that is claimed again counts once, and those of the dead do not", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn := b.connect()
		b.beat()
		b.must(b.SetLimits(t.Context(), "m", throttle.Limits{Slots: 1}))
		b.claim(conn, id(m, 0), Claimed)
		b.claim(conn, id(m, 0), Claimed)
		b.claim(conn, id(m, 1), Full)
		b.exec(`UPDATE rehome.worker SET beat = beat - interval '1 h'`)
		b.holder = uuid.New()
		b.beat()
		b.claim(conn, id(m, 1), Claimed)
	})
}

func TestSpeedOfShards(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	ask := func() string {
		t.Helper()
		weight, took, err := b.Speed(t.Context(), "m")
		b.must(err)
		least, found, err := b.Lightest(t.Context(), "m")
		b.must(err)
		return fmt.Sprintf("%d in %s, lightest %d %t", weight, took, least, found)
	}
	want := func(want string) {
		t.Helper()
		if got := ask(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	want("0 in 0s, lightest 10 true")
	b.beat()
	b.exec(`UPDATE rehome.shard SET weight = 5 WHERE ordinal = 1`)
	b.move(conn, id(m, 0), []string{"1", "2"})
	b.exec(`UPDATE rehome.shard SET claimed_at = done_at - interval '4 s' WHERE ordinal = 0`)
	want("10 in 4s, lightest 5 true")
	b.exec(`UPDATE rehome.shard SET wave = wave + 9 WHERE ordinal = 1`) // may stand behind a gate
	want("10 in 4s, lightest 10 true")
	b.exec(`UPDATE rehome.shard SET wave = wave - 9 WHERE ordinal = 1`)
	b.exec(`UPDATE rehome.shard SET kind = 'late', wave = 1, weight = 3 WHERE ordinal = 2`) // with the last of the mapping's waves
	want("10 in 4s, lightest 3 true")
	b.exec(`UPDATE rehome.shard SET wave = 2 WHERE ordinal = 2`) // behind a gate
	want("10 in 4s, lightest 5 true")
	b.exec(`UPDATE rehome.shard SET weight = 10 WHERE ordinal = 2`)
	b.claim(conn, id(m, 1), Claimed) // in work
	want("10 in 4s, lightest 10 true")
	b.exec(`DELETE FROM rehome.shard WHERE ordinal = 2`)
	want("10 in 4s, lightest 0 false")
}
