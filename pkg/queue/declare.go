package queue

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/shard"
)

// stored returns the largest message that a stream takes: a body and its headers.
const stored = shard.MaxBytes + 16<<10

// config returns the whole configuration of one of the migration's streams, defaults of the server included, so that it can be
// compared with what the server has made of it.
func (k kind) config(migration string) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:              k.stream(migration),
		Subjects:          []string{k.all(migration)},
		Retention:         jetstream.LimitsPolicy,
		MaxConsumers:      -1,
		MaxMsgs:           -1,
		MaxMsgsPerSubject: 1,
		MaxMsgSize:        stored,
		MaxBytes:          256 << 20,
		Discard:           jetstream.DiscardNew,
		Storage:           jetstream.FileStorage,
		Replicas:          1,
		Duplicates:        2 * time.Minute,
		AllowDirect:       true,
	}
	switch k {
	case tasks:
		// Discard=Old, the default, would delete work that nobody has done.
		c.Retention, c.DiscardNewPerSubject = jetstream.WorkQueuePolicy, true
		c.AllowAtomicPublish = true
	case receipts:
		// The last receipt of a shard wins, and any of them can be published again.
		c.Discard, c.MaxBytes = jetstream.DiscardOld, 1<<30
	}
	return c
}

// consumer returns the whole configuration of the workers' consumer. It has no BackOff, which would replace AckWait and bend the
// delay of Return, and no MaxDeliver: attempts are counted in the ledger.
func (c *Conn) consumer() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Name:          workers,
		Durable:       workers,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       c.ackWait,
		MaxDeliver:    -1,
		MaxAckPending: 1024,
		MaxWaiting:    4096,
	}
}

// Declare makes the migration's streams and the workers' consumer, or brings them up to date; it may be repeated at any time. A
// stream's placement is the operator's and stays, and so do its replicas where the Topology does not say how many. What the server has
// made is compared with what was asked: a field that differs is an error that names it.
func (c *Conn) Declare(ctx context.Context, migration string) error {
	if err := checkMigration(migration); err != nil {
		return err
	}
	for _, k := range []kind{tasks, receipts, dead} {
		if err := c.declareStream(ctx, c.streams.on(k.config(migration))); err != nil {
			return err
		}
	}
	return c.declareConsumer(ctx, tasks.stream(migration))
}

func (c *Conn) declareStream(ctx context.Context, want jetstream.StreamConfig) error {
	var made jetstream.Stream
	err := c.call(ctx, "make stream "+want.Name, func(ctx context.Context) error {
		old, err := c.js.Stream(ctx, want.Name)
		switch {
		case err == nil:
			if want, err = meet(want, old.CachedInfo().Config); err != nil {
				return err
			}
			if made = old; sameStream(want, made) == nil {
				return nil // it would be written to disk all the same
			}
		case !errors.Is(err, jetstream.ErrStreamNotFound):
			return err
		}
		want.Replicas = max(1, want.Replicas)
		made, err = c.create(ctx, want)
		return err
	})
	if err != nil {
		return err
	}
	return sameStream(want, made)
}

func sameStream(want jetstream.StreamConfig, made jetstream.Stream) error {
	want.Replicas = max(1, want.Replicas)
	return differ("stream "+want.Name, want, made.CachedInfo().Config, "Metadata", "Placement")
}

func (c *Conn) declareConsumer(ctx context.Context, stream string) error {
	want := c.consumer()
	var made jetstream.Consumer
	same := func() error {
		return differ("consumer "+workers+" of stream "+stream, want, made.CachedInfo().Config, "Metadata", "PauseUntil", "Replicas")
	}
	err := c.call(ctx, "make consumer "+workers+" of stream "+stream, func(ctx context.Context) (err error) {
		if made, err = c.js.Consumer(ctx, stream, workers); err == nil && same() == nil {
			return nil // as above
		}
		made, err = c.js.CreateOrUpdateConsumer(ctx, stream, want)
		return err
	})
	if err != nil {
		return err
	}
	return same()
}

// differ compares two structs of one type field by field, but for those to skip. Servers drop what they do not know, and an existing
// stream may have been made by hand.
func differ(what string, want, have any, skip ...string) error {
	var faults []string
	w, h := reflect.ValueOf(want), reflect.ValueOf(have)
	for i := range w.NumField() {
		name := w.Type().Field(i).Name
		if slices.Contains(skip, name) || equal(w.Field(i), h.Field(i)) {
			continue
		}
		faults = append(faults, fmt.Sprintf("%s is %v and has to be %v", name, h.Field(i), w.Field(i)))
	}
	if faults == nil {
		return nil
	}
	return fmt.Errorf("%s is not what was asked for: %s; correct it, or delete it and start again", what, strings.Join(faults, ", "))
}

// equal compares two fields; an empty list is as good as none.
func equal(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// Delete removes the migration's streams and all that is in them; it is no error when they are not there. The ledger can fill them again.
func (c *Conn) Delete(ctx context.Context, migration string) error {
	if err := checkMigration(migration); err != nil {
		return err
	}
	for _, k := range []kind{tasks, receipts, dead} {
		name := k.stream(migration)
		err := c.call(ctx, "delete stream "+name, func(ctx context.Context) error { return c.js.DeleteStream(ctx, name) })
		if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
	}
	return nil
}
