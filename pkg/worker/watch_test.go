package worker

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"rehome/pkg/ledger"
	"rehome/pkg/shard"
	"rehome/pkg/throttle"
)

// A post is a watch over the ledger of a desk, looked at by hand, and what it says.
type post struct {
	*desk
	*watch
	said func() string
}

// newPlainDesk returns a desk of users who have nothing but their key.
func newPlainDesk(t *testing.T) *desk {
	return newDesk(t, `CREATE TABLE users (id INT PRIMARY KEY)`, `CREATE SCHEMA app; CREATE TABLE app.users (id uuid PRIMARY KEY)`, `name: desk
legacy: {dsn: "${X}", time_zone: UTC}
target: {dsn: "${X}"}
users: {from: users, key: id}
tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}}}
`)
}

func newPost(t *testing.T) *post {
	d := newPlainDesk(t)
	p := &post{desk: d}
	w := &Worker{Migration: d.name, Slots: 2, Ledger: d.ledger, holder: uuid.New(), meters: newMeters(d.name)}
	w.Log, p.said = hears()
	p.watch = &watch{Worker: w, forget: func(error) { t.Error("the migration is said to be gone") }}
	w.controls.begin(t.Context(), t.Context())
	t.Cleanup(w.controls.end)
	return p
}

// sees looks, and asserts why no shard is taken, or why the worker is slow.
func (p *post) sees(slow string) {
	p.Helper()
	p.look(p.Context())
	if got := p.Slow(); got != slow {
		p.Errorf("it is slow as %q, want %q", got, slow)
	}
}

// tells asserts whether the ledger is to be told at once.
func (p *post) tells(want bool) {
	p.Helper()
	if got := len(p.controls.tell) == 1; got != want {
		p.Errorf("the ledger is to be told at once: %t, want %t", got, want)
	}
	if len(p.controls.tell) == 1 {
		<-p.controls.tell
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	ctx := t.Context()
	p.sees("")
	p.tells(false)

	t.Run("each change is seen, answered by a beat, and said once", func(t *testing.T) {
		p.must(p.desk.ledger.Pause(ctx, p.name, "lunch", false))
		p.sees("paused: lunch")
		p.tells(true)
		p.sees("paused: lunch")
		p.tells(false)
		p.must(p.beat(ctx))
		workers, err := p.desk.ledger.Workers(ctx, p.name, time.Minute)
		p.must(err)
		for _, w := range workers {
			if w.Holder == p.watch.holder && (w.Seen != 1 || w.Slow != "paused: lunch" || w.Slots != 2) {
				t.Errorf("the ledger knows of the worker %+v", w)
			}
		}
		if n := strings.Count(p.said(), "paused: lunch"); n != 1 {
			t.Errorf("it is said %d times", n)
		}
		p.must(p.desk.ledger.Resume(ctx, p.name))
		p.sees("")
		p.tells(true)
	})
	t.Run("a pace is said when its cause changes, and not with each number", func(t *testing.T) {
		p.must(p.desk.ledger.SetLimits(ctx, p.name, throttle.Limits{Lag: 2 * time.Second}))
		for _, lag := range []string{"1.6s", "1.8s", "1.9s"} {
			p.must(p.desk.ledger.SetGauge(ctx, p.name, throttle.Gauge{Pace: 0.5, Reason: "replica lag " + lag + " of 2s"}))
			p.sees("slowing down to 50 %: replica lag " + lag + " of 2s")
		}
		if n := strings.Count(p.said(), "slowing down"); n != 1 {
			t.Errorf("it is said %d times", n)
		}
		p.must(p.desk.ledger.SetLimits(ctx, p.name, throttle.Limits{}))
		p.sees("")
	})
	t.Run("by a deadline nothing is taken that does not end in time, until it is moved", func(t *testing.T) {
		p.inTarget(`UPDATE rehome.shard SET weight = 100`)
		p.controls.speed.add(100, 30*time.Second)
		_, err := p.desk.ledger.SetDeadline(ctx, p.name, 20*time.Second)
		p.must(err)
		p.sees("") // nobody has been refused yet
		p.controls.refused(ledger.Late)
		p.sees("nothing that ends before the deadline")
		p.sees("nothing that ends before the deadline")
		_, err = p.desk.ledger.SetDeadline(ctx, p.name, time.Hour)
		p.must(err)
		p.sees("")
	})
	t.Run("who has done no shard asks how fast others were", func(t *testing.T) {
		p.controls.speed = speed{}
		p.inTarget(`UPDATE rehome.control SET limits = '{}'`)
		ids := p.shards()
		claim, err := p.desk.ledger.Claim(ctx, p.slot.conn, ids[0], ledger.Claimant{Holder: p.slot.holder})
		p.must(err)
		_, err = p.slot.move(ctx, claim, p.mapped)
		p.must(err)
		p.inTarget(`UPDATE rehome.shard SET claimed_at = done_at - interval '5 s' WHERE state = 'done'`)
		p.sees("")
		if got := p.controls.speed.perRow(); got != 50*time.Millisecond {
			t.Errorf("a row is said to take %s", got)
		}
	})
}

func TestABlindWatch(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.must(p.desk.ledger.Pause(t.Context(), p.name, "lunch", false))
	p.sees("paused: lunch")
	p.Ledger = mute(t)

	t.Run("goes by the last that it knew, and looks again in time", func(t *testing.T) {
		began := time.Now()
		p.sees("paused: lunch")
		p.sees("paused: lunch")
		if d := time.Since(began); d > 2*lookTimeout+time.Second {
			t.Errorf("two looks take %s", d)
		}
	})
	t.Run("says so after a while, once", func(t *testing.T) {
		p.blind = p.blind.Add(-blindLong)
		p.sees("paused: lunch")
		p.sees("paused: lunch")
		if n := strings.Count(p.said(), "the controls cannot be read"); n != 1 {
			t.Errorf("it is said %d times", n)
		}
	})
	t.Run("and beats in vain, but in time", func(t *testing.T) {
		began := time.Now()
		if err := p.beat(t.Context()); err == nil || time.Since(began) > lookTimeout+time.Second {
			t.Errorf("a beat ends after %s with %v", time.Since(began), err)
		}
	})
	t.Run("and says when it sees again", func(t *testing.T) {
		p.Ledger = p.desk.ledger
		p.must(p.desk.ledger.Resume(t.Context(), p.name))
		p.sees("")
		if !strings.Contains(p.said(), "the controls can be read again") {
			t.Error("it does not")
		}
	})
}

func TestAMigrationThatIsGone(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	p.sees("")
	var gone error
	p.forget = func(why error) { gone = why }
	p.must(p.desk.ledger.Reset(t.Context(), p.name))
	p.look(t.Context())
	if !errors.Is(gone, ErrGone) || strings.Contains(p.said(), "cannot be read") {
		t.Errorf("%v: %s", gone, p.said())
	}
}

// mute returns the ledger of a server that takes connections and never says a word.
func mute(t *testing.T) *ledger.Ledger {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@"+listener.Addr().String()+"/x?sslmode=disable&connect_timeout=600")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return ledger.Open(pool)
}

func TestRolledBackInTheMiddle(t *testing.T) {
	t.Parallel()
	d := newPlainDesk(t)
	d.inLegacy(`INSERT INTO users SELECT seq FROM seq_1_to_5000`)
	d.slot.pacer.Set(1000, 1)
	d.slot.controls.begin(t.Context(), t.Context())
	defer d.slot.controls.end()
	id := d.shards()[0]
	work := d.slot.controls.working()
	time.AfterFunc(500*time.Millisecond, func() { d.slot.controls.obey(order{closed: "x", rollback: "paused: lunch"}) })
	e := d.slot.shard(work, shard.Task{ID: id})
	if e.what != "rolled back: paused: lunch" || e.ack || e.err != nil || e.delay != retryDelay {
		t.Errorf("it ends as %q, ack %t, again in %s, %v", e.what, e.ack, e.delay, e.err)
	}
	d.holds("0", `SELECT count(*) FROM app.users`)
	d.holds("0", `SELECT count(*) FROM rehome.shard WHERE holder IS NOT NULL OR failures > 0`)
	if read := d.slot.pacer.Read(); read == 0 || read > 4000 {
		t.Errorf("it ended after %d rows", read)
	}
	if e := d.slot.shard(work, shard.Task{ID: id}); e.what != "given back: paused: lunch" || e.ack {
		t.Errorf("a task that comes then ends as %q", e.what)
	}
	d.slot.pacer.Set(throttle.Unlimited, 1)
	if e := d.slot.shard(context.WithoutCancel(t.Context()), shard.Task{ID: id}); e.what != "done" {
		t.Errorf("later it is %q: %v", e.what, e.err)
	}
	d.holds("5000", `SELECT count(*) FROM app.users`)
}
