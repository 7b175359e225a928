package worker

import (
	"fmt"
	"testing"

	"rehome/pkg/queue"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
)

func TestWhoeverWaitsIsToldThatAShardHasEnded(t *testing.T) {
	t.Parallel()
	const weight = 8
	d := openDesk(t, func(dsn string) string { return dsn }, `DO 0`, tripsTarget)
	d.inLegacy(tripsLegacy(weight)...)
	tasks := d.planned(fmt.Sprintf(tripsFile, weight))[:2]
	conn, err := queue.Connect(t.Context(), queue.Options{URL: sandbox.NATS(t).URL(), Name: "test"})
	d.must(err)
	t.Cleanup(conn.Close)
	d.must(conn.Declare(t.Context(), d.name))
	_, err = conn.PublishTasks(t.Context(), func(yield func(shard.Task) bool) { _ = yield(tasks[0]) && yield(tasks[1]) })
	d.must(err)
	taken, err := conn.Tasks(d.name)
	d.must(err)

	var done []string // shards that the ledger says are done, whenever it was told
	d.slot.Queue = conn
	d.slot.Settled = func() { done = append(done, d.ask(`SELECT count(*) FROM rehome.shard WHERE state = 'done'`)) }
	works := func() {
		t.Helper()
		lease, err := taken.Next(t.Context())
		d.must(err)
		d.must(d.slot.task(t.Context(), lease))
	}
	t.Run("not of one that is given back", func(t *testing.T) {
		d.must(d.ledger.Pause(t.Context(), d.name, "lunch", false))
		works()
		if len(done) != 0 {
			t.Errorf("it is told with %s done", done)
		}
	})
	t.Run("once, when the ledger says so", func(t *testing.T) {
		d.must(d.ledger.Resume(t.Context(), d.name))
		works()
		if len(done) != 1 || done[0] != "1" {
			t.Errorf("it is told with %s done", done)
		}
	})
}
