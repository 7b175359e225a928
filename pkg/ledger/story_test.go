package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestUserStory(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	claim := b.claim(conn, id(m, 0), Claimed)
	_, err := b.Failed(t.Context(), claim, Failure{Kind: shard.Data, Cause: "check:a.b", Error: "it", TraceID: "t1", Limit: 5})
	b.must(err)
	claim = b.claim(conn, id(m, 0), Claimed)
	claim.TraceID = "t2"
	book := b.begin(conn, claim)
	o, block := outcome([]string{"1", "2"}, "2")
	o.Sums = map[int32][]shard.Table{1: {{Entry: 0, SetAside: 1}}}
	b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))

	story := func(key string) *Story {
		t.Helper()
		s, err := b.UserStory(t.Context(), "m", keyspace.Key{key})
		b.must(err)
		return s
	}
	check := func(t *testing.T, key string, want Story) {
		t.Helper()
		want.Key = keyspace.Key{key}
		ignore := cmpopts.IgnoreFields(Story{}, "At")
		if diff := cmp.Diff(&want, story(key), ignore, sameSum, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Chapter{}, "Shard", "Done"), cmpopts.IgnoreFields(StoryConflict{}, "At")); diff != "" {
			t.Fatal(diff)
		}
	}
	first := Chapter{Attempt: 2, Failures: 1, TraceID: "t2", Mapping: "hash", Cause: "check:a.b", Error: "it"}
	refusal := StoryRefusal{LegacyKey: keyspace.Key{"2"}.Marshal(), Cause: "values:app.users.kind"}
	t.Run("who arrived has a shard and rows", func(t *testing.T) {
		check(t, "1", Story{Known: true, State: "migrated", By: -1, Planned: true, Shards: []Chapter{first}, Standing: []EntryRows{{0, 1}}})
		if s := story("1").Shards[0]; s.Ordinal != 0 || s.Kind != shard.OfUsers || s.State != shard.Done || s.Done == nil {
			t.Fatalf("got %+v", s)
		}
	})
	t.Run("who is quarantined has a cause and the rows that are why", func(t *testing.T) {
		check(t, "2", Story{Known: true, State: "quarantined", Cause: "values:app.users.kind", By: 0, Planned: true, Shards: []Chapter{first},
			Sums: []shard.Table{{Entry: 0, SetAside: 1}}, Refusals: []StoryRefusal{refusal}})
		if story("2").At.IsZero() {
			t.Fatal("it is not said since when")
		}
	})
	t.Run("who was not read has the shards that may read them", func(t *testing.T) {
		b.exec(`UPDATE rehome.shard SET cell_first = 1 WHERE ordinal = 2`)
		check(t, "3", Story{By: -1, Planned: true, Shards: []Chapter{{Mapping: "hash"}, {Mapping: "hash"}}})
	})
	t.Run("of somebody unknown there is nothing to tell", func(t *testing.T) { check(t, "99", Story{By: -1}) })
	t.Run("who was done again has both shards, conflicts and originals", func(t *testing.T) {
		s, book := b.redo(conn, ofUsers("2"))
		o, block := outcome([]string{"2"})
		o.Receipt.Users = shard.Users{Migrated: 1, Quarantined: -1}
		o.Conflicts = []shard.Conflict{{Entry: 1, TargetKey: []byte("t"), Kind: shard.ConflictAdded}}
		o.Waits = []shard.Wait{{Entry: 1, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}}
		original := shard.Original{Entry: 1, Column: "body", Rule: "strip", Bytes: []byte("x")}
		b.must(book.Undo(t.Context(), o.Units), book.Originals(t.Context(), o.Units, []shard.Original{original}), book.Block(t.Context(), block),
			book.Close(t.Context(), o), book.Commit(t.Context()))
		check(t, "2", Story{Known: true, State: "redone", By: s.Ordinal, Planned: true,
			Shards: []Chapter{first, {Again: true, Attempt: 1, Mapping: "hash"}}, Standing: []EntryRows{{0, 1}},
			Waits:     []shard.Wait{{Entry: 1, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}},
			Conflicts: []StoryConflict{{Entry: 1, TargetKey: []byte("t"), Kind: shard.ConflictAdded}},
			Originals: []Lost{{1, "body", "strip", 1}}})
	})
}
