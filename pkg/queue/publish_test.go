package queue

import (
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"rehome/pkg/shard"
)

func receipt(ordinal int) shard.Receipt {
	return shard.Receipt{ID: id(ordinal), State: shard.Done, Mapping: "m", Started: time.Unix(1, 0).UTC(), Finished: time.Unix(2, 0).UTC()}
}

func set(ordinals ...int) map[int]struct{} {
	m := map[int]struct{}{}
	for _, n := range ordinals {
		m[n] = struct{}{}
	}
	return m
}

// upTo yields n tasks.
func upTo(n int) iter.Seq[shard.Task] {
	return func(yield func(shard.Task) bool) {
		for i := range n {
			if !yield(task(i)) {
				return
			}
		}
	}
}

func TestPublishTask(t *testing.T) {
	t.Run("a shard is queued once, and again when its task was acked", func(t *testing.T) {
		c := declared(t)
		publish(t, c, 1)
		again := task(1)
		again.Generation = 1
		for _, twin := range []shard.Task{task(1), again} {
			if added, err := c.PublishTask(t.Context(), twin); err != nil || added {
				t.Errorf("added %v, error %v, want neither", added, err)
			}
		}
		lease := next(t, c)
		if added, err := c.PublishTask(t.Context(), task(1)); err != nil || added {
			t.Errorf("while leased: added %v, error %v, want neither", added, err)
		}
		ack(t, lease)
		publish(t, c, 1)
	})

	t.Run("an ID that makes no subject is refused", func(t *testing.T) {
		c := declared(t)
		for _, bad := range []shard.ID{
			{Migration: "*", Run: run}, {Migration: name}, {Migration: name, Run: "a.b"}, {Migration: name, Run: ">"},
			{Migration: name, Run: run, Ordinal: -1}, {Migration: name, Run: run, Generation: -1},
		} {
			if _, err := c.PublishTask(t.Context(), shard.Task{ID: bad}); err == nil {
				t.Errorf("%+v is published", bad)
			}
		}
	})
}

func TestPublishTasks(t *testing.T) {
	t.Run("many are queued at once, and those that are there already are not counted", func(t *testing.T) {
		c := declared(t)
		publish(t, c, 3, 700)
		added, err := c.PublishTasks(t.Context(), upTo(1000))
		if err != nil || added != 998 {
			t.Errorf("added %d, error %v, want 998", added, err)
		}
		if b := backlog(t, c); b.Waiting != 1000 {
			t.Errorf("backlog %+v, want 1000 waiting", b)
		}
	})

	t.Run("as many as a batch may have are added as one, and none where one is there", func(t *testing.T) {
		b := &batch{conn: declared(t)}
		for task := range upTo(batchSize) {
			body, err := encode(tasks, task.ID, task)
			if err != nil {
				t.Fatal(err)
			}
			b.add(t.Context(), task, body)
		}
		if err := b.commit(t.Context(), b.outgoing); err != nil {
			t.Error(err)
		}
		ack(t, next(t, b.conn))
		if err := b.commit(t.Context(), b.outgoing); !refused(err) {
			t.Errorf("error %v, want that of a server which refuses", err)
		}
		if b := backlog(t, b.conn); b.Waiting != batchSize-1 {
			t.Errorf("backlog %+v, want all but one", b)
		}
	})

	t.Run("a stream that takes no batches is given each by itself", func(t *testing.T) {
		c := declared(t)
		config := c.streams.on(tasks.config(name))
		config.Replicas, config.AllowAtomicPublish = 1, false
		if _, err := c.js.UpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if added, err := c.PublishTasks(t.Context(), upTo(300)); err != nil || added != 300 {
			t.Errorf("added %d, error %v, want 300", added, err)
		}
		declare(t, c) // which a producer of this release does with a stream of the one before
		if added, err := c.PublishTasks(t.Context(), upTo(2500)); err != nil || added != 2200 {
			t.Errorf("added %d, error %v, want 2200", added, err)
		}
		if queued, err := c.Queued(t.Context(), name, run); err != nil || len(queued) != 2500 {
			t.Errorf("%d are queued, %v", len(queued), err)
		}
	})

	t.Run("streams that are not there end it with an error of that kind", func(t *testing.T) {
		server := embed(t)
		c := connect(t, server.URL(), server.Token())
		if added, err := c.PublishTasks(t.Context(), upTo(10)); added != 0 || !Undeclared(err) {
			t.Errorf("added %d, error %v, want one that Undeclared knows", added, err)
		}
	})

	t.Run("a task that cannot be published ends it, and those before it are queued", func(t *testing.T) {
		c := declared(t)
		added, err := c.PublishTasks(t.Context(), slices.Values([]shard.Task{task(1), {}, task(2)}))
		if err == nil || added != 1 {
			t.Errorf("added %d, error %v, want 1 and an error", added, err)
		}
	})
}

func TestWhatIsInTheStreams(t *testing.T) {
	c := declared(t)
	publish(t, c, 0, 4, 17)
	if _, err := c.PublishTask(t.Context(), shard.Task{ID: shard.ID{Migration: name, Run: "other", Ordinal: 5}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a repeated one takes the place of the first
		if err := c.PublishReceipt(t.Context(), receipt(4)); err != nil {
			t.Fatal(err)
		}
		if err := c.PublishDead(t.Context(), shard.DeadLetter{ID: id(17), Cause: "data"}); err != nil {
			t.Fatal(err)
		}
	}
	type list func() (map[int]struct{}, error)
	look := func(what string, l list, want map[int]struct{}) {
		t.Helper()
		have, err := l()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	look("queued", func() (map[int]struct{}, error) { return c.Queued(t.Context(), name, run) }, set(0, 4, 17))
	look("queued of another run", func() (map[int]struct{}, error) { return c.Queued(t.Context(), name, "other") }, set(5))
	look("receipts", func() (map[int]struct{}, error) { return c.Receipted(t.Context(), name, run) }, set(4))
	look("dead", func() (map[int]struct{}, error) { return c.DeadLettered(t.Context(), name, run) }, set(17))
	for range 2 {
		if err := c.RemoveDead(t.Context(), id(17)); err != nil {
			t.Fatal(err)
		}
	}
	look("dead after removal", func() (map[int]struct{}, error) { return c.DeadLettered(t.Context(), name, run) }, set())
	if _, err := c.Queued(t.Context(), name, "*"); err == nil {
		t.Error("a wildcard is taken for a run")
	}
}

func TestAReceiptThatNobodyCouldReadIsNotPublished(t *testing.T) {
	c := declared(t)
	big := receipt(1)
	big.Position = strings.Repeat("x", shard.MaxBytes)
	if err := c.PublishReceipt(t.Context(), big); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("error %v, want one about its size", err)
	}
}

func TestASubjectStandsForOneShard(t *testing.T) {
	ids := rapid.Custom(func(t *rapid.T) shard.ID {
		return shard.ID{
			Migration: rapid.StringMatching(`[a-z0-9_]{1,3}`).Draw(t, "migration"),
			Run:       rapid.StringMatching(`[A-Za-z0-9_-]{1,3}`).Draw(t, "run"),
			Ordinal:   rapid.IntMin(0).Draw(t, "ordinal"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := ids.Draw(t, "a"), ids.Draw(t, "b")
		subject := tasks.subject(a)
		if n, ok := ordinal(subject); !ok || n != a.Ordinal {
			t.Fatalf("subject %s gives ordinal %d, %v", subject, n, ok)
		}
		if err := match(tasks, a.Migration, subject, a); err != nil {
			t.Fatal(err)
		}
		if same := match(tasks, b.Migration, subject, b) == nil; same != (a == b) {
			t.Fatalf("%+v and %+v share a subject: %v", a, b, same)
		}
	})
}
