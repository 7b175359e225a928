package legacy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// few are users of whom some have posts, and posts of whom some are nobody's: one is wide.
func few(t *testing.T) (f fixture, users mapping.Keyspace, posts *mapping.RowPlan) {
	f = newFixture(t,
		`CREATE TABLE users (id INT PRIMARY KEY)`, `INSERT INTO users VALUES (-7), (1), (2), (3), (9), (12)`,
		`CREATE TABLE posts (id INT PRIMARY KEY, uid BIGINT, body TEXT, KEY (uid))`,
		`INSERT INTO posts VALUES (11, 1, 'a'), (12, 3, 'b'), (13, 4, REPEAT('w', 2000)), (14, NULL, 'd'), (15, 1, 'e'), (16, 12, 'f'), (17, 9, 'g'), (18, 99, 'h'), (10, 3, NULL), (9, -7, 'i'), (8, -9, 'j')`)
	users = mapping.Keyspace{From: "users", Key: "id", Kinds: integerKey, Table: "users"}
	posts = &mapping.RowPlan{Into: "app.posts", From: "posts", Source: "posts", SourceName: "posts", User: "uid", SourceKey: []string{"`posts`.`id`"},
		SourceKinds: integerKey, Select: []string{"body"}, Linked: true, Bare: true}
	return f, users, posts
}

func TestRowsReadWithoutTheirUsersAreThoseThatTheJoinFinds(t *testing.T) {
	f, users, posts := few(t)
	s := f.snapshot(t, Reading{Users: users, MaxRowBytes: 1000})
	for _, r := range []keyspace.Range{
		{}, {After: keyspace.Key{"1"}}, {Through: keyspace.Key{"3"}}, {After: keyspace.Key{"-7"}, Through: keyspace.Key{"9"}}, {After: keyspace.Key{"3"}, Through: keyspace.Key{"4"}},
	} {
		t.Run(fmt.Sprint(r), func(t *testing.T) {
			slice := shard.Slice{Kind: shard.OfUsers, Range: r}
			want := spelledRows(t, s.Rows, posts, slice)
			units, err := s.Units(t.Context(), slice)
			if err != nil {
				t.Fatal(err)
			}
			slice.Has = func(unit []byte) bool {
				for _, u := range units {
					if u.Text() == string(unit) {
						return true
					}
				}
				return false
			}
			if diff := cmp.Diff(want, spelledRows(t, s.Rows, posts, slice)); diff != "" {
				t.Errorf("rows (-joined +direct):\n%s", diff)
			}
		})
	}
}

func TestWhenRowsAreReadWithoutTheirUsers(t *testing.T) {
	f, users, posts := few(t)
	s := f.snapshot(t, Reading{Users: users})
	has := func([]byte) bool { return true }
	reads := func(p *mapping.RowPlan, slice shard.Slice) string {
		return s.question(p, slice).directly(slice).rows(clause{}).sql
	}
	plan := func(change func(*mapping.RowPlan)) *mapping.RowPlan {
		p := *posts
		change(&p)
		return &p
	}
	if sql := reads(posts, shard.Slice{Kind: shard.OfUsers, Has: has}); strings.Contains(sql, "users") {
		t.Errorf("it reads %s", sql)
	}
	for name, c := range map[string]struct {
		plan  *mapping.RowPlan
		slice shard.Slice
	}{
		"nobody knows the users":            {posts, shard.Slice{}},
		"some of the users are meant":       {posts, shard.Slice{Has: has, Only: []keyspace.Key{{"1"}}}},
		"some of the rows are meant":        {posts, shard.Slice{Has: has, Rows: []keyspace.Key{{"11"}}}},
		"the users of a wave are meant":     {posts, shard.Slice{Has: has, Where: "id > 1"}},
		"the key may be spelled otherwise":  {plan(func(p *mapping.RowPlan) { p.Linked = false }), shard.Slice{Has: has}},
		"an expression may fail":            {plan(func(p *mapping.RowPlan) { p.Bare = false }), shard.Slice{Has: has}},
		"a condition may fail":              {plan(func(p *mapping.RowPlan) { p.Where = "1 / uid > 0" }), shard.Slice{Has: has}},
		"attributes are gathered with them": {plan(func(p *mapping.RowPlan) { p.Gather = &mapping.GatherPlan{} }), shard.Slice{Has: has}},
		"what is read is what hosts let be": {plan(func(p *mapping.RowPlan) { p.GatheredBy = posts }), shard.Slice{Has: has}},
	} {
		t.Run("not where "+name, func(t *testing.T) {
			c.slice.Kind = shard.OfUsers
			if sql := reads(c.plan, c.slice); !strings.Contains(sql, "users") {
				t.Errorf("it reads %s", sql)
			}
		})
	}
	t.Run("and counted with them", func(t *testing.T) {
		n, err := s.Count(t.Context(), posts, shard.Slice{Kind: shard.OfUsers, Has: has})
		if err != nil || n != 7 {
			t.Errorf("counted %d rows, %v", n, err)
		}
	})
}

func TestKeysOfNobodysRowsAreTheSameByTheIndexOfTheirUsers(t *testing.T) {
	f, users, posts := few(t)
	s := f.snapshot(t, Reading{Users: users})
	unlinked := *posts
	unlinked.Linked = false
	for _, r := range []keyspace.Range{{}, {After: keyspace.Key{"8"}}, {After: keyspace.Key{"13"}, Through: keyspace.Key{"17"}}} {
		want, err := s.Units(t.Context(), shard.Slice{Kind: shard.Unowned, Entry: &unlinked, Range: r})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Units(t.Context(), shard.Slice{Kind: shard.Unowned, Entry: posts, Range: r})
		if diff := cmp.Diff(want, got); err != nil || diff != "" || len(want) == 0 {
			t.Errorf("%v: keys (-by any way +by index): %v\n%s", r, err, diff)
		}
	}
}
