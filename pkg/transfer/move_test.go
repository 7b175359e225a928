package transfer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// community returns users 1 to n with two posts each, numbered 10 × user and 10 × user + 1.
func community(n int) *legacy {
	l := &legacy{warnings: map[int]bool{}}
	for user := 1; user <= n; user++ {
		l.users = append(l.users, user)
		l.posts = append(l.posts, post{10 * user, user, "q"}, post{10*user + 1, user, "a"})
	}
	return l
}

func users() *shard.Shard {
	return &shard.Shard{ID: shard.ID{Migration: "small", Run: "r", Ordinal: 3}, Kind: shard.OfUsers, Entry: -1}
}

// move runs one shard over fakes.
func (f *fixture) move(t *testing.T, s *shard.Shard) (shard.Receipt, error) {
	t.Helper()
	m := Mover{Mapping: compile(t), Limits: f.limits}
	return m.Move(t.Context(), s, 1, f.legacy, f.target, f.book)
}

type fixture struct {
	legacy *legacy
	target *target
	book   *book
	limits Limits
}

func newFixture(n int) *fixture {
	return &fixture{legacy: community(n), target: &target{}, book: &book{}}
}

// quarantined returns the users that the outcome quarantines, in order.
func (f *fixture) quarantined() (users []string) {
	for unit := range f.book.outcome.Quarantined {
		users = append(users, f.book.outcome.Units[unit][0])
	}
	slices.Sort(users)
	return users
}

// sums asserts the equation of every table, and returns written and set aside by table.
func sums(t *testing.T, r shard.Receipt) (out []string) {
	t.Helper()
	for _, table := range r.Tables {
		if table.Unexplained() != 0 || table.Read != table.Source {
			t.Errorf("entry %d: source %d, read %d, unexplained %d", table.Entry, table.Source, table.Read, table.Unexplained())
		}
		if table.Expected != table.Stored {
			t.Errorf("entry %d: expected and stored checksums differ", table.Entry)
		}
		out = append(out, fmt.Sprintf("%d+%d", table.Written, table.SetAside))
	}
	return out
}

func TestMove(t *testing.T) {
	t.Run("a shard without faults arrives by one COPY and one block for each entry", func(t *testing.T) {
		f := newFixture(50)
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"50+0", "100+0"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if r.Users != (shard.Users{Read: 50, Migrated: 50}) || f.target.copies != 2 || f.book.blocks != 2 || !f.target.finished {
			t.Errorf("users %+v, %d copies, %d blocks, finished %v", r.Users, f.target.copies, f.book.blocks, f.target.finished)
		}
		if r.Position != "bin.1:7" || r.State != shard.Done || r.Rules[0].Rule != "values" || r.Rules[0].Rows != 100 {
			t.Errorf("receipt %+v", r)
		}
	})

	t.Run("windows are bounded and every row is read back", func(t *testing.T) {
		f := newFixture(50)
		f.limits = Limits{WindowRows: 7}
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		sums(t, r)
		if f.target.copies != 8+15 {
			t.Errorf("%d copies for 50 and 100 rows in windows of 7", f.target.copies)
		}
	})

	t.Run("a value that has no rule quarantines its user, whose rows that were sent already are undone", func(t *testing.T) {
		f := newFixture(20)
		f.legacy.posts[9].kind = "poll" // the second post of user 5
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"19+1", "38+2"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"5"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
		want := []shard.Refusal{{Unit: 4, Entry: 1, LegacyKey: keyspace.Key{"51"}.Marshal(), Cause: "values:app.posts.kind"}}
		if diff := cmp.Diff(want, f.book.outcome.Refusals); diff != "" {
			t.Error(diff)
		}
		if len(f.target.rows) != 19+38 || len(r.Causes) != 1 || r.Causes[0].Users != 1 {
			t.Errorf("%d rows in the target, causes %+v", len(f.target.rows), r.Causes)
		}
	})

	t.Run("users whom the ledger holds are not read", func(t *testing.T) {
		f := newFixture(10)
		f.book.held = map[string]bool{"3": true, "10": true}
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"8+0", "16+0"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a shard without users still closes its account", func(t *testing.T) {
		f := newFixture(0)
		r, err := f.move(t, users())
		if err != nil || f.book.outcome == nil || len(r.Tables) != 2 {
			t.Fatalf("receipt %+v, outcome %v, %v", r, f.book.outcome, err)
		}
	})

	t.Run("a row of no user is set aside alone", func(t *testing.T) {
		f := newFixture(3)
		f.legacy.posts = append(f.legacy.posts, post{901, 77, "q"}, post{902, 78, "q"})
		s := users()
		s.Kind, s.Entry = shard.Unowned, 1
		r, err := f.move(t, s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"0+2"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if r.Users != (shard.Users{}) || r.Causes[0] != (shard.Cause{Cause: "unowned:app.posts", Rows: 2}) {
			t.Errorf("users %+v, causes %+v", r.Users, r.Causes)
		}
	})
}

func TestPoison(t *testing.T) {
	refuse := func(posts ...int) func(*mapping.RowPlan, shard.Arrived) string {
		return func(e *mapping.RowPlan, row shard.Arrived) string {
			key, _ := keyspace.Unmarshal(row.LegacyKey)
			if id, _ := strconv.Atoi(key[0]); e.Into == "app.posts" && slices.Contains(posts, id) {
				return "check:app.posts.short"
			}
			return ""
		}
	}

	t.Run("what only the target refuses is isolated by halving, and the others arrive", func(t *testing.T) {
		f := newFixture(64)
		f.target.poison = refuse(101, 330)
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"62+2", "124+4"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"10", "33"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
		if r.Causes[0].Cause != "check:app.posts.short" || r.Causes[0].Users != 2 {
			t.Errorf("causes %+v", r.Causes)
		}
	})

	t.Run("a warning about a row of nobody, which was read with the others, keeps nobody out", func(t *testing.T) {
		f := newFixture(32)
		nobody := f.legacy.users[7]
		f.legacy.users, f.legacy.warnings[nobody] = slices.Delete(f.legacy.users, 7, 8), true
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"31+0", "62+0"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if f.legacy.reads != 2+2*2 {
			t.Errorf("tables were read %d times", f.legacy.reads)
		}
	})

	t.Run("a warning of the legacy server is isolated the same way", func(t *testing.T) {
		f := newFixture(32)
		f.legacy.warnings[7] = true
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"31+1", "62+2"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"7"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a key that is taken is noted with the row that has it", func(t *testing.T) {
		f := newFixture(4)
		f.legacy.posts[6].id = 10 // the first post of user 4 has the key of user 1's
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		sums(t, r)
		if diff := cmp.Diff([]string{"4"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
		if len(f.book.outcome.Collisions) != 1 || f.book.outcome.Collisions[0].Cause != "unique:app.posts.pkey" {
			t.Errorf("collisions %+v", f.book.outcome.Collisions)
		}
	})

	t.Run("past the cap of attempts the shard is to be split in its middle", func(t *testing.T) {
		f := newFixture(64)
		all := make([]int, 0, 64)
		for user := 1; user <= 64; user++ {
			all = append(all, 10*user)
		}
		f.target.poison, f.limits = refuse(all...), Limits{Attempts: 20}
		_, err := f.move(t, users())
		crowded := (*Crowded)(nil)
		if !errors.As(err, &crowded) {
			t.Fatalf("got %v, want a Crowded", err)
		}
		if crowded.Attempts != 20 || crowded.Cut[0] != "32" {
			t.Errorf("crowded %+v", crowded)
		}
		if f.book.outcome != nil {
			t.Error("the account was closed")
		}
	})

	t.Run("a lone user is quarantined rather than split", func(t *testing.T) {
		f := newFixture(1)
		f.target.poison, f.limits = refuse(10, 11), Limits{Attempts: 1}
		r, err := f.move(t, users())
		if err != nil || r.Users.Quarantined != 1 {
			t.Fatalf("receipt %+v, %v", r.Users, err)
		}
	})
}

func TestReadBack(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(*target)
	}{
		{"a value that is not stored as it was sent", func(tg *target) {
			tg.spoil = func(tuple []byte) []byte { tuple[len(tuple)-1]++; return tuple }
		}},
		{"a row that is not found", func(tg *target) { tg.lose = 1 }},
		{"a row that comes back twice", func(tg *target) { tg.twice = 1 }},
		{"a key that is not stored as it was sent", func(tg *target) {
			tg.spoil = func(tuple []byte) []byte { tuple[6] ^= 0xff; return tuple }
		}},
	} {
		t.Run(test.name+" fails the shard as a defect", func(t *testing.T) {
			f := newFixture(5)
			test.damage(f.target)
			_, err := f.move(t, users())
			if kind, _ := shard.KindOf(err); err == nil || kind != shard.Defect {
				t.Fatalf("got %v of kind %s, want a defect", err, kind)
			}
			if f.book.outcome != nil {
				t.Error("the account was closed")
			}
		})
	}
}

func TestCollisions(t *testing.T) {
	t.Run("a unit that is kept out names the rows in its way in every table", func(t *testing.T) {
		f := newFixture(3)
		f.legacy.posts[4].id, f.legacy.posts[5].id = 10, 20 // user 3 has the key of a post of user 1, and of one of user 2
		if _, err := f.move(t, users()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"3"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
		if n := len(f.book.outcome.Collisions); n != 2 {
			t.Errorf("%d collisions, want one with each of the two users", n)
		}
	})
}

func TestDeferred(t *testing.T) {
	t.Run("what a deferred constraint refuses is isolated like all else", func(t *testing.T) {
		f := newFixture(50)
		f.target.deferred = "31"
		r, err := f.move(t, users())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"49+1", "98+2"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"31"}, f.quarantined()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestMany(t *testing.T) {
	t.Run("a source row of which a join makes several is counted once, and the others beside it", func(t *testing.T) {
		f := newFixture(4)
		c := compile(t)
		c.Plans[1].Many = true
		f.legacy.again = map[int]int{11: 3} // the second post of user 1 comes once more, as 3
		m := Mover{Mapping: c}
		r, err := m.Move(t.Context(), users(), 1, f.legacy, f.target, f.book)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"4+0", "8+0"}, sums(t, r)); diff != "" {
			t.Error(diff)
		}
		if r.Tables[1].Extra != 1 || len(f.target.rows) != 4+9 {
			t.Errorf("%d extra rows, %d rows in the target", r.Tables[1].Extra, len(f.target.rows))
		}
	})
}
