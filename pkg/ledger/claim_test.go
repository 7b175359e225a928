package ledger

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestClaim(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn, other := b.connect(), b.connect()

	t.Run("a planned shard is claimed with the ledger's bounds, and each claim has a higher token", func(t *testing.T) {
		claim := b.claim(conn, id(m, 1), Claimed)
		want := smallPlan("m").Shards[1]
		want.ID, want.State = id(m, 1), shard.Planned
		if diff := cmp.Diff(want, claim.Shard); diff != "" {
			t.Fatal(diff)
		}
		if next := b.claim(other, id(m, 1), Claimed); claim.Token != 1 || next.Token != 2 {
			t.Fatalf("tokens %d and %d, want 1 and 2", claim.Token, next.Token)
		}
	})
	t.Run("a shard in work is busy for all others", func(t *testing.T) {
		book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		b.claim(other, id(m, 0), Busy)
		if err := book.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.claim(other, id(m, 0), Claimed)
	})
	t.Run("a done shard answers with its stored receipt", func(t *testing.T) {
		receipt := b.move(conn, id(m, 0), []string{"1", "2"}, "2")
		claim := b.claim(other, id(m, 0), Done)
		if diff := cmp.Diff(&receipt, claim.Receipt, sameSum); diff != "" {
			t.Fatal(diff)
		}
		if receipt.Xid == 0 || receipt.Attempt != 3 || receipt.State != shard.Done || receipt.Mapping != "hash" {
			t.Fatalf("receipt %+v lacks what only the ledger knows", receipt)
		}
	})
	t.Run("a message of another run is stale", func(t *testing.T) {
		old := id(m, 1)
		old.Run = "before"
		b.claim(conn, old, Stale)
		old.Migration = "gone"
		b.claim(conn, old, Stale)
	})
	t.Run("a message of another generation is stale", func(t *testing.T) {
		old := id(m, 1)
		old.Generation = 7
		b.claim(conn, old, Stale)
	})
	t.Run("a shard that never was is unknown", func(t *testing.T) { b.claim(conn, id(m, 99), Unknown) })
	t.Run("a paused migration gives out nothing but what has ended", func(t *testing.T) {
		if err := b.Halt(t.Context(), "m", "the schema has changed"); err != nil {
			t.Fatal(err)
		}
		if claim := b.claim(conn, id(m, 1), Paused); claim.Reason != "the schema has changed" {
			t.Fatalf("reason %q", claim.Reason)
		}
		b.claim(conn, id(m, 0), Done)
		if err := b.Lift(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		b.claim(conn, id(m, 1), Claimed)
	})
}

var sameSum = cmp.Comparer(func(a, b checksum.Sum) bool { return a == b })

func TestManyClaimersOfOneShard(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	var group errgroup.Group
	committed := make(chan int, 16)
	for range 16 {
		conn := b.connect()
		group.Go(func() error {
			for {
				claim, err := b.Claim(t.Context(), conn, id(m, 0), Claimant{Holder: uuid.New()})
				if err != nil || claim.Answer == Done {
					return err
				}
				if claim.Answer != Claimed {
					continue
				}
				book, err := b.Begin(t.Context(), conn, claim)
				if kind, _ := shard.KindOf(err); err != nil && kind == shard.Stale {
					continue
				}
				if err != nil {
					return err
				}
				o, block := outcome([]string{"1", "2"})
				if err := book.Block(t.Context(), block); err != nil {
					return err
				}
				if err := book.Close(t.Context(), o); err != nil {
					return err
				}
				if err := book.Commit(t.Context()); err != nil {
					return err
				}
				committed <- claim.Token
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(committed) != 1 {
		t.Fatalf("%d claimers have committed, want 1", len(committed))
	}
	if n := query[int](b, `SELECT count(*) FROM rehome.manifest`); n != 1 {
		t.Fatalf("%d blocks in the manifest, want 1", n)
	}
}

func TestFencing(t *testing.T) {
	t.Run("an older token cannot begin", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn, other := b.connect(), b.connect()
		old := b.claim(conn, id(m, 0), Claimed)
		b.claim(other, id(m, 0), Claimed)
		_, err := b.Begin(t.Context(), conn, old)
		wantKind(t, err, shard.Stale)
	})
	t.Run("an older token cannot begin in the session that holds the newer one", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn := b.connect()
		old := b.claim(conn, id(m, 0), Claimed)
		b.claim(conn, id(m, 0), Claimed)
		_, err := b.Begin(t.Context(), conn, old)
		wantKind(t, err, shard.Stale)
	})
	t.Run("a claim cannot begin while another works", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn, other := b.connect(), b.connect()
		old := b.claim(conn, id(m, 0), Claimed)
		b.begin(other, b.claim(other, id(m, 0), Claimed))
		_, err := b.Begin(t.Context(), conn, old)
		wantKind(t, err, shard.Stale)
	})
	t.Run("a shard that has moved on under the book cannot be closed", func(t *testing.T) {
		for what, change := range map[string]string{
			"another token": `UPDATE rehome.shard SET attempt = 9 WHERE ordinal = 0`,
			"split":         `UPDATE rehome.shard SET state = 'split' WHERE ordinal = 0`,
		} {
			t.Run(what, func(t *testing.T) {
				b := newBench(t)
				m := b.plan("m")
				conn := b.connect()
				book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
				// The row lock keeps everybody else from doing this; the conditional UPDATE has to hold without it.
				if _, err := book.Tx().Exec(t.Context(), change); err != nil {
					t.Fatal(err)
				}
				o, _ := outcome([]string{"1", "2"})
				wantKind(t, book.Close(t.Context(), o), shard.Stale)
			})
		}
	})
	t.Run("the database refuses to apply a shard twice", func(t *testing.T) {
		b := newBench(t)
		m := b.plan("m")
		conn := b.connect()
		b.move(conn, id(m, 0), []string{"1"})
		b.exec(`UPDATE rehome.shard SET state = 'planned', receipt = NULL, xid = NULL WHERE ordinal = 0`)
		b.exec(`DELETE FROM rehome.roster`)
		book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		o, _ := outcome([]string{"1"})
		wantKind(t, book.Close(t.Context(), o), shard.Stale)
	})
}

func TestSettled(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	claim := b.claim(conn, id(m, 0), Claimed)
	book := b.begin(conn, claim)
	o, _ := outcome([]string{"1", "2"})
	if err := book.Close(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	answer := make(chan *shard.Receipt, 1)
	var group errgroup.Group
	group.Go(func() error {
		receipt, err := b.Settled(t.Context(), claim)
		answer <- receipt
		return err
	})
	b.waitFor(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR SHARE%' AND datname = current_database())`)
	if err := book.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if receipt := <-answer; receipt == nil || receipt.Attempt != claim.Token {
		t.Fatalf("settled says %+v of a commit that it waited for", receipt)
	}
	lost := b.claim(conn, id(m, 1), Claimed)
	if receipt, err := b.Settled(t.Context(), lost); receipt != nil || err != nil {
		t.Fatalf("settled says %+v, %v of a claim that came to nothing", receipt, err)
	}
}

// waitFor asks the server until the condition holds.
func (b *bench) waitFor(condition string) {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !query[bool](b, condition) {
		select {
		case <-tick.C:
		case <-b.t.Context().Done():
			b.t.Fatalf("never: %s", condition)
		}
	}
}

func TestCommitIsUnknownWhenItsAnswerIsLost(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	claim := b.claim(conn, id(m, 0), Claimed)
	book := b.begin(conn, claim)
	o, _ := outcome([]string{"1", "2"})
	if err := book.Close(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	b.exec(`SELECT pg_terminate_backend($1)`, int32(conn.PgConn().PID()))
	b.waitFor(`SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database())`)
	wantKind(t, book.Commit(t.Context()), shard.Unknown)
	if receipt, err := b.Settled(t.Context(), claim); receipt != nil || err != nil {
		t.Fatalf("settled says %+v, %v", receipt, err)
	}
}

func TestFailures(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	tried := shard.Circumstances{Mapping: "hash", Rehome: "1.0", Target: "laws"}
	fail := func(kind shard.Failure) *shard.DeadLetter {
		t.Helper()
		claim := b.claim(conn, id(m, 0), Claimed)
		letter, err := b.Failed(t.Context(), claim, Failure{Kind: kind, Cause: "check:app.users.kind", Error: "redacted", TraceID: "trace", Limit: 3, Tried: tried})
		if err != nil {
			t.Fatal(err)
		}
		return letter
	}
	t.Run("outages never count", func(t *testing.T) {
		for range 5 {
			if letter := fail(shard.Outage); letter != nil {
				t.Fatal("dead of an outage")
			}
		}
		if n := query[int](b, `SELECT failures FROM rehome.shard WHERE ordinal = 0 AND holder IS NULL`); n != 0 {
			t.Fatalf("%d failures were counted", n)
		}
	})
	t.Run("a stale claimer counts nothing", func(t *testing.T) {
		old := b.claim(conn, id(m, 0), Claimed)
		b.claim(conn, id(m, 0), Claimed)
		for _, kind := range []shard.Failure{shard.Outage, shard.Data} {
			_, err := b.Failed(t.Context(), old, Failure{Kind: kind, Limit: 1})
			wantKind(t, err, shard.Stale)
		}
		_, err := b.Split(t.Context(), old, keyspace.Key{"1"})
		wantKind(t, err, shard.Stale)
	})
	t.Run("the third failure by the data's fault is the last", func(t *testing.T) {
		fail(shard.Data)
		fail(shard.Defect)
		letter := fail(shard.Data)
		if letter == nil {
			t.Fatal("still alive")
		}
		if letter.ID != id(m, 0) || letter.Cause != "check:app.users.kind" || letter.Error != "redacted" || letter.TraceID != "trace" || letter.Tried != tried || !letter.First.Before(letter.Last) {
			t.Fatalf("letter %+v", letter)
		}
		claim := b.claim(conn, id(m, 0), Dead)
		if diff := cmp.Diff(letter, claim.Letter); diff != "" {
			t.Fatal(diff)
		}
		if claim.Receipt.State != shard.Dead || claim.Receipt.ID != id(m, 0) || claim.Receipt.Xid == 0 {
			t.Fatalf("receipt %+v of a dead shard", claim.Receipt)
		}
		letters, err := b.Dead(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]shard.DeadLetter{*letter}, letters); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("republished it lives again in the next generation, once", func(t *testing.T) {
		revived, err := b.Republish(t.Context(), id(m, 0), "test")
		task, again := revived.Task, revived.Again
		if err != nil || !again || task.Generation != 1 || task.Mapping != "hash" || task.Schema != "print" {
			t.Fatalf("got %+v, %t, %v", task, again, err)
		}
		if v, err := b.Republish(t.Context(), id(m, 0), "test"); v.Again || err != nil {
			t.Fatalf("the second time: %t, %v", v.Again, err)
		}
		b.claim(conn, id(m, 0), Stale)
		b.move(conn, task.ID, []string{"1", "2"})
	})
}

func TestSplit(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	t.Run("a cut at an end is refused and changes nothing", func(t *testing.T) {
		claim := b.claim(conn, id(m, 0), Claimed)
		if _, err := b.Split(t.Context(), claim, nil); err == nil {
			t.Fatal("an open cut was taken")
		}
		b.claim(conn, id(m, 0), Claimed)
	})
	t.Run("two children tile their parent and can be claimed", func(t *testing.T) {
		claim := b.claim(conn, id(m, 0), Claimed)
		children, err := b.Split(t.Context(), claim, keyspace.Key{"1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := keyspace.CheckTiles(claim.Shard.Range, []keyspace.Range{children[0].Range, children[1].Range}); err != nil {
			t.Fatal(err)
		}
		b.claim(conn, id(m, 0), Split)
		for i, child := range children {
			got := b.claim(conn, id(m, 3+i), Claimed)
			if diff := cmp.Diff(child, got.Shard); diff != "" {
				t.Fatal(diff)
			}
		}
	})
	t.Run("the sweeper sees the children alone", func(t *testing.T) {
		tasks, err := b.Next(t.Context(), "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, task := range tasks {
			got = append(got, task.Ordinal)
		}
		if diff := cmp.Diff([]int{1, 3, 4}, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
