package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/keyspace"
	"rehome/pkg/shard"
)

// redo plans a redo of the units and begins it.
func (b *bench) redo(conn *pgx.Conn, r RedoShard) (shard.Shard, *Book) {
	b.t.Helper()
	added, err := b.AddRedo(b.t.Context(), "m", []RedoShard{r})
	if err != nil {
		b.t.Fatal(err)
	}
	return added[0], b.begin(conn, b.claim(conn, added[0].ID, Claimed))
}

func ofUsers(users ...string) RedoShard {
	return RedoShard{Of: shard.OfUsers, Wave: 1, List: shard.List{Units: keys(users...)}}
}

func (b *bench) must(errs ...error) {
	b.t.Helper()
	for _, err := range errs {
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// again finishes a redo in which all units arrive once more, but for those who are quarantined.
func (b *bench) again(book *Book, users shard.Users, units []string, quarantined ...string) {
	b.t.Helper()
	o, block := outcome(units, quarantined...)
	o.Receipt.Users = users
	b.must(book.Undo(b.t.Context(), o.Units), book.Block(b.t.Context(), block), book.Close(b.t.Context(), o), book.Commit(b.t.Context()))
}

func TestListOfARedo(t *testing.T) {
	b := newBench(t)
	b.plan("m")
	conn := b.connect()
	r := RedoShard{Of: shard.OwnKey, Entry: 3, Wave: 2, List: shard.List{Overwrite: true}}
	for i := range 2500 {
		r.Units = append(r.Units, keyspace.Key{fmt.Sprint(i), "x\x1fy"})
	}
	for i := range 1200 {
		r.Strays = append(r.Strays, shard.Stray{Entry: i % 3, TargetKey: fmt.Append(nil, "t", i)})
	}
	s, book := b.redo(conn, r)
	t.Run("it comes back as it was, whatever its keys hold", func(t *testing.T) {
		got, err := book.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&r.List, got); diff != "" {
			t.Fatal(diff)
		}
	})
	b.must(book.Rollback(t.Context()))
	t.Run("a shard that is split gives half of it to each child", func(t *testing.T) {
		children, err := b.Split(t.Context(), b.claim(conn, s.ID, Claimed), keyspace.Key{"7"})
		if err != nil {
			t.Fatal(err)
		}
		var units []keyspace.Key
		var strays int
		for _, child := range children {
			if child.Of != shard.OwnKey || child.Kind != shard.Redo || child.Entry != 3 || child.Range.After != nil || child.Range.Through != nil {
				t.Fatalf("got %+v", child)
			}
			book := b.begin(conn, b.claim(conn, child.ID, Claimed))
			list, err := book.List(t.Context())
			b.must(err, book.Rollback(t.Context()))
			units, strays = append(units, list.Units...), strays+len(list.Strays)
			if !list.Overwrite || len(list.Units) != 1250 {
				t.Fatalf("%d units, overwrite %t", len(list.Units), list.Overwrite)
			}
		}
		if diff := cmp.Diff(r.Units, units); diff != "" || strays != 1200 {
			t.Fatalf("%d strays; %s", strays, diff)
		}
	})
	t.Run("one unit cannot be split", func(t *testing.T) {
		s, book := b.redo(conn, ofUsers("1"))
		b.must(book.Rollback(t.Context()))
		if _, err := b.Split(t.Context(), b.claim(conn, s.ID, Claimed), nil); err == nil || !strings.Contains(err.Error(), "1 units") {
			t.Fatalf("got %v", err)
		}
		b.claim(conn, s.ID, Claimed)
	})
	t.Run("a shard that is published again keeps it", func(t *testing.T) {
		s, book := b.redo(conn, ofUsers("1", "2"))
		b.must(book.Rollback(t.Context()))
		if _, err := b.Failed(t.Context(), b.claim(conn, s.ID, Claimed), Failure{Kind: shard.Data, Limit: 1}); err != nil {
			t.Fatal(err)
		}
		revived, err := b.Republish(t.Context(), s.ID, "test")
		task := revived.Task
		b.must(err)
		list, err := b.begin(conn, b.claim(conn, task.ID, Claimed)).List(t.Context())
		if err != nil || len(list.Units) != 2 {
			t.Fatalf("got %v, %v", list, err)
		}
	})
}

func TestAccounts(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn, other := b.connect(), b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"}, "2")
	o.Sums = map[int32][]shard.Table{0: {{Entry: 5, Gathered: 7, LeftOut: 2}}, 1: {{Entry: 0, SetAside: 1}, {Entry: 1, SetAside: 40}}}
	wait := shard.Wait{Unit: 0, Entry: 1, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}
	o.Waits = []shard.Wait{wait}
	b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))
	wait.Unit = 0

	s, book := b.redo(conn, ofUsers("1", "2", "9"))
	t.Run("they tell what became of each unit", func(t *testing.T) {
		got, err := book.Accounts(t.Context(), keys("9", "2", "1"))
		if err != nil {
			t.Fatal(err)
		}
		want := []shard.Account{
			{},
			{Known: true, State: "quarantined", Cause: "values:app.users.kind", Sums: []shard.Table{{Entry: 0, SetAside: 1}, {Entry: 1, SetAside: 40}},
				Why: []shard.Cause{{Cause: "values:app.users.kind", Rows: 1}}},
			{Known: true, State: "migrated", Waits: []shard.Wait{wait}, Sums: []shard.Table{{Entry: 5, Gathered: 7, LeftOut: 2}}},
		}
		if diff := cmp.Diff(want, got, sameSum); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("another transaction cannot change them meanwhile", func(t *testing.T) {
		for _, sql := range []string{
			`SELECT FROM rehome.account WHERE unit_key = '2' FOR UPDATE NOWAIT`, `SELECT FROM rehome.user_state WHERE user_key = '2' FOR UPDATE NOWAIT`,
			`SELECT FROM rehome.waiting WHERE user_key = '1' FOR UPDATE NOWAIT`,
		} {
			if _, err := other.Exec(t.Context(), sql); sqlState(err) != lockNotAvailable {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	t.Run("standing rows come in pages that may use the transaction", func(t *testing.T) {
		var got []shard.Arrived
		err := book.Standing(t.Context(), keys("2", "1"), func(entry int, rows []shard.Arrived) error {
			got = append(got, rows...)
			_, err := book.Tx().Exec(t.Context(), `SAVEPOINT page; ROLLBACK TO SAVEPOINT page`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]shard.Arrived{arrived(1, "1")}, got, sameSum); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("keys of standing rows are known, others are not", func(t *testing.T) {
		known, err := book.Known(t.Context(), []int{0, 1}, [][]byte{[]byte("t2"), []byte("t1"), []byte("t1")})
		if diff := cmp.Diff(map[int]bool{1: true, 2: true}, known); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
		if known, err = book.Known(t.Context(), []int{1}, [][]byte{[]byte("t1")}); err != nil || len(known) > 0 {
			t.Fatalf("of another entry: %v, %v", known, err)
		}
	})
	t.Run("who waits is told by what is needed", func(t *testing.T) {
		got, err := book.Waiters(t.Context(), "a.n", [][]byte{[]byte("n"), []byte("m")})
		if diff := cmp.Diff([]shard.Waiter{{User: keyspace.Key{"1"}, Wait: wait}}, got); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
		if got, err = book.Waiters(t.Context(), "a.m", [][]byte{[]byte("n")}); err != nil || len(got) > 0 {
			t.Fatalf("for another table: %v, %v", got, err)
		}
	})
	t.Run("what is undone under a savepoint that is rolled back stands", func(t *testing.T) {
		_, err := book.Tx().Exec(t.Context(), `SAVEPOINT part`)
		b.must(err, book.Undo(t.Context(), keys("1")))
		if known, _ := book.Known(t.Context(), []int{0}, [][]byte{[]byte("t1")}); len(known) > 0 {
			t.Fatal("an undone row is known")
		}
		_, err = book.Tx().Exec(t.Context(), `ROLLBACK TO SAVEPOINT part`)
		b.must(err)
		if known, _ := book.Known(t.Context(), []int{0}, [][]byte{[]byte("t1")}); len(known) != 1 {
			t.Fatal("the row is not known again")
		}
	})
	t.Run("users in a receipt that are not what their states say are a defect", func(t *testing.T) {
		o, _ := outcome([]string{"1", "2"})
		o.Gone = map[int32]bool{0: true}
		o.Receipt.Users = shard.Users{Migrated: 1, Quarantined: -1}
		wantKind(t, book.Close(t.Context(), o), shard.Defect)
	})
	b.must(book.Rollback(t.Context()))
	b.claim(conn, s.ID, Claimed)
}

func TestTwoRedosOfOneWaitingRow(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn, slow := b.connect(), b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"})
	wait := shard.Wait{Unit: 0, Entry: 1, LegacyKey: []byte("l"), Cause: "waits:a.b", Needs: "a.n", NeedsKey: []byte("n")}
	o.Waits = []shard.Wait{wait}
	b.must(book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))

	guest := func(book *Book, unit string) shard.Outcome {
		o, block := outcome([]string{unit})
		block.Rows = append(block.Rows, shard.Arrived{Unit: 1, TargetKey: []byte("tl"), LegacyKey: []byte("l")})
		o.Units, o.Guests, o.Receipt.Users = append(o.Units, keyspace.Key{"1"}), 1, shard.Users{}
		o.Released = []shard.Waiter{{User: keyspace.Key{"1"}, Wait: wait}}
		b.must(book.Undo(t.Context(), o.Units[:1]), book.Block(t.Context(), block))
		return o
	}
	_, late := b.redo(slow, ofUsers("9"))
	list, err := b.AddRedo(t.Context(), "m", []RedoShard{ofUsers("2")})
	b.must(err)
	first := b.begin(conn, b.claim(conn, list[0].ID, Claimed))
	o = guest(first, "2")
	b.must(first.Close(t.Context(), o), first.Commit(t.Context()))
	t.Run("the second is refused and tried again, whatever it has seen before", func(t *testing.T) {
		o := guest(late, "9")
		o.Receipt.Users = shard.Users{Migrated: 1}
		wantKind(t, late.Close(t.Context(), o), shard.Outage)
		b.must(late.Rollback(t.Context()))
	})
	t.Run("the row stands once, for its user", func(t *testing.T) {
		if n := query[int](b, `SELECT rows_standing::int FROM rehome.users WHERE user_text = '1'`); n != 2 {
			t.Fatalf("%d rows stand", n)
		}
	})
}

func TestRedoChangesStates(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	b.move(conn, id(m, 0), []string{"1", "2"}, "2")
	b.move(conn, id(m, 1), []string{"3", "4"})
	b.move(conn, id(m, 2), nil)
	state := func(user string) string {
		return query[string](b, `SELECT state || ' ' || cause || ' ' || rows_standing FROM rehome.users WHERE user_text = $1`, user)
	}
	_, book := b.redo(conn, ofUsers("2", "3"))
	b.again(book, shard.Users{}, []string{"2", "3"}, "3")
	t.Run("a quarantined user arrives, and another is kept out", func(t *testing.T) {
		if got := []string{state("2"), state("3")}; !slices.Equal(got, []string{"redone  1", "quarantined values:app.users.kind 0"}) {
			t.Fatalf("got %q", got)
		}
	})
	t.Run("waves count the users whom they brought, not those whom they were redone with", func(t *testing.T) {
		waves, err := b.Progress(t.Context(), "m")
		b.must(err)
		want := []Wave{{Wave: 0, Done: 2, Users: 4, Rows: 20, Migrated: 3, Quarantined: 1, Written: 3, Moved: 20},
			{Wave: 1, Done: 2, Users: 2, Rows: 10, Written: 1, Moved: 10}}
		if diff := cmp.Diff(want, waves); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("whom the legacy database does not have any more has vanished, and who is to be taken out is left out", func(t *testing.T) {
		_, book := b.redo(conn, ofUsers("1"))
		o, _ := outcome(nil) // it was not even read
		o.Receipt.Users = shard.Users{Migrated: -1}
		b.must(book.Undo(t.Context(), keys("1")), book.Close(t.Context(), o), book.Commit(t.Context()))
		r := ofUsers("4")
		r.Nothing = true
		_, book = b.redo(conn, r)
		o, _ = outcome(nil)
		o.Units, o.Gone, o.Receipt.Users = keys("4"), map[int32]bool{0: true}, shard.Users{Migrated: -1}
		b.must(book.Undo(t.Context(), keys("4")), book.Close(t.Context(), o), book.Commit(t.Context()))
		if got := []string{state("1"), state("4")}; !slices.Equal(got, []string{"vanished  0", "left_out  0"}) {
			t.Fatalf("got %q", got)
		}
		census, err := b.Census(t.Context(), "m")
		if diff := cmp.Diff(Census{Planned: 4, Tried: 4, Vanished: 1, LeftOut: 1}, census); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
	})
	t.Run("a user whom no shard had read has appeared", func(t *testing.T) {
		_, book := b.redo(conn, ofUsers("77"))
		b.again(book, shard.Users{Migrated: 1}, []string{"77"})
		census, err := b.Census(t.Context(), "m")
		if diff := cmp.Diff(Census{Planned: 4, Tried: 5, Appeared: 1, Vanished: 1, LeftOut: 1}, census); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
	})
	t.Run("it is known wherever it is looked for", func(t *testing.T) {
		for first := range 2 {
			tried, err := b.Tried(t.Context(), "m", first, first+1)
			if b.must(err); !slices.Contains(tried, checksum.Key([]byte("77"))) {
				t.Fatalf("cell %d: not among %d", first, len(tried))
			}
		}
	})
	t.Run("all are held, and none is tried again", func(t *testing.T) {
		added, err := b.AddShards(t.Context(), "m", []shard.Shard{{Kind: shard.Late, Wave: 2, Entry: -1, Cells: [2]int{0, 2}, Parent: -1}})
		b.must(err)
		claim := b.claim(conn, added[0].ID, Claimed)
		book := b.begin(conn, claim)
		held, err := book.Held(t.Context(), &claim.Shard, keys("1", "2", "3", "4", "77", "5"))
		b.must(err, book.Rollback(t.Context()))
		if diff := cmp.Diff(map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true}, held); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("reset knows what stands, each row once", func(t *testing.T) {
		var got []string
		for keys, err := range b.Written(t.Context(), "m", 0) {
			b.must(err)
			for _, key := range keys {
				got = append(got, string(key))
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"t2", "t77"}, got); diff != "" {
			t.Fatal(diff)
		}
	})
	t.Run("a dead redo keeps nobody pending", func(t *testing.T) {
		s, book := b.redo(conn, RedoShard{Of: shard.OfUsers, Cells: [2]int{0, 2}, List: shard.List{Units: keys("2")}})
		b.must(book.Rollback(t.Context()))
		_, err := b.Failed(t.Context(), b.claim(conn, s.ID, Claimed), Failure{Kind: shard.Data, Limit: 1})
		b.must(err)
		dead, err := b.DeadCells(t.Context(), "m", 0, 2)
		census, err2 := b.Census(t.Context(), "m")
		b.must(err, err2)
		if dead || census.Pending != 0 {
			t.Fatalf("dead cells: %t, %+v", dead, census)
		}
	})
}

func TestOriginalsAndConflicts(t *testing.T) {
	b := newBench(t)
	m := b.plan("m")
	conn := b.connect()
	book := b.begin(conn, b.claim(conn, id(m, 0), Claimed))
	o, block := outcome([]string{"1", "2"})
	original := func(unit int32, column, rule string) shard.Original {
		return shard.Original{Unit: unit, Entry: 1, LegacyKey: []byte("l"), TargetKey: []byte("t"), Column: column, Rule: rule, Bytes: []byte{0xff, 0}}
	}
	_, err := book.Tx().Exec(t.Context(), `SAVEPOINT part`)
	b.must(err, book.Originals(t.Context(), o.Units, []shard.Original{original(0, "body", "strip")}))
	_, err = book.Tx().Exec(t.Context(), `ROLLBACK TO SAVEPOINT part`)
	b.must(err, book.Originals(t.Context(), o.Units, []shard.Original{original(1, "body", "strip"), original(1, "title", "truncate"), original(1, "title", "truncate")}),
		book.Block(t.Context(), block), book.Close(t.Context(), o), book.Commit(t.Context()))
	originals := func(want ...Lost) {
		t.Helper()
		got, err := b.Originals(t.Context(), "m")
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
	}
	originals(Lost{1, "body", "strip", 1}, Lost{1, "title", "truncate", 2})
	if n := query[int](b, `SELECT count(*) FROM rehome.original WHERE user_key = '2' AND bytes = '\xff00'`); n != 3 {
		t.Fatalf("%d originals are the user's", n)
	}

	conflict := func(kind shard.ConflictKind, settled bool) shard.Conflict {
		return shard.Conflict{Unit: 0, LegacyKey: keyspace.Key{"2"}.Marshal(), TargetKey: []byte("t2"), Kind: kind, Settled: settled}
	}
	conflicts := func(want ...Disputed) {
		t.Helper()
		got, err := b.Conflicts(t.Context(), m)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v: %s", err, diff)
		}
	}
	redo := func(conflicts []shard.Conflict, kept ...shard.Original) {
		t.Helper()
		r := ofUsers("2")
		r.Strays = []shard.Stray{{Entry: 0, TargetKey: []byte("stray")}}
		_, book := b.redo(conn, r)
		o, block := outcome([]string{"2"})
		o.Receipt.Users, o.Conflicts = shard.Users{}, conflicts
		b.must(book.Undo(t.Context(), o.Units), book.Originals(t.Context(), o.Units, kept), book.Block(t.Context(), block), book.Close(t.Context(), o),
			book.Commit(t.Context()))
	}
	t.Run("a redo forgets the originals of what it reads again, and keeps its own", func(t *testing.T) {
		stray := shard.Conflict{Unit: -1, TargetKey: []byte("stray"), Kind: shard.ConflictAdded}
		redo([]shard.Conflict{conflict(shard.ConflictChanged, false), stray}, original(0, "body", "strip"))
		originals(Lost{1, "body", "strip", 1})
		conflicts(Disputed{0, shard.ConflictAdded, false, 1, []string{m.Show([]byte("stray"))}}, Disputed{0, shard.ConflictChanged, false, 1, []string{"2"}})
	})
	t.Run("the newest redo tells what a row's conflict is, and rows that gave way are kept for good", func(t *testing.T) {
		redo([]shard.Conflict{conflict(shard.ConflictDeleted, true)}, shard.Original{Unit: -1, TargetKey: []byte("stray"), Rule: "conflict", Bytes: []byte("row")},
			shard.Original{Unit: 0, TargetKey: []byte("t2"), Rule: "conflict", Bytes: []byte("row")})
		originals(Lost{0, "", "conflict", 2})
		conflicts(Disputed{0, shard.ConflictDeleted, true, 1, []string{"2"}})
	})
	t.Run("a conflict that is over is forgotten", func(t *testing.T) {
		redo(nil)
		originals(Lost{0, "", "conflict", 2})
		conflicts()
	})
}
