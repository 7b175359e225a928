package ledger

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/shard"
)

func TestAcceptMapping(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	other := b.plan("n")
	conn, busy, claimed := b.connect(), b.connect(), b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"})
	book := b.begin(busy, b.claim(busy, id(m, 1), Claimed))
	early := b.claim(claimed, id(m, 2), Claimed)
	mended := Accepted{Hash: "mended", Fingerprint: "print 2"}
	accept := func(want int) {
		t.Helper()
		working, err := b.AcceptMapping(t.Context(), "m", mended, []byte("canonical 2"), json.RawMessage(`{"accepted": "yes"}`))
		if err != nil || working != want {
			t.Fatalf("%d shards still go by the old mapping, want %d: %v", working, want, err)
		}
	}
	accept(1)
	t.Run("the migration goes by it, and both are named", func(t *testing.T) {
		got, err := b.Load(t.Context(), "m")
		b.must(err)
		if got.Mapping != "mended" || got.Fingerprint != "print 2" || string(got.Plan) != `{"accepted": "yes"}` {
			t.Fatalf("got %+v", got)
		}
		all, err := b.Accepted(t.Context(), "m")
		want := []Accepted{{Hash: "hash", Fingerprint: "print"}, mended}
		if diff := cmp.Diff(want, all, cmpopts.IgnoreFields(Accepted{}, "At")); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
		canonical, err := b.Mapping(t.Context(), "mended")
		if err != nil || string(canonical) != "canonical 2" {
			t.Fatalf("got %q, %v", canonical, err)
		}
	})
	t.Run("who has claimed a shard by the old one has to claim it again", func(t *testing.T) {
		_, err := b.Begin(t.Context(), claimed, early)
		wantKind(t, err, shard.Stale)
		claim := b.claim(claimed, id(m, 2), Claimed)
		if claim.Mapping != "mended" || claim.Schema != "print 2" {
			t.Fatalf("claimed by %s, %s", claim.Mapping, claim.Schema)
		}
	})
	t.Run("who works on a shard ends by the old one, as do those that are done", func(t *testing.T) {
		o, block := outcome([]string{"3"})
		b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))
		for _, ordinal := range []int{0, 1} {
			if claim := b.claim(conn, id(m, ordinal), Done); claim.Mapping != "hash" || claim.Receipt.Mapping != "hash" || claim.Schema != "print" {
				t.Fatalf("shard %d: %s, %s, %s", ordinal, claim.Mapping, claim.Receipt.Mapping, claim.Schema)
			}
		}
	})
	t.Run("a second time nothing changes", func(t *testing.T) {
		accept(0)
		if n := query[int](b, `SELECT count(*) FROM rehome.accepted WHERE migration = 'm'`); n != 2 {
			t.Fatalf("%d mappings are accepted", n)
		}
		if n := query[int](b, `SELECT count(*) FROM rehome.event WHERE migration = 'm' AND what = 'mapping accepted' AND detail->>'was' = 'hash'`); n != 1 {
			t.Fatalf("%d events tell of it", n)
		}
	})
	t.Run("a dead shard that is published again goes by it", func(t *testing.T) {
		_, err := b.Failed(t.Context(), b.claim(conn, id(m, 2), Claimed), Failure{Kind: shard.Data, Limit: 1})
		b.must(err)
		mended = Accepted{Hash: "mended again", Fingerprint: "print 3"}
		accept(0)
		revived, err := b.Republish(t.Context(), id(m, 2), "test")
		task := revived.Task
		if err != nil || task.Mapping != "mended again" || task.Schema != "print 3" {
			t.Fatalf("got %+v, %v", task, err)
		}
	})
	t.Run("another migration keeps its own", func(t *testing.T) {
		if claim := b.claim(conn, id(other, 0), Claimed); claim.Mapping != "hash" || claim.Schema != "print" {
			t.Fatalf("claimed by %s, %s", claim.Mapping, claim.Schema)
		}
		if _, err := b.AcceptMapping(t.Context(), "nobody", mended, nil, nil); !errors.Is(err, ErrNotFound) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("reset forgets the mappings that nobody else goes by", func(t *testing.T) {
		b.must(b.Reset(t.Context(), "m"))
		if got := query[[]string](b, `SELECT array_agg(hash ORDER BY hash) FROM rehome.mapping`); len(got) != 1 || got[0] != "hash" {
			t.Fatalf("left are %q", got)
		}
	})
}
