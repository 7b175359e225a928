package queue

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A Room is how full one stream of a migration is.
type Room struct {
	Stream   string // tasks, receipts or dead
	Messages int64
	Bytes    int64
	Most     int64         // bytes that it may hold; 0 where nothing limits it
	Oldest   time.Duration // age of its oldest message by the server's clock; 0 without one
}

// rooms are the streams by the names that they have for a person.
var rooms = []struct {
	kind kind
	name string
}{{tasks, "tasks"}, {receipts, "receipts"}, {dead, "dead"}}

// Rooms returns how full the migration's streams are at this moment.
func (c *Conn) Rooms(ctx context.Context, migration string) ([]Room, error) {
	if err := checkMigration(migration); err != nil {
		return nil, err
	}
	found := make([]Room, 0, len(rooms))
	for _, r := range rooms {
		var info *jetstream.StreamInfo
		err := c.call(ctx, "ask how full stream "+r.kind.stream(migration)+" is", func(ctx context.Context) error {
			stream, err := c.js.Stream(ctx, r.kind.stream(migration))
			if err == nil {
				info = stream.CachedInfo()
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		room := Room{Stream: r.name, Messages: int64(info.State.Msgs), Bytes: int64(info.State.Bytes), Most: max(0, info.Config.MaxBytes)}
		if info.State.Msgs > 0 {
			room.Oldest = max(0, info.TimeStamp.Sub(info.State.FirstTime))
		}
		found = append(found, room)
	}
	return found, nil
}
