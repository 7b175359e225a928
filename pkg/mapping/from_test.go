package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFrom(t *testing.T) {
	one := func(table, name string) fromTable { return fromTable{table: table, name: name} }
	left := func(table, name string) fromTable { return fromTable{table: table, name: name, left: true} }
	for from, want := range map[string][]fromTable{
		"users":                      {one("users", "users")},
		"users u":                    {one("users", "u")},
		"users AS u":                 {one("users", "u")},
		"users as `u v`":             {one("users", "u v")},
		"`odd ``name`":               {one("odd `name", "odd `name")},
		"`select` `where`":           {one("select", "where")},
		"old.users":                  {{schema: "old", table: "users", name: "users"}},
		"`old`.`users` u":            {{schema: "old", table: "users", name: "u"}},
		"users, posts p":             {one("users", "users"), one("posts", "p")},
		"(users)":                    {one("users", "users")},
		"((users u), (posts))":       {one("users", "u"), one("posts", "posts")},
		"users JOIN posts USING (a)": {one("users", "users"), one("posts", "posts")},
		"users u INNER JOIN posts p ON p.uid = u.id CROSS JOIN tags": {one("users", "u"), one("posts", "p"), one("tags", "tags")},
		"users LEFT JOIN posts ON 1 left outer join tags ON 1":       {one("users", "users"), left("posts", "posts"), left("tags", "tags")},
		"users u NATURAL LEFT JOIN posts":                            {one("users", "u"), left("posts", "posts")},
		"users RIGHT JOIN posts ON 1":                                {one("users", "users"), one("posts", "posts")},
		"users LEFT JOIN (posts p JOIN tags ON 1) ON 1":              {one("users", "users"), left("posts", "p"), one("tags", "tags")},
		"users STRAIGHT_JOIN posts":                                  {one("users", "users"), one("posts", "posts")},
		"users USE INDEX (a, b) JOIN posts ON 1":                     {one("users", "users"), one("posts", "posts")},
		"users u FORCE INDEX FOR JOIN (a), posts":                    {one("users", "u"), one("posts", "posts")},
		"users PARTITION (p0, p1) AS u":                              {one("users", "u")},
		"users JOIN posts ON posts.order = users.`join`":             {one("users", "users"), one("posts", "posts")},
		"users JOIN posts ON uid IN (SELECT id FROM tags, a)":        {one("users", "users"), one("posts", "posts")},
		"users u JOIN users v ON v.id = IF(u.a, (u.b), 2), tags":     {one("users", "u"), one("users", "v"), one("tags", "tags")},
		"users JOIN posts ON a = ' JOIN tags, x'":                    {one("users", "users"), one("posts", "posts")},
	} {
		t.Run(from, func(t *testing.T) {
			got, err := parseFrom(from)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(fromTable{})); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestParseFromRefuses(t *testing.T) {
	const subquery = "a subquery cannot stand in from: write the table, or a join of tables"
	clause := func(word string) string {
		return word + " cannot stand in from, which holds tables and joins alone: conditions stand in where"
	}
	for from, want := range map[string]string{
		"":                                     errNoTable.Error(),
		"users,":                               errNoTable.Error(),
		"users JOIN":                           errNoTable.Error(),
		"(users":                               errNoTable.Error(),
		"users)":                               errNoTable.Error(),
		"users) JOIN (posts":                   errNoTable.Error(),
		"'users'":                              errNoTable.Error(),
		"a.b.c":                                errNoTable.Error(),
		"(SELECT 1) s":                         subquery,
		"users, (SELECT 1) s":                  subquery,
		"users JOIN ((select 1) s)":            subquery,
		"users, LATERAL (SELECT 1) s":          subquery,
		"(WITH a AS (SELECT 1) SELECT 2) s":    subquery,
		"(VALUES (1)) s":                       subquery,
		"JSON_TABLE(doc, '$' COLUMNS (a INT))": "a table function cannot stand in from: write the table, or a join of tables",
		"users WHERE a = 1":                    clause("WHERE"),
		"users u order by a":                   clause("ORDER"),
		"users JOIN posts ON a = b LIMIT 1":    clause("LIMIT"),
		"users FOR SYSTEM_TIME ALL":            clause("FOR"),
		"users; DROP TABLE users":              "a ; would end the statement",
	} {
		t.Run(from, func(t *testing.T) {
			if got, err := parseFrom(from); err == nil || err.Error() != want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// FuzzParseFrom holds that no text makes parseFrom panic, that each table has its names, and that tables quoted and joined anew are
// the same tables.
func FuzzParseFrom(f *testing.F) {
	for _, seed := range []string{
		"users u LEFT JOIN (posts AS p, `x``y`) ON (a IN (SELECT 1)) USE INDEX FOR JOIN (b)", "a.b c, d PARTITION (p) e", "(((", "a)))", "a AS", "a USE", "a JOIN b ON 'x", "a . b . ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, from string) {
		tables, err := parseFrom(from)
		if err != nil {
			if len(tables) > 0 {
				t.Fatalf("%v with the error %v", tables, err)
			}
			return
		}
		again := ""
		for i, table := range tables {
			switch {
			case i == 0:
			case table.left:
				again += " LEFT JOIN "
			default:
				again += ", "
			}
			if table.schema != "" {
				again += Quote(table.schema) + "."
			}
			again += Quote(table.table) + " AS " + Quote(table.name)
		}
		got, err := parseFrom(again)
		if diff := cmp.Diff(tables, got, cmp.AllowUnexported(fromTable{})); err != nil || diff != "" {
			t.Fatalf("%s: %v %s", again, err, diff)
		}
	})
}

func TestJoinedKey(t *testing.T) {
	pair := &LegacyTable{Name: "pairs", PrimaryKey: []string{"a", "b`c"}}
	for _, test := range []struct {
		name, from string
		table      *LegacyTable
		want       []string
		err        string
	}{
		{"the alias stands before each column", "users u JOIN pairs AS p ON 1", pair, []string{"`p`.`a`", "`p`.`b``c`"}, ""},
		{"of a table that is joined with itself the second counts", "pairs x JOIN pairs y ON 1", pair, []string{"`y`.`a`", "`y`.`b``c`"}, ""},
		{"the row source is not joined", "pairs", pair, nil, "from does not join a table pairs"},
		{"a table without a key", "users JOIN logs ON 1", &LegacyTable{Name: "logs"}, nil, "table logs has no primary key, so that it cannot be told whether each of its rows is used"},
		{"no FROM at all", "(", pair, nil, errNoTable.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := JoinedKey(test.from, test.table)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTables(t *testing.T) {
	got, err := Tables("users u LEFT JOIN (cities AS c JOIN `coun tries` ON c.country = 1) ON c.id = u.city, users v")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"users", "cities", "coun tries", "users"}, got); diff != "" {
		t.Errorf("the tables of a FROM (-want +got):\n%s", diff)
	}
}
