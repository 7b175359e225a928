package aggregator

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/ledger"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/telemetry"
)

const (
	pollEvery = 5 * time.Second  // of the queue, for its backlog
	pollStale = 30 * time.Second // what is older is not told any more
)

// Meters tell who collects metrics how far a migration has come, as somebody has seen it last, and what its queue holds. They ask the ledger
// nothing, and the queue now and then: collecting never waits for either. Safe for use by several goroutines.
type Meters struct {
	name string // of the migration

	mu      sync.Mutex
	shown   *report.Progress // nil before anything was seen
	state   ledger.State
	verdict string
	seen    time.Time
	backlog queue.Backlog
	rooms   []queue.Room
	polled  time.Time // zero before the queue was asked
}

// NewMeters returns those of the migration of that name.
func NewMeters(name string) *Meters { return &Meters{name: name} }

// See takes over what was seen just now.
func (m *Meters) See(s *Sight, p report.Progress) {
	var verdict struct{ Verdict string }
	if s.Migration.State != ledger.Finished || json.Unmarshal(s.Migration.Verdict, &verdict) != nil || verdict.Verdict == "" {
		verdict.Verdict = report.Incomplete
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown, m.state, m.verdict, m.seen = &p, s.Migration.State, verdict.Verdict, time.Now()
}

// Turn takes over the state and the verdict that the migration has come to, where nobody looks at the rest of it any more.
func (m *Meters) Turn(state ledger.State, verdict string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.verdict, m.seen = state, verdict, time.Now()
}

// While does do while the queue, where there is one, is asked, and returns what do returns. Metrics are told until the process ends: who
// collects them last, when all is over, learns how it ended.
func (m *Meters) While(ctx context.Context, conn *queue.Conn, do func(context.Context) error) error {
	m.observe(otel.Meter("rehome/pkg/aggregator"))
	polling, stop := context.WithCancel(ctx)
	defer stop()
	var running errgroup.Group
	if conn != nil {
		running.Go(func() error { m.poll(polling, conn); return nil })
	}
	err := do(ctx)
	stop()
	_ = running.Wait() // it does not fail
	return err
}

// poll asks the queue again and again. What it does not answer is not told until it does.
func (m *Meters) poll(ctx context.Context, conn *queue.Conn) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		backlog, err := conn.Backlog(ctx, m.name)
		var rooms []queue.Room
		if err == nil {
			rooms, err = conn.Rooms(ctx, m.name)
		}
		if err == nil {
			m.mu.Lock()
			m.backlog, m.rooms, m.polled = backlog, rooms, time.Now()
			m.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// observe has all of it told.
func (m *Meters) observe(meter metric.Meter) {
	g := newGauges(meter)
	telemetry.Observe(meter, func(_ context.Context, o metric.Observer) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		to := teller{o, attribute.String("migration", m.name)}
		if m.shown != nil {
			g.progress(to, m.shown, m.state, m.verdict)
			g.fleet(to, m.shown)
			g.controls(to, &m.shown.Controls)
			to.seconds(g.ledgerAge, time.Since(m.seen))
		}
		if !m.polled.IsZero() && time.Since(m.polled) < pollStale {
			g.queue(to, m.backlog, m.rooms)
		}
		return nil
	}, g.all...)
}
