package queue

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestDeclare(t *testing.T) {
	t.Run("repeating it changes nothing and keeps what is queued", func(t *testing.T) {
		c := declared(t)
		publish(t, c, 1)
		declare(t, c)
		if b := backlog(t, c); b.Waiting != 1 {
			t.Errorf("backlog %+v, want 1 waiting", b)
		}
	})

	t.Run("it brings back what somebody has loosened", func(t *testing.T) {
		c := declared(t)
		loose := tasks.config(name)
		loose.Discard, loose.DiscardNewPerSubject, loose.MaxMsgsPerSubject = jetstream.DiscardOld, false, 5
		if _, err := c.js.UpdateStream(t.Context(), loose); err != nil {
			t.Fatal(err)
		}
		declare(t, c)
		stream, err := c.js.Stream(t.Context(), tasks.stream(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := differ("stream", tasks.config(name), stream.CachedInfo().Config, "Metadata"); err != nil {
			t.Error(err)
		}
	})

	t.Run("a stream made by hand that cannot be corrected is an error", func(t *testing.T) {
		server := embed(t)
		c := connect(t, server.URL(), server.Token())
		byHand := tasks.config(name)
		byHand.Retention = jetstream.InterestPolicy
		if _, err := c.js.CreateStream(t.Context(), byHand); err != nil {
			t.Fatal(err)
		}
		if err := c.Declare(t.Context(), name); err == nil || !strings.Contains(err.Error(), "retention") {
			t.Errorf("error %v does not name the retention", err)
		}
	})

	t.Run("a field that the server has dropped is named", func(t *testing.T) {
		want := tasks.config(name)
		have := want
		have.DiscardNewPerSubject, have.MaxBytes = false, -1
		err := differ("stream X", want, have)
		for _, word := range []string{"stream X", "DiscardNewPerSubject is false and has to be true", "MaxBytes is -1"} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("error %v does not say %q", err, word)
			}
		}
	})

	t.Run("a name that would be a wildcard is refused", func(t *testing.T) {
		c := declared(t)
		for _, bad := range []string{"", ">", "a.b", "*", "A", "ä", strings.Repeat("a", 33)} {
			if err := c.Declare(t.Context(), bad); err == nil {
				t.Errorf("migration %q is declared", bad)
			}
		}
	})

	t.Run("deleting takes all away and may be repeated", func(t *testing.T) {
		c := declared(t)
		for range 2 {
			if err := c.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Backlog(t.Context(), name); !Undeclared(err) {
			t.Errorf("error %v, want one that Undeclared knows", err)
		}
		if _, err := c.PublishTask(t.Context(), task(1)); !Undeclared(err) {
			t.Errorf("error %v, want one that Undeclared knows", err)
		}
		declare(t, c)
		publish(t, c, 1)
	})
}
