package mapping

import (
	"testing"

	"rehome/pkg/value"
)

func TestFaultsOfTheTargetTable(t *testing.T) {
	runAll(t, []misfit{
		{name: "an unknown table gets a near miss", edits: []string{"into: app.tags", "into: app.tag"},
			want: `22:11: tables[2].into: the target database has no table app.tag (did you mean app.tags?)`},
		{name: "a view", target: func(c *TargetCatalog) { c.Table("app.tags").Kind = 'v' },
			want: `22:11: tables[2].into: app.tags is not an ordinary table (feed an ordinary table)`},
		{name: "row security", target: func(c *TargetCatalog) { c.Table("app.tags").RowSecurity = true },
			want: `22:11: tables[2].into: row level security of app.tags would hide rows (disable it for the load)`},
		{name: "a rule", target: func(c *TargetCatalog) { c.Table("app.tags").Rules = []string{"quiet"} },
			want: `22:11: tables[2].into: rule quiet of app.tags would change what is written (drop it for the load)`},
		{name: "a trigger", target: welcome,
			want: `5:11: tables[0].triggers: trigger welcome of app.users would fire for each row (write triggers: {welcome: fire} if that is wanted, else drop it for the load)`},
		{name: "a trigger that may fire", target: welcome, edits: []string{"    user: id\n", "    user: id\n    triggers: {welcome: fire}\n"}},
		{name: "a trigger that is not there", target: welcome, edits: []string{"    user: id\n", "    user: id\n    triggers: {welcome: fire, good_bye: fire}\n"},
			want: `8:31: tables[0].triggers.good_bye: app.users has no trigger good_bye that an insert fires (take it out)`},
		{name: "no key at all", target: func(c *TargetCatalog) { c.Table("app.tags").Uniques = nil },
			want: `22:11: tables[2].into: app.tags has no primary key, so that what arrived could not be found again (add a primary key)`},
		{name: "no key that is fed", target: func(c *TargetCatalog) { t := c.Table("app.tags"); t.Uniques = t.Uniques[:1] },
			want: `22:11: tables[2].columns: no primary or unique key of app.tags is fed whole, so that what arrived could not be found again (feed the primary key, or add a unique constraint over fed NOT NULL columns)`},
		{name: "a key that allows NULL, is partial or over expressions does not count", target: func(c *TargetCatalog) {
			t := c.Table("app.tags")
			t.Uniques = []Unique{t.Uniques[0], {Name: "a", Columns: []string{"first_post"}}, {Name: "b", Columns: []string{"name"}, Partial: true}, {Name: "c"}}
		}, want: `22:11: tables[2].columns: no primary or unique key of app.tags is fed whole, so that what arrived could not be found again (feed the primary key, or add a unique constraint over fed NOT NULL columns)`},
	})
}

func welcome(c *TargetCatalog) { c.Table("app.users").Triggers = []Trigger{{Name: "welcome"}} }

func TestFaultsOfColumns(t *testing.T) {
	runAll(t, []misfit{
		{name: "an unknown column gets a near miss", edits: []string{"      country: c.name\n", "      contry: c.name\n"},
			want: `20:7: tables[1].columns.contry: app.posts has no column contry (did you mean country?)`},
		{name: "a generated column that is fed", target: func(c *TargetCatalog) { c.Table("app.posts").Column("country").Generated = true },
			want: `20:7: tables[1].columns.country: country of app.posts is generated always by the target (take it out of columns)`},
		{name: "an identity that is always generated", target: func(c *TargetCatalog) { c.Table("app.posts").Column("country").Identity = 'a' },
			want: `20:7: tables[1].columns.country: country of app.posts is generated always by the target (take it out of columns)`},
		{name: "a volatile default that nothing feeds", target: func(c *TargetCatalog) {
			s := c.Table("app.posts").Column("seen")
			s.Default, s.Volatile = "now()", true
		},
			want: `12:5: tables[1].columns: nothing feeds column seen of app.posts, and its default differs from row to row (feed it, or write written_by_target: [seen])`},
		{name: "a volatile default that the target writes", target: func(c *TargetCatalog) { c.Table("app.posts").Column("seen").Volatile = true },
			edits: []string{"    unowned: migrate\n", "    unowned: migrate\n    written_by_target: [seen]\n"}},
		{name: "an identity that nothing feeds", edits: []string{"    written_by_target: [id]\n", ""},
			want: `22:5: tables[2].columns: nothing feeds column id of app.tags, and its default differs from row to row (feed it, or write written_by_target: [id])`},
		{name: "NOT NULL without a default", target: func(c *TargetCatalog) { c.Table("app.posts").Column("seen").Default = "" },
			want: `12:5: tables[1].columns: nothing feeds column seen of app.posts, which is NOT NULL without a default (feed it)`},
		{name: "a generated column needs nobody", target: func(c *TargetCatalog) { s := c.Table("app.posts").Column("seen"); s.Default, s.Generated = "", true }},
		{name: "written by the target and unknown", edits: []string{"written_by_target: [id]", "written_by_target: [id, nme]"},
			want: `29:29: tables[2].written_by_target: app.tags has no column nme (did you mean name?)`},
		{name: "written by the target and fed", edits: []string{"written_by_target: [id]", "written_by_target: [id, name]"},
			want: `29:29: tables[2].written_by_target: column name is fed, and cannot be written by the target as well (take it out of one of the two)`},
		{name: "a constant of another type", target: func(c *TargetCatalog) { c.Table("app.posts").Column("source").Type = int4Type },
			want: `21:23: tables[1].columns.source: "old" is no integer (syntax)`},
		{name: "everything that is wrong with a conversion", edits: []string{"rank: rank", "rank: {sql: \"CONCAT(rank)\", if_null: none}"},
			want: `11:7: tables[0].columns.rank: if_null: "none" is no integer (syntax)
11:7: tables[0].columns.rank: VARCHAR does not become integer by itself: write sql: CAST(COLUMN AS SIGNED), or write values: {OLD: NEW} for each value`},
	})
}

func TestFaultsOfReferences(t *testing.T) {
	runAll(t, []misfit{
		{name: "an entity that nobody makes", edits: []string{"{uuid: user, of: p.user_id, missing: to_null}", "{uuid: usr, of: p.user_id, missing: to_null}"},
			want: `19:25: tables[1].columns.author_id: no entry makes the identifiers of entity usr: none has it as its table's primary key (did you mean user?)`},
		{name: "nobody makes any", target: func(c *TargetCatalog) { c.Tables[0].Uniques[0].Primary, c.Tables[1].Uniques[0].Primary = false, false }, want: `9:18: tables[0].columns.id: no entry makes the identifiers of entity user: none has it as its table's primary key (feed a table whose primary key is {uuid: user, of: …})
18:18: tables[1].columns.id: no entry makes the identifiers of entity post: none has it as its table's primary key (feed a table whose primary key is {uuid: post, of: …})
19:25: tables[1].columns.author_id: no entry makes the identifiers of entity user: none has it as its table's primary key (feed a table whose primary key is {uuid: user, of: …})
27:26: tables[2].columns.first_post: no entry makes the identifiers of entity post: none has it as its table's primary key (feed a table whose primary key is {uuid: post, of: …})`},
		{name: "an entity of an entry that does not fit is not reported twice", edits: []string{"into: app.users", "into: app.user"},
			want: `5:11: tables[0].into: the target database has no table app.user (did you mean app.users?)`},
		{name: "an entity with two tables", edits: []string{"{uuid: post, of: p.id}", "{uuid: user, of: p.id}", "first_post: {uuid: post, of: post_id, missing: leave}", "first_post: {uuid: user, of: post_id, missing: leave}"},
			want: `12:5: tables[1].columns: entity user has its identifiers in app.users and in app.posts (give the column that only refers to the entity another entity, a foreign key or a missing: to_null or leave)`},
		{name: "a column that is no uuid", edits: []string{"country: c.name", "country: {uuid: user, of: c.name}"},
			want: `20:7: tables[1].columns.country: it is of type text (make the target column a uuid)`},
		{name: "an identifier of a type that is no key", edits: []string{"{uuid: post, of: p.id}", "{uuid: post, of: p.id / 2}"},
			legacy: func(c *LegacyCatalog) { resolver(c).types = map[string]value.LegacyType{"p.id / 2": {Name: "DECIMAL"}} },
			want:   `18:28: tables[1].columns.id: an identifier cannot be derived from type DECIMAL (use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression)`},
		{name: "a key of another kind", edits: []string{"{uuid: post, of: post_id, missing: leave}", "{uuid: post, of: \"CONCAT(post_id)\", missing: leave}"},
			want: `27:36: tables[2].columns.first_post: it is a key of kind text, and that of entity post is integer (cast it to the key's kind)`},
		{name: "a key of another length", edits: []string{"{uuid: post, of: post_id, missing: leave}", "{uuid: post, of: [post_id, id], missing: leave}"},
			want: `27:7: tables[2].columns.first_post: the key of entity post has the length 1, and this one 2 (write as many expressions as the key has columns)`},
	})
}
