package queue

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"rehome/pkg/shard"
)

// open reads the body of a message of the migration's stream into v, whose ID id points at. Anybody with the right to publish can
// have put it there: one that is not ours is counted and logged, without a word of what stands in it, and ok is false.
func (c *Conn) open(k kind, migration string, msg jetstream.Msg, v any, id *shard.ID) (ok bool) {
	err := shard.Decode(msg.Data(), v)
	switch late := (*time.ParseError)(nil); {
	case errors.As(err, &late):
		err = errors.New("a time in it is none") // its own text quotes the value
	case err == nil:
		err = match(k, migration, msg.Subject(), *id)
	}
	if err == nil {
		return true
	}
	c.refused.Add(1)
	var sequence uint64
	if meta, err := msg.Metadata(); err == nil {
		sequence = meta.Sequence.Stream
	}
	c.log.Error("a message is not from rehome, left aside", "migration", migration, "stream", k.stream(migration), "sequence", sequence,
		"subject", fmt.Sprintf("%.120s", msg.Subject()), "bytes", len(msg.Data()), "err", fmt.Sprintf("%.200s", err))
	return false
}

// match tells whether the body's ID is the one that the subject stands for.
func match(k kind, migration, subject string, id shard.ID) error {
	if err := check(id); err != nil {
		return err
	}
	if id.Migration != migration || k.subject(id) != subject {
		return fmt.Errorf("its body is of shard %s of run %s, its subject of another", id, id.Run)
	}
	return nil
}
