package dispatch

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/sandbox"
	"rehome/pkg/settings"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// A bench has a migration in a ledger, and a Governor of it that takes a step when it is told to.
type bench struct {
	*testing.T
	*Governor
	log bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dsn := sandbox.Postgres(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := ledger.Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t}
	if b.Governor, err = NewGovernor(t.Context(), config, "bench", slog.New(slog.NewTextHandler(&b.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	cells := iter.Seq2[ledger.Cell, error](func(yield func(ledger.Cell, error) bool) { yield(ledger.Cell{}, nil) })
	_, err = b.ledger.Create(t.Context(), ledger.Plan{Canonical: []byte("{}"), Cells: cells,
		Shards:    []shard.Shard{{Kind: shard.OfUsers, Entry: -1, Parent: -1, Cells: [2]int{0, 1}}},
		Migration: ledger.Migration{Name: "bench", Mapping: "m", Fingerprint: "f", Plan: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// measures takes a step under the limits, and returns the gauge that the workers see.
func (b *bench) measures(limits throttle.Limits) throttle.Gauge {
	b.Helper()
	if err := b.ledger.SetLimits(b.Context(), "bench", limits); err != nil {
		b.Fatal(err)
	}
	if err := b.step(b.Context()); err != nil {
		b.Fatal(err)
	}
	c, err := b.ledger.Controls(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	return c.Gauge
}

func (b *bench) stands(limits throttle.Limits, why string) {
	b.Helper()
	if g := b.measures(limits); g.Pace != 0 || !g.Unknown() || !strings.Contains(g.Reason, why) {
		b.Errorf("got %+v", g)
	}
}

func (b *bench) said(text string, times int) {
	b.Helper()
	if got := strings.Count(b.log.String(), text); got != times {
		b.Errorf("%q was said %d times, want %d:\n%s", text, got, times, &b.log)
	}
}

func TestGovernor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	t.Run("what is not limited is not measured", func(t *testing.T) {
		b.Legacy = func(context.Context) (*legacy.DB, error) { return nil, errors.New("it was asked for") }
		b.measures(throttle.Limits{Rows: 10, Slots: 2})
		if c, err := b.ledger.Controls(t.Context(), "bench"); err != nil || c.Measured >= 0 || b.log.Len() > 0 {
			t.Errorf("measured %s ago, %v: %s", c.Measured, err, &b.log)
		}
	})
	t.Run("what is below its limit lets all go at full speed", func(t *testing.T) {
		if g := b.measures(throttle.Limits{Backends: 100000}); g.Pace != 1 || g.Reason != "" || b.log.Len() > 0 {
			t.Errorf("got %+v: %s", g, &b.log)
		}
	})
	t.Run("what cannot be measured holds all, and is said once", func(t *testing.T) {
		b.Legacy = nil
		for range 3 {
			b.stands(throttle.Limits{Threads: 10}, "cannot measure the threads running in the legacy server: this process has no LEGACY_DSN")
		}
		b.said("the workers stand still", 1)
		b.stands(throttle.Limits{Lag: 1e9, ReplicationLag: 1e9}, "cannot measure the replica lag: this process has no REPLICA_DSN")
		b.stands(throttle.Limits{Lag: 1e9, ReplicationLag: 1e9}, "; the standby lag: no standby replicates from the target")
		b.said("the workers stand still", 2)
	})
	t.Run("a server that does not answer holds all", func(t *testing.T) {
		b.Legacy = func(ctx context.Context) (*legacy.DB, error) {
			<-ctx.Done()
			return nil, errors.New("it has hung")
		}
		b.stands(throttle.Limits{Threads: 10}, "no answer within 2s")
	})
	t.Run("it goes up again slowly when all is measured", func(t *testing.T) {
		source, err := settings.ParseMySQL(sandbox.MariaDB(t))
		if err != nil {
			t.Fatal(err)
		}
		b.Legacy = func(ctx context.Context) (*legacy.DB, error) { return legacy.Open(ctx, source.Config()) }
		if g := b.measures(throttle.Limits{Threads: 10000}); g.Pace != 0.1 || !strings.HasPrefix(g.Reason, "going up again after: cannot measure") {
			t.Errorf("got %+v", g)
		}
		b.said("the workers are slowed down", 1)
	})
	t.Run("another process goes on from what was measured last", func(t *testing.T) {
		b.measuring = false
		if g := b.measures(throttle.Limits{Threads: 10000}); g.Pace != 0.2 {
			t.Errorf("got %+v", g)
		}
	})
	t.Run("without a limit nothing is held open", func(t *testing.T) {
		b.measures(throttle.Limits{})
		if b.legacy != nil || b.measuring {
			t.Error("it still measures")
		}
		b.said("no reason to go slower any more", 1)
	})
}

func TestGovernorEndsWithWhatItIsFor(t *testing.T) {
	b := newBench(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	if err := b.ledger.SetLimits(t.Context(), "bench", throttle.Limits{Backends: 1000}); err != nil {
		t.Fatal(err)
	}
	over := errors.New("over")
	err := b.While(t.Context(), func(ctx context.Context) error {
		for {
			if c, err := b.ledger.Controls(ctx, "bench"); err != nil || c.Measured >= 0 {
				return errors.Join(err, over)
			}
		}
	})
	if !errors.Is(err, over) {
		t.Errorf("got %v", err)
	}
}
