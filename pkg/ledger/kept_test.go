package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestKeptAndUnits(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"}, "2")
	o.Refusals = append(o.Refusals, shard.Refusal{Unit: 1, Entry: 1, LegacyKey: []byte("l"), Cause: "too_long:app.posts.title"})
	b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))
	book = b.begin(conn, b.claim(conn, id(m, 1), Claimed))
	o, block = outcome([]string{"3", "4"})
	o.Waits = []shard.Wait{{Unit: 1, Entry: 1, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}}
	b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))
	rest, err := b.AddShards(t.Context(), "m", []shard.Shard{
		{Kind: shard.Unowned, Wave: 2, Entry: 2, Parent: -1}, {Kind: shard.OwnKey, Wave: 2, Entry: 3, Parent: -1},
	})
	b.must(err)
	book = b.begin(conn, b.claim(conn, rest[0].ID, Claimed))
	o, _ = outcome([]string{"90", "91"}, "91")
	o.Refusals[0].Entry = -1 // the target could not tell which row it was
	b.must(book.Close(t.Context(), o), book.Commit(t.Context()))
	book = b.begin(conn, b.claim(conn, rest[1].ID, Claimed))
	o, _ = outcome(nil)
	o.Units = []keyspace.Key{{"a\x1f", "b"}, {"c", "d"}}
	o.Waits = []shard.Wait{{Unit: 0, Entry: 3, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}}
	b.must(book.Close(t.Context(), o), book.Commit(t.Context()))
	b.inTestTx(func(tx pgx.Tx) error {
		_, err := b.WriteSettle(t.Context(), tx, "m", Settlement{Wave: 2, Undone: b.rowsOf("3"), Quarantined: map[string]string{"3": "unique:a.b"},
			Receipt: shard.Receipt{Users: shard.Users{Migrated: -1, Quarantined: 1}}})
		return err
	})

	home := func(ordinal, wave, first, limit int) Home {
		return Home{Ordinal: ordinal, Wave: wave, Cells: [2]int{first, limit}}
	}
	user := func(key string, home Home, causes ...string) Kept {
		return Kept{Of: shard.OfUsers, Entry: -1, Unit: keyspace.Key{key}, Causes: causes, Home: home}
	}
	all := []Kept{
		user("2", home(0, 0, 0, 1), "too_long:app.posts.title", "values:app.users.kind"),
		user("3", home(1, 0, 1, 2), "unique:a.b"),
		user("4", home(1, 0, 1, 2), "waits:a.b"),
		{Of: shard.OwnKey, Entry: 3, Unit: keyspace.Key{"a\x1f", "b"}, Causes: []string{"waits:a.b"}, Home: home(4, 2, 0, 0)},
		{Of: shard.Unowned, Entry: 2, Unit: keyspace.Key{"91"}, Causes: []string{"values:app.users.kind"}, Home: home(3, 2, 0, 0)},
	}
	kept := func(causes ...string) (got []Kept) {
		t.Helper()
		for k, err := range b.Kept(t.Context(), "m", causes) {
			b.must(err)
			got = append(got, k)
		}
		return got
	}
	t.Run("who is kept out, whatever for, comes with all causes and the shard that first read them", func(t *testing.T) {
		if diff := cmp.Diff(all, kept()); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("one cause among several is enough", func(t *testing.T) {
		if diff := cmp.Diff([]Kept{all[0], all[2], all[3]}, kept("too_long:app.posts.title", "waits:a.b")); diff != "" {
			t.Fatal(diff)
		}
		if got := kept("nothing"); got != nil {
			t.Fatalf("got %v", got)
		}
	})
	t.Run("whoever asks may stop", func(t *testing.T) {
		for range b.Kept(t.Context(), "m", nil) {
			break
		}
	})
	t.Run("all units come once, by the shards that first read them", func(t *testing.T) {
		_, again := b.redo(conn, RedoShard{Of: shard.OfUsers, Wave: 2, List: shard.List{Units: keys("2", "4")}})
		b.again(again, shard.Users{Migrated: 1, Quarantined: -1}, []string{"2", "4"})
		_, again = b.redo(conn, RedoShard{Of: shard.Unowned, Entry: 2, Wave: 2, List: shard.List{Units: keys("91", "92")}})
		o, _ := outcome(nil)
		o.Units, o.Receipt.Users = keys("91", "92"), shard.Users{}
		b.must(again.Close(t.Context(), o), again.Commit(t.Context()))
		var got []Roll
		for roll, err := range b.Units(t.Context(), "m") {
			b.must(err)
			got = append(got, roll)
		}
		want := []Roll{
			{shard.OfUsers, -1, keys("1", "2"), []string{"migrated", "redone"}, home(0, 0, 0, 1)},
			{shard.OfUsers, -1, keys("3", "4"), []string{"quarantined", "redone"}, home(1, 0, 1, 2)},
			{shard.OwnKey, 3, []keyspace.Key{{"c", "d"}, {"a\x1f", "b"}}, nil, home(4, 2, 0, 0)},
			{shard.Unowned, 2, keys("90", "91"), nil, home(3, 2, 0, 0)},
			{shard.Unowned, 2, keys("92"), nil, home(-1, 0, 0, 0)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
