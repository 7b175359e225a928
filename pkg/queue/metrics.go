package queue

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// full counts what a stream has refused for want of room. What keeps an instrument from being made is a defect of its name, which otel tells itself.
var full, _ = meter().Int64Counter("rehome.nats.refused", metric.WithDescription("Messages that a stream did not take, as it is full or cannot be written."))

func meter() metric.Meter { return otel.Meter("rehome/pkg/queue") }

// observe has the connection's state told for as long as there is one; end is called when it is closed.
func (c *Conn) observe() (end func()) {
	m := meter()
	full.Add(context.Background(), 0) // a rate needs a value to rise from
	connected, err := m.Int64ObservableGauge("rehome.nats.connected", metric.WithDescription("1 while there is a connection to NATS, 0 while it is tried again."))
	if err != nil {
		otel.Handle(err)
	}
	again, err := m.Int64ObservableCounter("rehome.nats.reconnects", metric.WithDescription("Connections to NATS that were lost and made again."))
	if err != nil {
		otel.Handle(err)
	}
	foreign, err := m.Int64ObservableCounter("rehome.nats.foreign", metric.WithDescription("Messages on rehome's subjects that were not rehome's, and were left aside."))
	if err != nil {
		otel.Handle(err)
	}
	registration, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		up := int64(0)
		if c.Connected() {
			up = 1
		}
		o.ObserveInt64(connected, up)
		o.ObserveInt64(again, int64(c.nc.Stats().Reconnects))
		o.ObserveInt64(foreign, c.Refused())
		return nil
	}, connected, again, foreign)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() { _ = registration.Unregister() } // it fails where telemetry has ended before
}
