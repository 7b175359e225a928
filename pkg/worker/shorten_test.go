package worker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rehome/pkg/ledger"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// longDesk has one shard of users that was planned with the rows that make it take too long for a worker of the speed.
func longDesk(t *testing.T, each time.Duration, legacySQL ...string) (*desk, []shard.Task) {
	t.Helper()
	d := openDesk(t, func(dsn string) string { return dsn }, `DO 0`, tripsTarget)
	d.inLegacy(legacySQL...)
	file := fmt.Sprintf(tripsFile, 1_000_000)
	tasks := d.planned(file)
	d.mapped = d.compile(file)
	d.slot.controls.took(&shard.Shard{Kind: shard.OfUsers, Weight: 10_000}, 10_000*each)
	return d, tasks
}

// ends works on all tasks, and on what they are split into, and returns how many were split.
func (d *desk) ends(tasks []shard.Task) (splits int) {
	d.Helper()
	for len(tasks) > 0 {
		for _, task := range tasks {
			e := d.slot.shard(d.Context(), task)
			if e.err != nil || !e.ack {
				d.Fatalf("shard %d: %s, %v", task.Ordinal, e.what, e.err)
			}
			if e.outcome(false) == endedSplit {
				splits++
			}
			// Whatever this machine does now, the worker goes on as slowly as it was said to be.
			d.slot.controls.speed, d.slot.controls.heavy = speed{}, speed{took: time.Hour, rows: float64(time.Hour / (5 * time.Millisecond))}
		}
		var err error
		tasks, err = d.ledger.Next(d.Context(), d.name, 1)
		d.must(err)
	}
	return splits
}

func TestLongShard(t *testing.T) {
	t.Parallel()
	t.Run("a panic in the search for its halves ends no worker: it is moved whole", func(t *testing.T) {
		t.Parallel()
		d, tasks := longDesk(t, 5*time.Millisecond, tripsLegacy(5000)...)
		mapped := d.mapped
		broken := *mapped.Compiled
		broken.Plans = append([]*mapping.RowPlan{nil}, broken.Plans...)
		mapped.Compiled = &broken
		claim, err := d.slot.claim(t.Context(), tasks[0])
		d.must(err)
		if e := d.slot.shorten(t.Context(), claim, mapped); e != nil {
			t.Fatalf("it is %s", e.what)
		}
		if e := d.slot.claimed(t.Context(), claim, d.mapped); e.what != "done" {
			t.Errorf("%s, %v", e.what, e.err)
		}
	})
	t.Run("a shard that would take too long is split before it begins, by rows, until no part does, and all arrives once", func(t *testing.T) {
		t.Parallel()
		d, tasks := longDesk(t, 5*time.Millisecond, tripsLegacy(5000)...)
		if splits := d.ends(tasks); splits != 3 {
			t.Errorf("%d splits", splits)
		}
		d.adds()
		d.holds("5000", `SELECT count(*) FROM app.users`)
		d.holds("15000", `SELECT count(*) FROM app.posts`)
		d.holds("4", `SELECT count(*) FROM rehome.shard WHERE kind = 'users' AND state = 'done' AND weight BETWEEN 4000 AND 6000 AND written = weight`)
		d.holds("20000", `SELECT sum(weight) FROM rehome.shard WHERE kind = 'users' AND state = 'done'`)
		d.holds("5000", `SELECT sum(users) FROM rehome.shard WHERE kind = 'users' AND state = 'done'`)
	})
	t.Run("heavy users' rows count, and who is too heavy alone is moved alone", func(t *testing.T) {
		t.Parallel()
		d, tasks := longDesk(t, 5*time.Millisecond,
			`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)`,
			`INSERT INTO users SELECT seq, CONCAT('user ', seq) FROM seq_1_to_40`,
			`CREATE TABLE posts (id INT PRIMARY KEY, owner INT NOT NULL, title VARCHAR(40) NOT NULL, KEY (owner))`,
			`INSERT INTO posts SELECT seq, IF(seq <= 19000, 37, 1 + seq MOD 40), 'a title' FROM seq_1_to_20000`)
		if splits := d.ends(tasks); splits == 0 || splits > 12 {
			t.Errorf("%d splits", splits)
		}
		d.adds()
		d.holds("20000", `SELECT count(*) FROM app.posts`)
		d.holds("1", `SELECT max(users) FROM rehome.shard WHERE kind = 'users' AND state = 'done' AND written > 19000`)
	})
	for name, c := range map[string]struct {
		each  time.Duration
		users int
	}{
		"a worker that is fast enough":         {time.Millisecond, 5000},
		"one for whom a part would be no less": {time.Minute, 900},
		"one that has not moved a shard yet":   {0, 5000},
	} {
		t.Run("a shard is moved whole by "+name, func(t *testing.T) {
			t.Parallel()
			d, tasks := longDesk(t, c.each, tripsLegacy(c.users)...)
			if e := d.slot.shard(t.Context(), tasks[0]); e.what != "done" {
				t.Errorf("%s, %v", e.what, e.err)
			}
		})
	}
	t.Run("before a deadline what counts is the part that would be moved", func(t *testing.T) {
		t.Parallel()
		d, tasks := longDesk(t, 5*time.Millisecond, tripsLegacy(5000)...)
		for _, c := range []struct {
			left time.Duration
			want ledger.Answer
		}{{25 * time.Second, ledger.Late}, {time.Minute, ledger.Claimed}} {
			_, err := d.ledger.SetDeadline(t.Context(), d.name, c.left)
			d.must(err)
			by := ledger.Claimant{Holder: d.slot.holder, PerRow: d.slot.perRow(), Part: d.slot.part()}
			claim, err := d.ledger.Claim(context.WithoutCancel(t.Context()), d.slot.conn, tasks[0].ID, by)
			d.must(err)
			if claim.Answer != c.want {
				t.Errorf("%s before the deadline it is %s, want %s", c.left, claim.Answer, c.want)
			}
		}
	})
}

func TestPart(t *testing.T) {
	var w Worker
	if got := w.part(); got != 0 {
		t.Errorf("of a worker that knows nothing %d", got)
	}
	w.controls.took(&shard.Shard{Kind: shard.OfUsers, Weight: leastPart - 1}, time.Hour)
	w.controls.took(&shard.Shard{Kind: shard.Unowned, Weight: 1e6}, time.Hour)
	if got := w.part(); got != 0 {
		t.Errorf("of what tells nothing of rows %d", got)
	}
	w.controls.took(&shard.Shard{Kind: shard.OfUsers, Weight: 10_000}, 10*time.Second)
	if got := w.part(); got != 30_000 {
		t.Errorf("of a row each millisecond %d", got)
	}
	w.controls.order.perRow = 2 * time.Millisecond
	if got := w.part(); got != 15_000 {
		t.Errorf("of rows that are limited %d", got)
	}
	w.controls.order.perRow = time.Second
	if got := w.part(); got != leastPart {
		t.Errorf("of rows that take very long %d", got)
	}
}
