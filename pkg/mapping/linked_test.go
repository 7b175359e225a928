package mapping

import (
	"testing"

	"rehome/pkg/value"
)

func TestEntriesWhoseRowsAreFoundByTheirUserAlone(t *testing.T) {
	type found struct{ linked, bare bool }
	for name, c := range map[string]struct {
		edits       []string
		change      func(*LegacyCatalog)
		users, post found
	}{
		"columns, of one table and of a join": {nil, func(*LegacyCatalog) {}, found{true, true}, found{true, false}},
		"an expression":                       {[]string{"rank: rank", "rank: rank + 1"}, func(*LegacyCatalog) {}, found{true, false}, found{true, false}},
		"a column that is computed":           {nil, func(c *LegacyCatalog) { c.Table("users").Columns[2].Generated = true }, found{true, false}, found{true, false}},
		"a user whom an expression names":     {[]string{"user: p.user_id", "user: p.user_id + 0"}, func(*LegacyCatalog) {}, found{true, true}, found{}},
		"a user whom no index finds":          {nil, func(c *LegacyCatalog) { c.Table("posts").Indexes = nil }, found{true, true}, found{}},
		"a users' key that no index finds":    {[]string{"key: id}", "key: rank}"}, func(*LegacyCatalog) {}, found{false, true}, found{}},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := legacyWorld()
			c.change(catalog)
			catalog.Resolve = &fakeResolver{catalog: catalog, types: map[string]value.LegacyType{"rank + 1": integer, "p.user_id + 0": integer}}
			got, _, err := Compile(t.Context(), parsed(t, edited(t, world, c.edits...)), catalog, targetWorld())
			if err != nil {
				t.Fatal(err)
			}
			users, posts := got.Plans[0], got.Plans[1]
			if users, posts := (found{users.Linked, users.Bare}), (found{posts.Linked, posts.Bare}); users != c.users || posts != c.post {
				t.Errorf("users %+v, posts %+v", users, posts)
			}
		})
	}
}
