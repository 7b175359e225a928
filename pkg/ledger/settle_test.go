package ledger

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// inTestTx runs do in a transaction and commits it.
func (b *bench) inTestTx(do func(tx pgx.Tx) error) {
	b.t.Helper()
	if err := b.inTx(b.t.Context(), do); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) find(entry int, targets ...string) []Row {
	b.t.Helper()
	var found []Row
	b.inTestTx(func(tx pgx.Tx) (err error) {
		found, err = b.Find(b.t.Context(), tx, "m", entry, raw(targets))
		return err
	})
	return sorted(found)
}

func (b *bench) rowsOf(users ...string) []Row {
	b.t.Helper()
	var found []Row
	b.inTestTx(func(tx pgx.Tx) (err error) {
		found, err = b.RowsOf(b.t.Context(), tx, "m", raw(users))
		return err
	})
	return sorted(found)
}

func raw(texts []string) [][]byte {
	out := make([][]byte, len(texts))
	for i, text := range texts {
		out[i] = []byte(text)
	}
	return out
}

func sorted(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(string(a.TargetKey), string(b.TargetKey)) })
	return rows
}

func TestSettle(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	b.move(conn, id(m, 1), []string{"3", "4"})
	unowned, err := b.AddShards(t.Context(), "m", []shard.Shard{{Kind: shard.Unowned, Wave: 2, Parent: -1}})
	if err != nil {
		t.Fatal(err)
	}
	b.move(conn, unowned[0].ID, []string{"70"})

	row := func(ordinal int, user, owner string) Row {
		r := Row{Ordinal: ordinal, TargetKey: []byte("t" + user), LegacyKey: keyspace.Key{user}.Marshal(), Digest: checksum.Row("app.users", []byte(user))}
		if owner != "" {
			r.User = []byte(owner)
		}
		return r
	}
	want := func(t *testing.T, got []Row, want ...Row) {
		t.Helper()
		if diff := gocmp.Diff(want, got, sameSum, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Row{})); diff != "" {
			t.Fatal(diff)
		}
	}
	t.Run("rows are found by target key with all that the manifest knows", func(t *testing.T) {
		want(t, b.find(0, "t4", "t1", "t70", "t2", "nowhere"), row(0, "1", "1"), row(1, "4", "4"), row(3, "70", ""))
		want(t, b.find(5, "t4"))
	})
	t.Run("rows are found by user", func(t *testing.T) {
		want(t, b.rowsOf("4", "1", "2", "70"), row(0, "1", "1"), row(1, "4", "4"))
	})

	var receipt *shard.Receipt
	settlement := Settlement{
		Wave:        3,
		Undone:      []Row{row(0, "1", "1"), row(1, "4", "4"), row(3, "70", "")},
		Quarantined: map[string]string{"4": "unique:app.users.handle", "2": "unique:app.users.handle"},
		Waits:       []Needed{{User: []byte("1"), Wait: shard.Wait{LegacyKey: []byte("l1"), Cause: "waits:app.users.boss", Needs: "app.users", NeedsKey: []byte("t2")}}},
		Refusals:    []Refused{{User: []byte("4"), Refusal: shard.Refusal{LegacyKey: []byte("l4"), Cause: "unique:app.users.handle"}}, {Refusal: shard.Refusal{LegacyKey: keyspace.Key{"70"}.Marshal(), Cause: "missing:app.users.x"}}},
		Receipt: shard.Receipt{
			Users:  shard.Users{Migrated: -1, Quarantined: 1},
			Tables: []shard.Table{{Written: -3, SetAside: 2, Waiting: 1, Stored: checksum.Sum{}.Sub(row(0, "1", "1").Digest)}},
		},
	}
	t.Run("a settlement that is rolled back leaves nothing", func(t *testing.T) {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.WriteSettle(t.Context(), tx, "m", settlement); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(t, b.rowsOf("1", "4"), row(0, "1", "1"), row(1, "4", "4"))
	})
	b.inTestTx(func(tx pgx.Tx) (err error) {
		receipt, err = b.WriteSettle(t.Context(), tx, "m", settlement)
		return err
	})
	t.Run("what was taken out is found no more", func(t *testing.T) {
		want(t, b.find(0, "t1", "t3", "t4", "t70"), row(1, "3", "3"))
		want(t, b.rowsOf("1", "3", "4"), row(1, "3", "3"))
		if diff := gocmp.Diff([]string{"t3"}, b.standing()); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("its receipt is a shard of its own", func(t *testing.T) {
		claim := b.claim(conn, receipt.ID, Done)
		if claim.Shard.Kind != shard.Settle {
			t.Fatalf("it is of kind %s", claim.Shard.Kind)
		}
		if diff := gocmp.Diff(receipt, claim.Receipt, sameSum); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("users who were quarantined stay held, and the first cause stays", func(t *testing.T) {
		if got := query[string](b, `SELECT string_agg(user_text || ' ' || state || ' ' || cause || ' ' || rows_standing, ', ' ORDER BY user_text) FROM rehome.users`); got !=
			"1 migrated  0, 2 quarantined values:app.users.kind 0, 3 migrated  1, 4 quarantined unique:app.users.handle 0" {
			t.Fatal(got)
		}
		book := b.begin(conn, b.claim(conn, id(m, 2), Claimed))
		held, err := book.Held(t.Context(), &shard.Shard{ID: id(m, 2), Cells: [2]int{0, 2}}, keys("1", "2", "3", "4", "5"))
		if err != nil || len(held) != 4 {
			t.Fatalf("held: %v, %v", held, err)
		}
		if err := book.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a row cannot be taken out twice", func(t *testing.T) {
		err := b.inTx(t.Context(), func(tx pgx.Tx) error {
			_, err := b.WriteSettle(t.Context(), tx, "m", Settlement{Undone: []Row{row(0, "1", "1")}})
			return err
		})
		if sqlState(err) != uniqueViolation {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("the facts add up", func(t *testing.T) {
		facts, err := b.Facts(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(shard.Users{Read: 5, Migrated: 3, Quarantined: 2}, facts.Users); diff != "" {
			t.Fatal(diff)
		}
		sum := facts.Tables[0]
		if len(facts.Tables) != 1 || sum.Source != 5 || sum.Written != 1 || sum.SetAside != 3 || sum.Waiting != 1 {
			t.Fatalf("got %+v", facts.Tables)
		}
	})
}

func TestAUserWhoseKeyLooksLikeARow(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	alike := string(keyspace.Key{"70"}.Marshal()) // as the ledger spells the row's key
	b.move(conn, id(m, 0), []string{alike})
	unowned, err := b.AddShards(t.Context(), "m", []shard.Shard{{Kind: shard.Unowned, Wave: 2, Parent: -1}})
	b.must(err)
	b.move(conn, unowned[0].ID, []string{"70"})
	if rows := b.rowsOf(alike); len(rows) != 1 || string(rows[0].User) != alike {
		t.Fatalf("got %+v", rows)
	}
	if n := query[int](b, `SELECT count(*) FROM rehome.users`); n != 1 {
		t.Fatalf("the view shows %d users", n)
	}
	for _, r := range []RedoShard{ofUsers(alike), {Of: shard.Unowned, List: shard.List{Units: keys("70")}}} {
		_, book := b.redo(conn, r)
		n := 0
		b.must(book.Standing(t.Context(), r.Units, func(_ int, rows []shard.Arrived) error {
			n += len(rows)
			return nil
		}), book.Rollback(t.Context()))
		if n != 1 {
			t.Fatalf("%d rows stand of the unit of kind %s", n, r.Of)
		}
	}
}
