package legacy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

func TestRowsByList(t *testing.T) {
	f := newFixture(t, "CREATE TABLE users (id INT PRIMARY KEY)", "INSERT INTO users VALUES (1), (2), (3)",
		"CREATE TABLE posts (pid INT PRIMARY KEY, uid INT, part INT, body TEXT, KEY (uid))",
		"INSERT INTO posts VALUES (10, 1, 7, 'a'), (11, 1, 7, 'b'), (20, 2, 8, 'c'), (90, NULL, 8, 'd'), (91, 5, 9, 'e')")
	users := mapping.Keyspace{From: "users", Key: "id", Kinds: []keyspace.Kind{keyspace.Integer}, Table: "users"}
	posts := &mapping.RowPlan{Into: "app.posts", From: "posts", Source: "posts", SourceName: "posts", User: "uid", Where: "pid < 1000",
		SourceKey: []string{"`posts`.`pid`"}, SourceKinds: []keyspace.Kind{keyspace.Integer}, Select: []string{"body"}}
	parts := &mapping.RowPlan{Into: "app.parts", From: "posts", Source: "posts", SourceName: "posts", Key: []string{"part"},
		KeyKinds: []keyspace.Kind{keyspace.Integer}, SourceKey: []string{"`posts`.`pid`"}, SourceKinds: []keyspace.Kind{keyspace.Integer}, Select: []string{"body"}}
	s := f.snapshot(t, Reading{Users: users})
	keys := func(texts ...string) (out []keyspace.Key) {
		for _, text := range texts {
			out = append(out, keyspace.Key{text})
		}
		return out
	}
	for name, test := range map[string]struct {
		plan  *mapping.RowPlan
		slice shard.Slice
		want  []string
	}{
		"users":                        {posts, shard.Slice{Kind: shard.OfUsers, Only: keys("1", "3")}, []string{"1 10", "1 11"}},
		"some rows of users":           {posts, shard.Slice{Kind: shard.OfUsers, Only: keys("1", "2"), Rows: keys("11", "20", "91")}, []string{"1 11", "2 20"}},
		"rows of nobody":               {posts, shard.Slice{Kind: shard.Unowned, Entry: posts, Only: keys("90", "10")}, []string{"90 90"}},
		"some rows of nobody":          {posts, shard.Slice{Kind: shard.Unowned, Entry: posts, Only: keys("90", "91"), Rows: keys("91")}, []string{"91 91"}},
		"units of a key of their own":  {parts, shard.Slice{Kind: shard.OwnKey, Entry: parts, Only: keys("7")}, []string{"7 10", "7 11"}},
		"some rows of such units":      {parts, shard.Slice{Kind: shard.OwnKey, Entry: parts, Only: keys("7", "8"), Rows: keys("11", "90")}, []string{"7 11", "8 90"}},
		"no units":                     {posts, shard.Slice{Kind: shard.OfUsers, Only: []keyspace.Key{}}, nil},
		"no rows of units":             {posts, shard.Slice{Kind: shard.OfUsers, Only: keys("1"), Rows: []keyspace.Key{}}, nil},
		"a unit that is no longer one": {posts, shard.Slice{Kind: shard.OfUsers, Only: keys("5")}, nil},
	} {
		t.Run(name+" are read by list", func(t *testing.T) {
			var got []string
			err := s.Rows(t.Context(), test.plan, test.slice, func(r shard.Row) error {
				got = append(got, string(r.Unit)+" "+r.Key[0])
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			n, err := s.Count(t.Context(), test.plan, test.slice)
			if err != nil || test.slice.Rows == nil && n != int64(len(test.want)) {
				t.Errorf("%d rows counted, %v", n, err)
			}
		})
	}
	t.Run("a key of another shape is refused", func(t *testing.T) {
		err := s.Rows(t.Context(), posts, shard.Slice{Kind: shard.OfUsers, Only: keys("1"), Rows: []keyspace.Key{{"1", "2"}}}, nil)
		if kind, _ := shard.KindOf(err); err == nil || kind != shard.Defect {
			t.Errorf("got %v", err)
		}
	})
}
