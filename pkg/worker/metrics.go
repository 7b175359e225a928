package worker

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/telemetry"
)

// What a duration is sorted into, in seconds: a phase of a small shard takes milliseconds, a shard some seconds, and minutes where the databases are slow.
var (
	phaseBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}
	shardBounds = []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800}
)

// meters count what a worker does. Each shard is counted once, when its attempt has ended; nothing is counted by the row.
type meters struct {
	migration attribute.KeyValue
	causes    causes

	rows, bytes, shards, failures, users, refused, lost metric.Int64Counter
	throttled                                           metric.Float64Counter
	phases, whole                                       metric.Float64Histogram
}

func newMeters(migration string) *meters {
	m, of := otel.Meter("rehome/pkg/worker"), metric.WithDescription
	counter := func(name, what string, options ...metric.Int64CounterOption) metric.Int64Counter {
		return telemetry.Instrument(m.Int64Counter(name, append(options, of(what))...))
	}
	return &meters{
		migration: attribute.String("migration", migration),
		rows:      counter("rehome.rows", "Source rows of shards that are done, by what became of them."),
		bytes:     counter("rehome.copied", "Encoded bytes that were copied to the target, by shards that are done.", metric.WithUnit("By")),
		shards:    counter("rehome.shards", "Attempts at shards that have ended, by how."),
		failures:  counter("rehome.attempts.failed", "Attempts at shards that have failed, by the kind of failure."),
		users:     counter("rehome.quarantined.users", "Users that were quarantined by shards that are done, by cause."),
		refused:   counter("rehome.quarantined.rows", "Rows that shards that are done have set aside, by cause."),
		lost:      counter("rehome.answers.lost", "Receipts and acks that did not reach NATS; their tasks come again."),
		throttled: telemetry.Instrument(m.Float64Counter("rehome.throttled", metric.WithUnit("s"),
			of("Time in which the worker was slower than it could be, or took no shard, by the reason."))),
		phases: telemetry.Instrument(m.Float64Histogram("rehome.phase.duration", metric.WithUnit("s"), of("Time that shards have spent in a phase."),
			metric.WithExplicitBucketBoundaries(phaseBounds...))),
		whole: telemetry.Instrument(m.Float64Histogram("rehome.shard.duration", metric.WithUnit("s"), of("Time of shards that are done, from the task on."),
			metric.WithExplicitBucketBoundaries(shardBounds...))),
	}
}

// begin has what may happen be there before it does, as a rate needs a value to rise from.
func (m *meters) begin(ctx context.Context) {
	m.lost.Add(ctx, 0, m.with())
	m.bytes.Add(ctx, 0, m.with())
	for _, outcome := range []string{endedDone, endedFailed, endedDead, endedSplit, endedRolledBack} {
		m.shards.Add(ctx, 0, m.with(attribute.String("outcome", outcome), attribute.String("work", workOf(shard.OfUsers))))
	}
	for _, kind := range []shard.Failure{shard.Outage, shard.Data, shard.Schema, shard.Unknown, shard.Defect} {
		m.failures.Add(ctx, 0, m.with(attribute.String("kind", kind.String())))
	}
}

func (m *meters) with(labels ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(labels, m.migration)...)
}

// phase counts the time since began to a phase that no receipt tells.
func (m *meters) phase(ctx context.Context, p shard.Phase, began time.Time) {
	m.phases.Record(ctx, time.Since(began).Seconds(), m.with(attribute.String("phase", string(p))))
}

// ended counts an attempt: how it ended, how long it took without the answer, and what the answer came to.
func (s *slot) ended(ctx context.Context, e *ending, took time.Duration, answer error) {
	m, outcome := s.meters, e.outcome(setBackOf(ctx) != nil)
	m.shards.Add(ctx, 1, m.with(attribute.String("outcome", outcome), attribute.String("work", workOf(e.claim.Shard.Kind))))
	if answer != nil {
		m.lost.Add(ctx, 1, m.with())
	}
	switch outcome {
	case endedDone:
		s.done(ctx, &e.receipt, e.claim.Shard.Kind, took)
	case endedFailed, endedDead, endedUntried, endedStale:
		kind, _ := shard.KindOf(e.err)
		m.failures.Add(ctx, 1, m.with(attribute.String("kind", kind.String())))
	}
}

// done counts what a shard has brought. What a redo has taken back is no row that was moved; an audit moves none.
func (s *slot) done(ctx context.Context, r *shard.Receipt, kind shard.Kind, took time.Duration) {
	m := s.meters
	m.whole.Record(ctx, took.Seconds(), m.with(attribute.String("work", workOf(kind))))
	if kind == shard.Audit {
		return
	}
	if t := r.Timing; t != nil {
		for _, p := range []shard.Phase{shard.Reading, shard.Converting, shard.Copying, shard.ReadingBack, shard.Closing} {
			m.phases.Record(ctx, t.In(p).Seconds(), m.with(attribute.String("phase", string(p))))
		}
		m.bytes.Add(ctx, t.Bytes, m.with())
	}
	tables := s.tables(r.Mapping)
	for i := range r.Tables {
		t := &r.Tables[i]
		for outcome, rows := range map[string]int64{
			"written": t.Written, "gathered": t.Gathered, "set_aside": t.SetAside, "waiting": t.Waiting, "left_out": t.LeftOut,
		} {
			if rows > 0 {
				m.rows.Add(ctx, rows, m.with(attribute.String("table", tables[t.Entry]), attribute.String("outcome", outcome)))
			}
		}
	}
	for _, c := range r.Causes {
		cause := m.with(attribute.String("cause", m.causes.class(c.Cause)))
		m.users.Add(ctx, max(0, c.Users), cause)
		m.refused.Add(ctx, max(0, c.Rows), cause)
	}
}

// tables returns the target's table of each entry of a mapping that this worker has worked by.
func (w *Worker) tables(hash string) map[int]string {
	w.mappings.mu.Lock()
	defer w.mappings.mu.Unlock()
	tables := map[int]string{}
	for key, known := range w.mappings.known {
		if key[1] == hash {
			for _, plan := range known.Plans {
				tables[plan.Ordinal] = plan.Into
			}
		}
	}
	return tables
}

// observe has what the worker is at told until end is called, and what it has read also then.
func (w *Worker) observe() (end func()) {
	m, of := otel.Meter("rehome/pkg/worker"), metric.WithDescription
	slots := telemetry.Instrument(m.Int64ObservableGauge("rehome.slots", of("Shards that the worker moves at the same time.")))
	busySlots := telemetry.Instrument(m.Int64ObservableGauge("rehome.slots.busy", of("Slots of the worker that have a shard.")))
	pace := telemetry.Instrument(m.Float64ObservableGauge("rehome.pace", metric.WithUnit("1"), of("Of full speed, that the worker is allowed; 0 while it takes no shard.")))
	read := telemetry.Instrument(m.Int64ObservableCounter("rehome.rows.read", of("Rows read of the legacy database, also by attempts that were in vain.")))
	var over atomic.Bool
	telemetry.Observe(m, func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(read, w.pacer.Read(), w.meters.with())
		if over.Load() {
			return nil
		}
		w.controls.mu.Lock()
		inWork, open, order := w.controls.slots[busy], cmp.Or(w.controls.open, w.Slots), w.controls.order
		w.controls.mu.Unlock()
		if order.closed != "" {
			order.pace = 0
		}
		o.ObserveInt64(slots, int64(open), w.meters.with())
		o.ObserveInt64(busySlots, int64(inWork), w.meters.with())
		o.ObserveFloat64(pace, order.pace, w.meters.with())
		return nil
	}, slots, busySlots, pace, read)
	return func() { over.Store(true) }
}

// held counts the time since the last look to the reason why the worker was slower than it could be.
func (w *watch) held(ctx context.Context, s *state, o *order) {
	now := time.Now()
	if reason := s.reason(o); reason != "" && !w.counted.IsZero() {
		w.meters.throttled.Add(ctx, now.Sub(w.counted).Seconds(), w.meters.with(attribute.String("reason", reason)))
	}
	w.counted = now
}

// reason names why the order makes the worker slower, in one of a few words; empty where it does not.
func (s *state) reason(o *order) string {
	switch {
	case o.slow == "":
		return ""
	case s.Halted != "":
		return "halted"
	case s.Paused != "":
		return "paused"
	case s.tooLate, !s.Deadline.IsZero() && s.Left-s.age <= ledger.Ahead:
		return "deadline"
	case o.pace < 1 && s.unmeasured():
		return "unmeasured"
	case o.pace < 1:
		return "load"
	case o.limited && o.room <= 0 && s.busy < s.slots:
		return "slots"
	}
	return "rows"
}
