package queue

import (
	"testing"

	"rehome/pkg/shard"
)

func TestRooms(t *testing.T) {
	t.Run("streams tell what they hold and may hold", func(t *testing.T) {
		server := embed(t)
		c := connect(t, server.URL(), server.Token(), func(o *Options) { o.Streams.MaxBytes = 1 << 20 })
		if err := c.Declare(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		for ordinal := range 3 {
			if _, err := c.PublishTask(t.Context(), task(ordinal)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.PublishReceipt(t.Context(), shard.Receipt{ID: id(0)}); err != nil {
			t.Fatal(err)
		}
		rooms, err := c.Rooms(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		messages := map[string]int64{}
		for _, r := range rooms {
			messages[r.Stream] = r.Messages
			if r.Most != 1<<20 || (r.Bytes > 0) != (r.Messages > 0) || (r.Oldest > 0) != (r.Messages > 0) {
				t.Errorf("%+v", r)
			}
		}
		if messages["tasks"] != 3 || messages["receipts"] != 1 || messages["dead"] != 0 || len(messages) != 3 {
			t.Errorf("%v", messages)
		}
	})
	t.Run("there are none before they are declared", func(t *testing.T) {
		server := embed(t)
		if _, err := connect(t, server.URL(), server.Token()).Rooms(t.Context(), name); !Undeclared(err) {
			t.Errorf("error is %v", err)
		}
	})
}
