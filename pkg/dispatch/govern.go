package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/legacy"
	"rehome/pkg/target"
	"rehome/pkg/telemetry"
	"rehome/pkg/throttle"
)

// A Governor measures, while a limit is set that needs it, what both databases bear, and stores for the workers what follows. It asks neither
// database for anything while there is none. Its sessions are its own, so that nothing it is for can keep it waiting.
type Governor struct {
	// Legacy connects to the legacy database, Replica to its replica, which it proves to be one; what they return the Governor closes. They are nil where
	// this process was not told where those are.
	Legacy  func(context.Context) (*legacy.DB, error)
	Replica func(context.Context, *legacy.DB) (*legacy.Replica, error)

	name      string // of the migration
	pool      *pgxpool.Pool
	ledger    *ledger.Ledger
	log       *slog.Logger
	measuring bool           // there are measured limits
	gauge     throttle.Gauge // the last one
	standbys  *target.Standbys
	legacy    *legacy.DB      // nil until needed
	replica   *legacy.Replica // likewise
	told      string          // what was said of the pace last
}

// askLimit bounds each question, so that a server that hangs is told from one that is slow, and before workers take what was measured for too old.
const askLimit = 2 * time.Second

// governorSessions are one for what is measured, and one that reads and stores.
const governorSessions = 2

// NewGovernor connects to the target that the configuration names, for a migration that the ledger there has. The caller closes the Governor.
func NewGovernor(ctx context.Context, config *pgxpool.Config, migration string, log *slog.Logger) (*Governor, error) {
	config = config.Copy()
	config.MaxConns = governorSessions
	pool, err := target.Pool(ctx, config, "governor")
	if err != nil {
		return nil, err
	}
	return &Governor{name: migration, pool: pool, ledger: ledger.Open(pool), log: log}, nil
}

// Close closes its sessions.
func (g *Governor) Close() { g.pool.Close() }

// While does do while it measures, and returns what do returns.
func (g *Governor) While(ctx context.Context, do func(context.Context) error) error {
	measured, stop := context.WithCancel(ctx)
	defer stop()
	var running errgroup.Group
	running.Go(func() error { g.run(measured); return nil })
	err := do(ctx)
	stop()
	return errors.Join(err, running.Wait())
}

func (g *Governor) run(ctx context.Context) {
	defer g.disconnect()
	ticker := time.NewTicker(throttle.Step)
	defer ticker.Stop()
	for {
		if err := g.step(ctx); err != nil && ctx.Err() == nil {
			g.say(ctx, slog.LevelWarn, "what the databases bear does not reach the workers, who stand still after a while", err.Error(), "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// step measures once, where there is something to measure.
func (g *Governor) step(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	controls, err := g.ledger.Controls(asking, g.name)
	if err != nil {
		return err
	}
	if !controls.Limits.Measured() {
		g.rest(ctx)
		return nil
	}
	if !g.measuring {
		g.begin(controls)
	}
	load, unknown := g.measure(ctx, controls.Limits)
	if ctx.Err() != nil {
		return nil // it is over
	}
	if unknown == nil {
		g.gauge = g.gauge.Next(controls.Limits, load)
	} else {
		g.gauge = throttle.Held(strings.ReplaceAll(telemetry.Redact(unknown), "\n", "; "), load)
	}
	g.tell(ctx)
	storing, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return g.ledger.SetGauge(storing, g.name, g.gauge)
}

// begin goes on from what was measured last, by whom ever, unless that is long ago.
func (g *Governor) begin(controls *ledger.Controls) {
	g.measuring, g.standbys, g.gauge = true, &target.Standbys{}, throttle.Gauge{Pace: 1}
	if controls.Measured >= 0 && controls.Measured < Every {
		g.gauge = controls.Gauge
	}
}

// rest forgets what was measured when there is no limit any more.
func (g *Governor) rest(ctx context.Context) {
	if !g.measuring {
		return
	}
	g.disconnect()
	g.measuring, g.gauge = false, throttle.Gauge{Pace: 1}
	g.tell(ctx)
}

func (g *Governor) disconnect() {
	if g.replica != nil {
		_ = g.replica.Close() // it was only asked
	}
	if g.legacy != nil {
		_ = g.legacy.Close() // likewise
	}
	g.replica, g.legacy = nil, nil
}

// tell says when the workers are slowed down, stand still, or may go on, and not how much with each measurement.
func (g *Governor) tell(ctx context.Context) {
	switch {
	case g.gauge.Pace >= 1:
		if g.told != "" {
			g.say(ctx, slog.LevelInfo, "the databases are no reason to go slower any more", "")
		}
	case g.gauge.Pace > 0:
		g.say(ctx, slog.LevelInfo, "the workers are slowed down", "slow", "pace", g.gauge.Percent(), "reason", g.gauge.Reason)
	default:
		g.say(ctx, slog.LevelWarn, "the workers stand still", "still "+withoutNumbers(g.gauge.Reason), "reason", g.gauge.Reason)
	}
}

// say logs something of a kind unless the last thing was of that kind, too.
func (g *Governor) say(ctx context.Context, level slog.Level, text, kind string, args ...any) {
	if g.told == kind {
		return
	}
	g.told = kind
	g.log.Log(ctx, level, text, append([]any{"migration", g.name}, args...)...)
}

func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, text)
}

// measure asks both servers at the same time, each for one thing after the other, as it is among what is counted there. The error is about what could not be
// measured, by all of its reasons.
func (g *Governor) measure(ctx context.Context, limits throttle.Limits) (load throttle.Load, err error) {
	var asking errgroup.Group
	var there, here error
	asking.Go(func() error { there = g.measureLegacy(ctx, limits, &load); return nil })
	asking.Go(func() error { here = g.measureTarget(ctx, limits, &load); return nil })
	_ = asking.Wait() // both keep their errors
	return load, errors.Join(there, here)
}
