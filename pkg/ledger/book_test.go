package ledger

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

func TestHeld(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	claim := b.claim(conn, id(m, 2), Claimed)
	book := b.begin(conn, claim)
	held := func(s shard.Shard, users ...string) map[int]bool {
		t.Helper()
		got, err := book.Held(t.Context(), &s, keys(users...))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	t.Run("a later wave sees who arrived in an earlier one, and who was quarantined", func(t *testing.T) {
		if diff := cmp.Diff(map[int]bool{1: true, 3: true}, held(claim.Shard, "0", "1", "3", "2")); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("rosters of cells that are not shared are not read, states are", func(t *testing.T) {
		elsewhere := claim.Shard
		elsewhere.Cells = [2]int{1, 2}
		if diff := cmp.Diff(map[int]bool{1: true}, held(elsewhere, "1", "2")); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("who has a state is found among few and among many", func(t *testing.T) {
		b.move(b.connect(), id(m, 1), []string{"3", "4"}, "3", "4")
		elsewhere := claim.Shard
		elsewhere.Cells = [2]int{7, 8}
		if diff := cmp.Diff(map[int]bool{0: true}, held(elsewhere, "4")); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(map[int]bool{1: true, 3: true, 4: true}, held(elsewhere, "1", "2", "5", "3", "4")); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("nobody asks about nobody", func(t *testing.T) {
		if got := held(claim.Shard); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
	})
	t.Run("another migration holds nobody of this one", func(t *testing.T) {
		other := b.plan("n")
		foreign := claim.Shard
		foreign.ID = id(other, 2)
		if got := held(foreign, "1", "2"); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
	})
}

func TestBlocksGoWithTheSavepoint(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"})
	first, second := shard.Block{Rows: block.Rows[:1]}, shard.Block{Rows: block.Rows[1:]}
	for _, step := range []func() error{
		func() error { return book.Block(t.Context(), first) },
		func() error { _, err := book.Tx().Exec(t.Context(), `SAVEPOINT part`); return err },
		func() error { return book.Block(t.Context(), second) },
		func() error { _, err := book.Tx().Exec(t.Context(), `ROLLBACK TO SAVEPOINT part`); return err },
		func() error { return book.Close(t.Context(), o) },
		func() error { return book.Commit(t.Context()) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"t1"}, b.standing()); diff != "" {
		t.Fatal(diff)
	}
}

// standing returns the target keys of the migration m that stand, in their order.
func (b *bench) standing() []string {
	b.t.Helper()
	return query[[]string](b, `
		SELECT coalesce(array_agg(convert_from(key, 'UTF8') ORDER BY key), '{}')
		  FROM rehome.manifest m CROSS JOIN LATERAL unnest(m.target_keys) AS t (key)
		 WHERE migration = 'm' AND NOT EXISTS (SELECT FROM rehome.undone x WHERE x.migration = 'm' AND x.target_key = key)`)
}

func TestNothingOfABookStaysWithoutItsCommit(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"}, "2")
	if err := book.Block(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := book.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"manifest", "roster", "user_state", "set_aside"} {
		if n := query[int](b, `SELECT count(*) FROM `+pgx.Identifier{"rehome", table}.Sanitize()); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	b.claim(conn, id(m, 0), Claimed)
}

func TestCloseWritesTheWholeOutcome(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	t.Run("of a shard of users", func(t *testing.T) {
		users := make([]string, 2500)
		for i := range users {
			users[i] = fmt.Sprint(i)
		}
		o, block := outcome(users, "1700")
		o.Waits = []shard.Wait{{Unit: 3, Entry: 1, LegacyKey: keyspace.Key{"33"}.Marshal(), Cause: "waits:app.posts.parent", NeedsKey: []byte("k"), Needs: "app.posts"}}
		o.Collisions = []shard.Collision{{Unit: 1700, Cause: "unique:app.users.handle", TargetKey: []byte("t5")}}
		o.Refusals = append(o.Refusals, shard.Refusal{Unit: 1700, Entry: 1, Cause: "check:app.posts.kind"})
		book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
		if err := book.Block(t.Context(), block); err != nil {
			t.Fatal(err)
		}
		if err := book.Close(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := book.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		for sql, want := range map[string]int{
			`SELECT count(*) FROM rehome.roster`:                                                                          3,
			`SELECT count(*) FROM rehome.users WHERE state = 'migrated'`:                                                  2499,
			`SELECT count(*) FROM rehome.users WHERE user_text = '2345' AND rows_standing = 1`:                            1,
			`SELECT count(*) FROM rehome.users WHERE user_text = '1700' AND state = 'quarantined' AND rows_standing = 0`:  1,
			`SELECT count(*) FROM rehome.waiting WHERE user_key = '3' AND needs_table = 'app.posts' AND needs_key = 'k'`:  1,
			`SELECT count(*) FROM rehome.collision WHERE unit_key = '1700' AND target_key = 't5'`:                         1,
			`SELECT count(*) FROM rehome.set_aside WHERE user_key = '1700' AND entry = 1 AND legacy_key IS NULL`:          1,
			`SELECT count(*) FROM rehome.set_aside WHERE user_key = '1700' AND entry = 0 AND legacy_key = '\x0431373030'`: 1,
			`SELECT migrated FROM rehome.shard WHERE ordinal = 0 AND quarantined = 1 AND written = 2499`:                  2499,
		} {
			if got := query[int](b, sql); got != want {
				t.Errorf("%s: got %d, want %d", sql, got, want)
			}
		}
	})
	t.Run("of a shard of rows without a user, whose roster names no users", func(t *testing.T) {
		added, err := b.AddShards(t.Context(), "m", []shard.Shard{{Kind: shard.Unowned, Wave: 2, Entry: 1, Parent: -1}})
		if err != nil {
			t.Fatal(err)
		}
		b.move(conn, added[0].ID, []string{"90", "91"}, "91")
		for sql, want := range map[string]int{
			`SELECT count(*) FROM rehome.roster WHERE ordinal = 3 AND of_kind = 'unowned'`: 1,
			`SELECT count(*) FROM rehome.users WHERE ordinal = 3`:                          0,
			`SELECT count(*) FROM rehome.user_state WHERE ordinal = 3`:                     0,
			`SELECT count(*) FROM rehome.set_aside WHERE ordinal = 3 AND user_key IS NULL`: 1,
		} {
			if got := query[int](b, sql); got != want {
				t.Errorf("%s: got %d, want %d", sql, got, want)
			}
		}
	})
}

func TestAUserOfTwoShardsIsRefusedAndTriedAgain(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	book := b.begin(conn, b.claim(conn, id(m, 2), Claimed))
	o, _ := outcome([]string{"2"}, "2")
	wantKind(t, book.Close(t.Context(), o), shard.Outage)
}
