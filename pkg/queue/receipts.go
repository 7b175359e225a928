package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/shard"
)

const (
	receiptWindow = 1024            // receipts under way to us at once: a whole run is to be read again within seconds
	readerLife    = 5 * time.Minute // after which the server forgets a reader that has gone
)

// A reader is where somebody stands in the stream of receipts.
type reader struct {
	conn      *Conn
	migration string
	created   time.Time // of the stream that last belongs to
	last      uint64    // sequence in the stream of the last message that was taken
}

// Receipts calls take with every receipt of the migration that the stream holds, oldest first, and then with each new one; its
// context is in a span, in the trace that the receipt was published in. It waits through restarts of the server and until streams that are
// not there are declared; when they were lost and made again it starts anew, so that take has to count a receipt it has seen once.
// It ends with take's error, with ctx's, with one that Denied knows, or when the Conn is closed.
func (c *Conn) Receipts(ctx context.Context, migration string, take func(context.Context, shard.Receipt) error) error {
	if err := checkMigration(migration); err != nil {
		return err
	}
	r := &reader{conn: c, migration: migration}
	for fails := 0; ; {
		err := r.watched(ctx, take)
		var stop *stopped
		switch {
		case errors.As(err, &stop):
			return stop.err
		case ctx.Err() != nil:
			return fmt.Errorf("read receipts of migration %s: %w", migration, context.Cause(ctx))
		case Denied(err) || c.nc.IsClosed():
			return fmt.Errorf("read receipts of migration %s: %w", migration, err)
		}
		if fails++; fails == 1 {
			c.log.Warn("no receipts can be had, trying again", "migration", migration, "err", err)
		}
		if !silent(err) { // which has taken its time
			pause(ctx)
		}
	}
}

// A stopped is the error of who takes the receipts, apart from errors of reading them.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }

// watched is read, ended by what the server refuses.
func (r *reader) watched(ctx context.Context, take func(context.Context, shard.Receipt) error) error {
	guarded, release := r.conn.guard.watch(ctx)
	defer release()
	return explain(guarded, r.read(guarded, take))
}

// read takes receipts until something fails. The ordered consumer of the library is not used: after the stream has been lost and made
// again it would go on behind its old place, and miss what is new.
func (r *reader) read(ctx context.Context, take func(context.Context, shard.Receipt) error) error {
	messages, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer messages.Stop()
	for next := uint64(1); ; next++ {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != next {
			return fmt.Errorf("message %d came where %d was due", meta.Sequence.Consumer, next)
		}
		var receipt shard.Receipt
		if r.conn.open(receipts, r.migration, msg, &receipt, &receipt.ID) {
			if err := handed(ctx, msg, receipt, take); err != nil {
				return &stopped{err}
			}
		}
		r.last = meta.Sequence.Stream
	}
}

// handed has the receipt taken, in a span of the trace that it was published in.
func handed(ctx context.Context, msg jetstream.Msg, r shard.Receipt, take func(context.Context, shard.Receipt) error) (err error) {
	ctx, span := within(extract(ctx, msg.Headers()), processing, receipts, r.ID, size(msg.Data()))
	defer func() { end(span, err) }()
	return take(ctx, r)
}

// open makes a consumer that begins behind the last message that was taken, or with the first of another stream.
func (r *reader) open(ctx context.Context) (jetstream.MessagesContext, error) {
	var consumer jetstream.Consumer
	err := r.conn.call(ctx, "open the stream of receipts", func(ctx context.Context) error {
		stream, err := r.conn.js.Stream(ctx, receipts.stream(r.migration))
		if err != nil {
			return err
		}
		if created := stream.CachedInfo().Created; !created.Equal(r.created) {
			r.created, r.last = created, 0
		}
		consumer, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			// A user's right to make consumers can be confined to those of certain subjects.
			FilterSubject:     receipts.all(r.migration),
			DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
			OptStartSeq:       r.last + 1,
			AckPolicy:         jetstream.AckNonePolicy,
			MemoryStorage:     true,
			InactiveThreshold: readerLife,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return consumer.Messages(jetstream.PullMaxMessages(receiptWindow), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
}
