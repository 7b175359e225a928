package legacy

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// newShop has orders of users; the names of columns and tables collide wherever they can.
func newShop(t *testing.T) (fixture, mapping.Keyspace) {
	f := newFixture(t,
		`CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20), rep INT)`,
		`CREATE TABLE profiles (user_id INT PRIMARY KEY, id INT, name VARCHAR(20))`,
		`CREATE TABLE items (id INT, no INT, name VARCHAR(20), price INT, PRIMARY KEY (id, no), KEY (id))`,
		`INSERT INTO users VALUES (1, 'a', 5), (2, 'b', 50), (3, 'c', NULL), (4, 'd', 500)`,
		`INSERT INTO profiles VALUES (1, 7, 'p1'), (2, 8, 'p2'), (9, 9, 'nobody')`,
		`INSERT INTO items VALUES (1, 1, 'x', 10), (1, 2, 'y', NULL), (2, 1, 'z', 30), (9, 1, 'orphan', 10), (9, 2, 'orphan', NULL), (8, 5, 'lost', 1)`)
	return f, mapping.Keyspace{From: "users", Key: "id", Kinds: integerKey, Table: "users"}
}

var usersPlan = mapping.RowPlan{Into: "app.users", From: "users LEFT JOIN profiles p ON p.user_id = users.id", Source: "users", SourceName: "users",
	Joined: true, SourceKey: []string{"`users`.`id`"}, SourceKinds: integerKey, User: "users.id", Select: []string{"users.name", "p.name"}}

var linesPlan = mapping.RowPlan{Into: "app.lines", From: "items l", Source: "items", SourceName: "l", User: "l.id", Where: "price < 20",
	SourceKey: []string{"`l`.`id`", "`l`.`no`"}, SourceKinds: []keyspace.Kind{keyspace.Integer, keyspace.Integer}, Select: []string{"name", "price"}}

// boughtPlan drops lines whose user has no profile.
var boughtPlan = mapping.RowPlan{Into: "app.bought", From: "items AS l JOIN profiles p ON p.user_id = l.id", Source: "items", SourceName: "l",
	Joined: true, User: "p.user_id", Where: "price IS NOT NULL", SourceKey: linesPlan.SourceKey, SourceKinds: linesPlan.SourceKinds,
	Select: []string{"l.name", "p.name"}}

// A verdict is what a slice of a plan's rows gave.
type verdict struct {
	Units          []string
	Count, LeftOut int64
	Rows           map[string][]string
}

func (f fixture) verdict(t *testing.T, users mapping.Keyspace, p *mapping.RowPlan, slice shard.Slice) (v verdict) {
	t.Helper()
	s := f.snapshot(t, Reading{Users: users})
	if !slice.Kind.ByUser() {
		slice.Entry = p
	}
	units, err := s.Units(t.Context(), slice)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		v.Units = append(v.Units, fmt.Sprint(u))
	}
	if v.Count, err = s.Count(t.Context(), p, slice); err != nil {
		t.Fatal(err)
	}
	if v.LeftOut, err = s.LeftOut(t.Context(), p, slice); err != nil {
		t.Fatal(err)
	}
	if v.Rows, err = cells(t.Context(), s, p, slice); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSlicesOfPlans(t *testing.T) {
	f, users := newShop(t)
	ownKey := linesPlan
	ownKey.User, ownKey.Key, ownKey.KeyKinds = "", []string{"l.id", "l.no"}, linesPlan.SourceKinds
	ownName := ownKey
	ownName.Key, ownName.KeyKinds = []string{"l.name"}, []keyspace.Kind{keyspace.Text}
	droppedOwn := boughtPlan
	droppedOwn.User, droppedOwn.Key, droppedOwn.KeyKinds = "", []string{"l.id"}, integerKey
	of := func(after, through keyspace.Key) keyspace.Range {
		return keyspace.Range{After: after, Through: through}
	}
	for name, c := range map[string]struct {
		plan  mapping.RowPlan
		slice shard.Slice
		want  verdict
	}{
		"an outer join keeps users without a profile": {usersPlan, shard.Slice{Kind: shard.OfUsers, Range: of(keyspace.Key{"1"}, keyspace.Key{"3"})},
			verdict{[]string{"[2]", "[3]"}, 2, 0, map[string][]string{"2": {"b", "p2"}, "3": {"c", "<nil>"}}}},
		"a wave takes whom its condition matches, and NULL does not match": {usersPlan, shard.Slice{Kind: shard.OfUsers, Where: "rep >= 50 OR name = 'x'"},
			verdict{[]string{"[2]", "[4]"}, 2, 0, map[string][]string{"2": {"b", "p2"}, "4": {"d", "<nil>"}}}},
		"rows that the condition leaves out are counted, NULL as well": {linesPlan, shard.Slice{Kind: shard.OfUsers},
			verdict{[]string{"[1]", "[2]", "[3]", "[4]"}, 3, 2, map[string][]string{"1,1": {"x", "10"}}}},
		"rows of unknown users have a slice of their own": {linesPlan, shard.Slice{Kind: shard.Unowned},
			verdict{[]string{"[8 5]", "[9 1]", "[9 2]"}, 3, 1, map[string][]string{"9,1": {"orphan", "10"}, "8,5": {"lost", "1"}}}},
		"a range of two columns is cut between rows": {linesPlan, shard.Slice{Kind: shard.Unowned, Range: of(keyspace.Key{"8", "5"}, keyspace.Key{"9", "1"})},
			verdict{[]string{"[9 1]"}, 1, 0, map[string][]string{"9,1": {"orphan", "10"}}}},
		"a list of two columns is just these rows": {linesPlan, shard.Slice{Kind: shard.Unowned, Only: []keyspace.Key{{"8", "5"}, {"9", "2"}}},
			verdict{[]string{"[8 5]", "[9 2]"}, 2, 1, map[string][]string{"8,5": {"lost", "1"}}}},
		"all users are known to themselves": {usersPlan, shard.Slice{Kind: shard.Unowned}, verdict{nil, 0, 0, map[string][]string{}}},
		"an own key of two columns": {ownKey, shard.Slice{Kind: shard.OwnKey, Range: of(keyspace.Key{"1", "1"}, keyspace.Key{"9", "1"})},
			verdict{[]string{"[1 2]", "[2 1]", "[8 5]", "[9 1]"}, 4, 2, map[string][]string{"8,5": {"lost", "1"}, "9,1": {"orphan", "10"}}}},
		"an own key that rows share is one unit": {ownName, shard.Slice{Kind: shard.OwnKey, Range: of(keyspace.Key{"lost"}, keyspace.Key{"x"})},
			verdict{[]string{"[orphan]", "[x]"}, 3, 1, map[string][]string{"9,1": {"orphan", "10"}, "1,1": {"x", "10"}}}},
		"a join's rows of users": {boughtPlan, shard.Slice{Kind: shard.OfUsers},
			verdict{[]string{"[1]", "[2]", "[3]", "[4]"}, 3, 1, map[string][]string{"1,1": {"x", "p1"}, "2,1": {"z", "p2"}}}},
		"a join's rows of unknown users, and those it drops without cells": {boughtPlan, shard.Slice{Kind: shard.Unowned},
			verdict{[]string{"[8 5]", "[9 1]", "[9 2]"}, 3, 1, map[string][]string{"9,1": {"orphan", "nobody"}, "8,5": nil}}},
		"what a join drops of a plan with an own key is unowned": {droppedOwn, shard.Slice{Kind: shard.Unowned},
			verdict{[]string{"[8 5]"}, 1, 0, map[string][]string{"8,5": nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, f.verdict(t, users, &c.plan, c.slice)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlanning(t *testing.T) {
	f, users := newShop(t)
	t.Run("each user is taken by the first wave whose condition is true, else by the last", func(t *testing.T) {
		got := map[string]int{}
		err := f.Keys(t.Context(), users, []string{"rep < 10", "rep < 100", ""}, func(k keyspace.Key, wave int) error {
			got[k[0]] = wave
			return nil
		})
		if diff := cmp.Diff(map[string]int{"1": 0, "2": 1, "3": 2, "4": 2}, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("keys of unowned rows and of own keys come in order", func(t *testing.T) {
		var got []string
		collect := func(k keyspace.Key) error {
			got = append(got, fmt.Sprint(k))
			return nil
		}
		own := linesPlan
		own.User, own.Key, own.KeyKinds = "", []string{"no"}, integerKey
		err1 := f.KeysOf(t.Context(), users, &boughtPlan, shard.Unowned, collect)
		err2 := f.KeysOf(t.Context(), users, &own, shard.OwnKey, collect)
		want := []string{"[8 5]", "[9 1]", "[9 2]", "[1]", "[1]", "[1]", "[2]", "[2]", "[5]"}
		if diff := cmp.Diff(want, got); err1 != nil || err2 != nil || diff != "" {
			t.Error(err1, err2, diff)
		}
	})
	t.Run("the keys of a range are those behind its start up to its end", func(t *testing.T) {
		got, err := f.KeysIn(t.Context(), users, keyspace.Range{After: keyspace.Key{"1"}, Through: keyspace.Key{"3"}})
		if diff := cmp.Diff([]keyspace.Key{{"2"}, {"3"}}, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	t.Run("a stream that its reader ends is ended", func(t *testing.T) {
		mine := fmt.Errorf("enough")
		if err := f.Keys(t.Context(), users, nil, func(keyspace.Key, int) error { return mine }); err != mine {
			t.Errorf("got %v", err)
		}
	})
	reputed := mapping.RowPlan{Into: "app.reputed", From: "users", Source: "users", SourceName: "users", User: "rep"}
	for name, c := range map[string]struct {
		in   keyspace.Range
		plan mapping.RowPlan
		want []string
	}{
		"all":                       {keyspace.Range{}, linesPlan, []string{"[1] 2", "[2] 1", "[8] 1", "[9] 2"}},
		"those of a range":          {keyspace.Range{After: keyspace.Key{"1"}, Through: keyspace.Key{"8"}}, linesPlan, []string{"[2] 1", "[8] 1"}},
		"nobody, before all others": {keyspace.Range{}, reputed, []string{"[] 1", "[5] 1", "[50] 1", "[500] 1"}},
		"nobody in a range that has no beginning": {keyspace.Range{Through: keyspace.Key{"50"}}, reputed, []string{"[] 1", "[5] 1", "[50] 1"}},
		"nobody in no other range":                {keyspace.Range{After: keyspace.Key{"5"}}, reputed, []string{"[50] 1", "[500] 1"}},
	} {
		t.Run("whom rows name as their users comes in order with how many do: "+name, func(t *testing.T) {
			var got []string
			err := f.Owners(t.Context(), users, &c.plan, c.in, func(user keyspace.Key, rows int64) error {
				got = append(got, fmt.Sprint(user, rows))
				return nil
			})
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	t.Run("a probe reads the rows of the users in its ranges, of entries that have users alone", func(t *testing.T) {
		own := linesPlan
		own.User, own.Key, own.KeyKinds = "", []string{"no"}, integerKey
		all := &mapping.Compiled{File: &mapping.File{}, Keys: users, Plans: []*mapping.RowPlan{&linesPlan, &own}}
		got, err := f.Probe(t.Context(), all, []keyspace.Range{{Through: keyspace.Key{"1"}}, {After: keyspace.Key{"2"}}})
		if err != nil || got.Rows != 1 || got.Bytes != int64(len("x")+len("10")) || got.Took <= 0 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	ranges := keyspace.Chain([]keyspace.Key{{"1"}, {"8"}})
	for name, c := range map[string]struct {
		plan mapping.RowPlan
		want []int64
	}{"by users": {linesPlan, []int64{2, 2, 2}}, "by users of a join": {boughtPlan, []int64{2, 1, 2}}} {
		t.Run("weights are counts of rows "+name, func(t *testing.T) {
			got, err := f.Weigh(t.Context(), users, &c.plan, ranges)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestClosing(t *testing.T) {
	f, users := newShop(t)
	t.Run("closing counts are of whole tables", func(t *testing.T) {
		got, err := f.ClosingCounts(t.Context(), []string{"users", "items"})
		if diff := cmp.Diff([]int64{4, 6}, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
	dear, free := linesPlan, boughtPlan
	dear.Where, free.Where = "l.price > 20", "l.price IS NULL"
	for name, c := range map[string]struct {
		plans []*mapping.RowPlan
		want  int64
	}{
		"none, when an entry has no condition":               {[]*mapping.RowPlan{&linesPlan, {Source: "items"}}, 0},
		"what no condition takes":                            {[]*mapping.RowPlan{&linesPlan, &dear}, 2},
		"not what a join drops, or an entry behind it takes": {[]*mapping.RowPlan{&dear, &free}, 2},
	} {
		t.Run("unused is "+name, func(t *testing.T) {
			if got, err := f.Unused(t.Context(), c.plans); err != nil || got != c.want {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
	t.Run("the use of a joined table", func(t *testing.T) {
		got, err := f.JoinedUse(t.Context(), &boughtPlan, Joined{Table: "profiles", Key: []string{"p.user_id"}})
		if err != nil || got != (Use{Rows: 3, Used: 3, Uses: 5}) {
			t.Errorf("got %+v, %v", got, err)
		}
		got, err = f.JoinedUse(t.Context(), &usersPlan, Joined{Table: "profiles", Key: []string{"p.user_id"}})
		if err != nil || got != (Use{Rows: 3, Used: 2, Uses: 2}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("checksums change with the content", func(t *testing.T) {
		before, err := f.Checksums(t.Context(), []string{"users", "items"})
		if err != nil {
			t.Fatal(err)
		}
		f.exec(t, `UPDATE users SET name = 'z' WHERE id = 4`)
		after, err := f.Checksums(t.Context(), []string{"users", "items"})
		if err != nil || before[0] == after[0] || before[1] != after[1] {
			t.Errorf("%v, %v, %v", before, after, err)
		}
		_, err = f.Checksums(t.Context(), []string{"gone"})
		if kind, _ := shard.KindOf(err); err == nil || kind != shard.Schema {
			t.Errorf("of a table that is not there: %v", err)
		}
	})
	t.Run("SELECT alone is enough for all of it", func(t *testing.T) {
		reader := fixture{DB: f.as(t, "selects", "SELECT ON "+quote(f.name)+".*")}
		if c, err := reader.Catalog(t.Context()); err != nil || len(c.Tables) != 3 {
			t.Error(err)
		} else if _, err := c.Resolve.Resolve(t.Context(), "SELECT (name) FROM users"); err != nil {
			t.Error(err)
		}
		reader.verdict(t, users, &boughtPlan, shard.Slice{Kind: shard.OfUsers})
		if _, err := reader.ClosingCounts(t.Context(), []string{"users"}); err != nil {
			t.Error(err)
		}
		if _, err := reader.Checksums(t.Context(), []string{"users"}); err != nil {
			t.Error(err)
		}
	})
}
