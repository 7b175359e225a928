package aggregator

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"rehome/pkg/ledger"
	"rehome/pkg/queue"
	"rehome/pkg/report"
	"rehome/pkg/telemetry"
)

// gauges are the instruments of Meters. Producer and aggregator tell the same, so that one takes the highest of them and not their sum.
type gauges struct {
	users, rows, shards, setbacks, state, verdict metric.Int64ObservableGauge
	workers, slots, busy, needed                  metric.Int64ObservableGauge
	paused, halted, threads, backends             metric.Int64ObservableGauge
	tasks, messages, bytes, most                  metric.Int64ObservableGauge
	pace, left, limit, lag, standbys, ledgerAge   metric.Float64ObservableGauge
	oldest                                        metric.Float64ObservableGauge
	all                                           []metric.Observable
}

func newGauges(m metric.Meter) *gauges {
	g := &gauges{}
	count := func(name, what string, options ...metric.Int64ObservableGaugeOption) metric.Int64ObservableGauge {
		i := telemetry.Instrument(m.Int64ObservableGauge("rehome."+name, append(options, metric.WithDescription(what))...))
		g.all = append(g.all, i)
		return i
	}
	size := func(name, unit, what string) metric.Float64ObservableGauge {
		i := telemetry.Instrument(m.Float64ObservableGauge("rehome."+name, metric.WithUnit(unit), metric.WithDescription(what)))
		g.all = append(g.all, i)
		return i
	}
	g.users = count("progress.users", "Users as the ledger has them: planned, migrated, quarantined.")
	g.rows = count("progress.rows", "Rows as the ledger has them: planned, moved (planned ones of shards that have ended), written.")
	g.shards = count("progress.shards", "Shards as the ledger has them: planned, pending, working (of the pending ones), done, dead, discarded.")
	g.setbacks = count("progress.setbacks", "Shards that come again and again, as something throws them back that is not their data's fault.")
	g.state = count("migration.state", "1 for the state in which the migration is: planned, loading, settling, finished.")
	g.verdict = count("verdict", "1 for the verdict as it stands: incomplete, unclean, clean.")
	g.workers = count("workers", "Workers that beat: alive, and of those stopping.")
	g.slots = count("fleet.slots", "Slots of all workers that are alive and not stopping.")
	g.busy = count("fleet.slots.busy", "Shards in work, over all workers.")
	g.needed = count("slots.needed", "Slots that it takes to be done by the deadline; absent where that cannot be told.")
	g.paused = count("paused", "1 while the operator has paused the migration.")
	g.halted = count("halted", "1 while all work is halted, as something is wrong with the migration.")
	g.left = size("deadline.left", "s", "Time until the deadline; below 0 behind it, absent without one.")
	g.limit = size("limit", "", "Limits that are set: rows (per second), slots, threads, backends, lag_seconds, replication_lag_seconds.")
	g.pace = size("fleet.pace", "1", "Of full speed, that the workers are allowed for what was measured; absent while nothing is.")
	g.lag = size("legacy.replica.lag", "s", "Lag of the legacy database's replica; absent while it is not limited.")
	g.threads = count("legacy.threads", "Threads running in the legacy server; absent while they are not limited.")
	g.standbys = size("target.replication.lag", "s", "Lag of the target's standbys; absent while it is not limited.")
	g.backends = count("target.backends", "Backends active in the target server; absent while they are not limited.")
	g.ledgerAge = size("ledger.age", "s", "Time since the ledger was last read; what comes from it is as old.")
	g.tasks = count("queue.tasks", "Tasks in the queue: waiting, in_flight, and of those redelivered.")
	g.messages = count("stream.messages", "Messages in a stream: tasks, receipts, dead.")
	g.bytes = count("stream.size", "Size of a stream.", metric.WithUnit("By"))
	g.most = count("stream.limit", "Size that a stream may have, after which it refuses messages; absent without a limit.", metric.WithUnit("By"))
	g.oldest = size("stream.oldest", "s", "Age of a stream's oldest message by the server's clock.")
	return g
}

// A teller tells values of one migration.
type teller struct {
	metric.Observer
	migration attribute.KeyValue
}

func (t teller) labels(label []string) metric.MeasurementOption {
	if len(label) == 0 {
		return metric.WithAttributes(t.migration)
	}
	return metric.WithAttributes(t.migration, attribute.String(label[0], label[1]))
}

// count tells a number, with the name and value of one more label or none.
func (t teller) count(g metric.Int64ObservableGauge, n int64, label ...string) {
	t.ObserveInt64(g, n, t.labels(label))
}

func (t teller) number(g metric.Float64ObservableGauge, v float64, label ...string) {
	t.ObserveFloat64(g, v, t.labels(label))
}

func (t teller) seconds(g metric.Float64ObservableGauge, d time.Duration, label ...string) {
	t.number(g, d.Seconds(), label...)
}

func (t teller) truth(g metric.Int64ObservableGauge, yes bool) {
	n := int64(0)
	if yes {
		n = 1
	}
	t.count(g, n)
}

func (g *gauges) progress(to teller, p *report.Progress, state ledger.State, verdict string) {
	to.count(g.state, 1, "state", string(state))
	to.count(g.verdict, 1, "verdict", verdict)
	to.count(g.users, p.Users.Planned, "state", "planned")
	to.count(g.users, p.Users.Migrated, "state", "migrated")
	to.count(g.users, p.Users.Quarantined, "state", "quarantined")
	to.count(g.rows, p.PlannedRows, "state", "planned")
	to.count(g.rows, p.Moved, "state", "moved")
	to.count(g.rows, p.Rows, "state", "written")
	to.count(g.shards, p.Shards.Planned, "state", "planned")
	to.count(g.shards, p.Shards.Pending, "state", "pending")
	to.count(g.shards, int64(p.Working), "state", "working")
	to.count(g.shards, p.Shards.Done, "state", "done")
	to.count(g.shards, p.Shards.Dead, "state", "dead")
	to.count(g.shards, p.Shards.Discarded, "state", "discarded")
	to.count(g.setbacks, int64(p.Setbacks.Shards))
}

func (g *gauges) fleet(to teller, p *report.Progress) {
	to.count(g.workers, int64(p.Workers.Alive), "state", "alive")
	to.count(g.workers, int64(p.Workers.Stopping), "state", "stopping")
	to.count(g.slots, int64(p.Workers.Slots))
	to.count(g.busy, int64(p.Workers.Busy))
	if p.Needed > 0 {
		to.count(g.needed, int64(p.Needed))
	}
}

func (g *gauges) controls(to teller, c *report.Controls) {
	to.truth(g.paused, c.Paused != "")
	to.truth(g.halted, c.Halted != "")
	if !c.Deadline.IsZero() {
		to.seconds(g.left, c.Left)
	}
	limits, load := c.Limits, c.Gauge.Load
	for _, l := range []struct {
		name string
		set  float64
	}{
		{"rows", float64(limits.Rows)}, {"slots", float64(limits.Slots)}, {"threads", float64(limits.Threads)}, {"backends", float64(limits.Backends)},
		{"lag_seconds", limits.Lag.Seconds()}, {"replication_lag_seconds", limits.ReplicationLag.Seconds()},
	} {
		if l.set != 0 {
			to.number(g.limit, l.set, "limit", l.name)
		}
	}
	if !limits.Measured() {
		return
	}
	to.number(g.pace, c.Gauge.Pace)
	if c.Gauge.Unknown() || c.Gauge.Reason == "" && c.Gauge.Pace == 0 { // nothing, or not all, was measured
		return
	}
	if limits.Lag != 0 {
		to.seconds(g.lag, load.Lag)
	}
	if limits.Threads != 0 {
		to.count(g.threads, int64(load.Threads))
	}
	if limits.ReplicationLag != 0 {
		to.seconds(g.standbys, load.ReplicationLag)
	}
	if limits.Backends != 0 {
		to.count(g.backends, int64(load.Backends))
	}
}

func (g *gauges) queue(to teller, backlog queue.Backlog, rooms []queue.Room) {
	to.count(g.tasks, int64(backlog.Waiting), "state", "waiting")
	to.count(g.tasks, int64(backlog.Held), "state", "in_flight")
	to.count(g.tasks, int64(backlog.Redelivered), "state", "redelivered")
	for _, r := range rooms {
		to.count(g.messages, r.Messages, "stream", r.Stream)
		to.count(g.bytes, r.Bytes, "stream", r.Stream)
		to.seconds(g.oldest, r.Oldest, "stream", r.Stream)
		if r.Most > 0 {
			to.count(g.most, r.Most, "stream", r.Stream)
		}
	}
}
