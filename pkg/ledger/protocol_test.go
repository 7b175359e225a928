package ledger

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// party is one worker of the model: what it believes, and its session.
type party struct {
	holder uuid.UUID
	conn   *pgx.Conn
	claim  Claim
	on     *pgx.Conn // the session that claimed
	book   *Book
	ended  bool // its backend was ended and it does not know
}

// protocol checks the ledger's answers about one shard against the few rules that make its effect happen exactly once.
type protocol struct {
	*bench
	ctx      context.Context
	id       shard.ID
	parties  []*party
	state    shard.State
	token    int
	failures int
	released bool // the newest token was given back
	redo     bool // of users 1 and 2, whom another shard has read
}

const modelLimit = 2

// working returns who holds the row's lock, or nil.
func (p *protocol) working() *party {
	for _, w := range p.parties {
		if w.book != nil && !w.ended {
			return w
		}
	}
	return nil
}

func (p *protocol) pick(t *rapid.T, what string, fits func(*party) bool) *party {
	var some []*party
	for _, w := range p.parties {
		if fits(w) {
			some = append(some, w)
		}
	}
	if len(some) == 0 {
		t.Skip("nobody can", what) // rapid then draws another action: the test goes on
	}
	return rapid.SampledFrom(some).Draw(t, what)
}

func idle(w *party) bool    { return w.book == nil && !w.ended }
func claimed(w *party) bool { return idle(w) && w.claim.Answer == Claimed }
func busy(w *party) bool    { return w.book != nil }

func (p *protocol) Claim(t *rapid.T) {
	w := p.pick(t, "claims", idle)
	claim, err := p.Ledger.Claim(p.ctx, w.conn, p.id, Claimant{Holder: w.holder})
	want := map[shard.State]Answer{shard.Planned: Claimed, shard.Done: Done, shard.Dead: Dead, shard.Discarded: Done}[p.state]
	if p.working() != nil {
		want = Busy
	}
	if err != nil || claim.Answer != want {
		t.Fatalf("claim: %s, %v; want %s", claim.Answer, err, want)
	}
	if w.claim = claim; want == Claimed {
		w.on, p.released = w.conn, false
		if p.token++; claim.Token != p.token {
			t.Fatalf("token %d, want %d", claim.Token, p.token)
		}
	}
}

func (p *protocol) holds(w *party) bool { return p.state == shard.Planned && w.claim.Token == p.token }

func (p *protocol) Begin(t *rapid.T) {
	w := p.pick(t, "begins", claimed)
	book, err := p.Ledger.Begin(p.ctx, w.conn, w.claim)
	if p.holds(w) && !p.released && w.on == w.conn && p.working() == nil {
		if err != nil {
			t.Fatalf("begin: %v", err)
		}
		w.book = book
		return
	}
	if kind, _ := shard.KindOf(err); err == nil || kind != shard.Stale {
		t.Fatalf("begin without holding the shard: %v", err)
	}
	w.claim = Claim{}
}

func (p *protocol) Finish(t *rapid.T) {
	w := p.pick(t, "finishes", busy)
	o, block := outcome([]string{"1", "2"})
	var err error
	if p.redo {
		o.Receipt.Users = shard.Users{}
		err = w.book.Undo(p.ctx, o.Units)
	}
	if err == nil {
		err = w.book.Block(p.ctx, block)
	}
	if err == nil {
		err = w.book.Close(p.ctx, o)
	}
	if err == nil {
		err = w.book.Commit(p.ctx)
	}
	if w.ended != (err != nil) {
		t.Fatalf("finish: %v, and its backend was ended: %t", err, w.ended)
	}
	if err == nil {
		p.state = shard.Done
	}
	p.leave(t, w)
}

func (p *protocol) GiveUp(t *rapid.T) {
	w := p.pick(t, "gives up", busy)
	if err := w.book.Rollback(p.ctx); err != nil && !w.ended {
		t.Fatalf("roll back: %v", err)
	}
	p.leave(t, w)
}

func (p *protocol) leave(t *rapid.T, w *party) {
	w.book = nil
	if w.ended {
		p.reconnect(t, w)
	}
}

func (p *protocol) Fail(t *rapid.T) {
	w := p.pick(t, "fails", claimed)
	kind := rapid.SampledFrom([]shard.Failure{shard.Data, shard.Outage, shard.Defect}).Draw(t, "kind")
	letter, err := p.Failed(p.ctx, w.claim, Failure{Kind: kind, Cause: "check:a.b", Error: "it", Limit: modelLimit})
	if !p.holds(w) {
		if got, _ := shard.KindOf(err); err == nil || got != shard.Stale {
			t.Fatalf("failure under an old token: %v", err)
		}
		w.claim = Claim{}
		return
	}
	if kind != shard.Outage {
		p.failures++
	}
	if p.failures >= modelLimit {
		p.state = shard.Dead
	}
	if err != nil || (letter != nil) != (p.state == shard.Dead) {
		t.Fatalf("failure %d: %v, %v", p.failures, letter, err)
	}
	p.released = true
}

func (p *protocol) Die(t *rapid.T) {
	w := p.pick(t, "dies", func(w *party) bool { return !w.ended })
	p.exec(`SELECT pg_terminate_backend($1)`, int32(w.conn.PgConn().PID()))
	p.gone(w)
	w.book = nil
	p.reconnect(t, w)
	w.claim = Claim{}
}

func (p *protocol) Freeze(t *rapid.T) {
	w := p.working()
	if w == nil {
		t.Skip("nobody works") // as above
	}
	p.exec(`UPDATE rehome.worker SET beat = beat - interval '1 minute' WHERE holder = $1`, w.holder)
	if n := p.reap(All); n != 1 {
		t.Fatalf("%d frozen holders were ended", n)
	}
	p.gone(w)
	w.ended = true
	p.beatOf(w)
}

// gone waits until the party's backend has ended.
func (p *protocol) gone(w *party) {
	for query[bool](p.bench, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, int32(w.conn.PgConn().PID())) {
	}
}

func (p *protocol) Republish(t *rapid.T) {
	v, err := p.Ledger.Republish(p.ctx, p.id, "test")
	if err != nil || v.Again != (p.state == shard.Dead || p.state == shard.Discarded) {
		t.Fatalf("republish a %s shard: %+v, %v", p.state, v, err)
	}
	if v.Again {
		p.id, p.state, p.failures = v.Task.ID, shard.Planned, 0
		for _, w := range p.parties { // what they know is of the last generation
			w.claim = Claim{}
		}
	}
}

func (p *protocol) Discard(t *rapid.T) {
	var left LeftOut
	if !p.redo {
		left.Users = []keyspace.Key{{"1"}, {"2"}}
	}
	receipt, err := p.Ledger.Discard(p.ctx, p.id, "gone", "test", func(context.Context, *Discarding) (LeftOut, error) { return left, nil })
	if err != nil || (receipt != nil) != (p.state == shard.Dead) {
		t.Fatalf("discard a %s shard: %+v, %v", p.state, receipt, err)
	}
	if receipt != nil {
		p.id, p.state = receipt.ID, shard.Discarded
		for _, w := range p.parties { // as above
			w.claim = Claim{}
		}
	}
}

// Check is asked after each step.
func (p *protocol) Check(t *rapid.T) {
	want := 0
	if p.state == shard.Done {
		want = 1
	}
	got := query[[]int](p.bench, `
		SELECT ARRAY[(SELECT count(*) FROM rehome.event WHERE what = 'applied' AND ordinal = $1), (SELECT count(*) FROM rehome.manifest WHERE ordinal = $1),
		             (SELECT count(*) FROM rehome.roster WHERE ordinal = $1), (SELECT count(*) FROM rehome.shard WHERE ordinal = $1 AND state = 'done')]`,
		p.id.Ordinal)
	for i, n := range got {
		if n != want {
			t.Fatalf("count %d of %v is not %d while the shard is %s", i, got, want, p.state)
		}
	}
	if !p.redo {
		want = 0
		if p.state == shard.Discarded {
			want = 2
		}
		if n := query[int](p.bench, `SELECT count(*) FROM rehome.user_state WHERE state = 'left_out'`); n != want {
			t.Fatalf("%d users are left out while the shard is %s", n, p.state)
		}
		return
	}
	got = query[[]int](p.bench, `
		SELECT ARRAY[(SELECT count(*) FROM rehome.undone), (SELECT count(*) FROM rehome.user_state WHERE state = 'redone'),
		             (SELECT sum(rows_standing) FROM rehome.users)]`)
	if diff := cmp.Diff([]int{2 * want, 2 * want, 2}, got); diff != "" {
		t.Fatalf("undone, redone and standing while the shard is %s: %s", p.state, diff)
	}
}

func (p *protocol) reconnect(t *rapid.T, w *party) {
	conn, err := pgx.Connect(p.ctx, p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if w.conn != nil {
		_ = w.conn.Close(p.ctx)
	}
	w.conn, w.ended = conn, false
}

func (p *protocol) beatOf(w *party) {
	p.t.Helper()
	if err := p.Beat(p.ctx, Worker{Holder: w.holder, Migration: "m", Slots: 1}); err != nil {
		p.t.Fatal(err)
	}
}

func TestProtocol(t *testing.T) {
	for name, redo := range map[string]bool{"of a shard that is read for the first time": false, "of a redo": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			m := b.plan("m")
			of := id(m, 0)
			if redo {
				b.beat()
				b.move(b.connect(), of, []string{"1", "2"})
				added, err := b.AddRedo(t.Context(), "m", []RedoShard{ofUsers("1", "2")})
				b.must(err)
				of = added[0].ID
			}
			fewer(t, "40")
			rapid.Check(t, func(rt *rapid.T) { b.protocol(rt, of, redo) })
		})
	}
}

func (b *bench) protocol(rt *rapid.T, of shard.ID, redo bool) {
	b.forget(of.Ordinal)
	p := &protocol{bench: b, ctx: b.t.Context(), id: of, state: shard.Planned, redo: redo}
	for range 3 {
		w := &party{holder: uuid.New()}
		p.reconnect(rt, w)
		p.beatOf(w)
		p.parties = append(p.parties, w)
	}
	defer func() {
		for _, w := range p.parties {
			_ = w.conn.Close(p.ctx)
		}
	}()
	rt.Repeat(map[string]func(*rapid.T){
		"claim": p.Claim, "begin": p.Begin, "finish": p.Finish, "give up": p.GiveUp, "fail": p.Fail,
		"die": p.Die, "freeze": p.Freeze, "republish": p.Republish, "": p.Check,
	})
}

// forget makes a shard what it was when it was planned.
func (b *bench) forget(ordinal int) {
	b.t.Helper()
	b.exec(`
		UPDATE rehome.shard SET generation = 0, state = 'planned', attempt = 0, failures = 0, receipt = NULL, xid = NULL, holder = NULL
		 WHERE ordinal = $1`, ordinal)
	for _, table := range []string{"event", "manifest", "roster"} {
		b.exec(`DELETE FROM `+pgx.Identifier{"rehome", table}.Sanitize()+` WHERE ordinal = $1`, ordinal)
	}
	b.exec(`TRUNCATE rehome.undone, rehome.user_state, rehome.account`)
}
