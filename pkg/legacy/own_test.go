package legacy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// The users' own rows are read without the join that finds the rows of users: what comes must be the same.
func TestOwnRowsAreThoseThatTheJoinFinds(t *testing.T) {
	f := newFixture(t,
		`CREATE TABLE users (name VARCHAR(20) CHARACTER SET latin1 UNIQUE, id INT PRIMARY KEY, rep INT, no INT UNIQUE)`,
		`INSERT INTO users VALUES ('Ann', 1, 5, 10), ('bob', 2, 50, NULL), (NULL, 3, 7, 30), ('', 4, NULL, 40), ('zoë', 5, 500, 50), ('Éva', 6, 6, 60)`,
		`CREATE TABLE more (id INT PRIMARY KEY, city VARCHAR(20))`, `INSERT INTO more VALUES (1, 'Wien'), (3, 'Graz'), (4, 'Linz'), (6, NULL)`)
	names, numbers := []keyspace.Kind{keyspace.Text}, integerKey
	for name, c := range map[string]struct {
		from, key string
		kinds     []keyspace.Kind
		slice     shard.Slice
		where     string // of the plan
		want      int64
	}{
		"all of them, but those who are nobody":        {"users", "name", names, shard.Slice{}, "", 5},
		"up to one":                                    {"users", "name", names, shard.Slice{Range: keyspace.Range{Through: keyspace.Key{"bob"}}}, "", 3},
		"behind one, who is spelled in another way":    {"users u", "u.name", names, shard.Slice{Range: keyspace.Range{After: keyspace.Key{"ANN"}}}, "", 3},
		"between two, of a wave":                       {"users", "no", numbers, shard.Slice{Range: keyspace.Range{After: keyspace.Key{"10"}, Through: keyspace.Key{"50"}}, Where: "rep > 5 OR name = ''"}, "", 3},
		"of a wave alone":                              {"users", "no", numbers, shard.Slice{Where: "rep IS NULL OR rep < 8"}, "", 4},
		"those whom a condition takes":                 {"users", "no", numbers, shard.Slice{}, "rep > 5 OR name = 'zoë'", 5},
		"of a wave, those whom a condition takes":      {"users", "no", numbers, shard.Slice{Where: "rep > 5"}, "rep < 100 OR 1 = 0", 3},
		"of a list":                                    {"users", "no", numbers, shard.Slice{Only: []keyspace.Key{{"10"}, {"50"}, {"51"}}}, "", 2},
		"of a list, some rows":                         {"users", "no", numbers, shard.Slice{Only: []keyspace.Key{{"10"}, {"50"}}, Rows: []keyspace.Key{{"5"}, {"1"}, {"2"}}}, "", 2},
		"with what another table has of them":          {"users JOIN more ON more.id = users.id", "users.no", numbers, shard.Slice{}, "city <> 'Graz'", 4},
		"with what another table may have of them":     {"users LEFT JOIN more USING (id)", "no", numbers, shard.Slice{Where: "rep > 4"}, "", 4},
		"with a wave that another table tells from it": {"users LEFT JOIN more USING (id)", "no", numbers, shard.Slice{Where: "city IS NULL"}, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			users := mapping.Keyspace{From: c.from, Key: c.key, Kinds: c.kinds, Table: "users"}
			own := &mapping.RowPlan{Into: "app.users", From: c.from, Source: "users", SourceName: "users", User: c.key, Where: c.where, Joined: strings.Contains(c.from, "JOIN"),
				SourceKey: []string{"`users`.`id`"}, SourceKinds: integerKey, Select: []string{"name", "rep"}}
			if c.from == "users u" {
				own.SourceName, own.SourceKey = "u", []string{"`u`.`id`"}
			}
			joined := *own
			joined.User = "(" + c.key + ")" // the same, in other words
			c.slice.Kind = shard.OfUsers
			s := f.snapshot(t, Reading{Users: users})
			q := s.question(own, c.slice)
			if sql := q.rows(clause{}).sql; !q.own(own) || strings.Contains(sql, "rehome_u") || q.own(&joined) {
				t.Fatalf("it reads %s", sql)
			}
			if diff := cmp.Diff(spelledRows(t, s.Rows, &joined, c.slice), spelledRows(t, s.Rows, own, c.slice)); diff != "" {
				t.Errorf("rows (-joined +own):\n%s", diff)
			}
			counts, err := s.Counts(t.Context(), []*mapping.RowPlan{own, &joined}, c.slice)
			if err != nil || counts[0] != counts[1] || c.slice.Rows == nil && counts[0].Source != c.want {
				t.Errorf("counts %+v, %v", counts, err)
			}
		})
	}
}

func TestRowsOfAnotherTableAreNoOwnRows(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id INT PRIMARY KEY)`, `CREATE TABLE more (id INT PRIMARY KEY)`, `INSERT INTO users VALUES (1), (2)`, `INSERT INTO more VALUES (2), (3)`)
	more := &mapping.RowPlan{Into: "app.more", From: "more", Source: "more", SourceName: "more", User: "id", SourceKey: []string{"`more`.`id`"}, SourceKinds: integerKey}
	s := f.snapshot(t, Reading{Users: mapping.Keyspace{From: "users", Key: "id", Kinds: integerKey, Table: "users"}})
	if got := spelledRows(t, s.Rows, more, shard.Slice{Kind: shard.OfUsers}); len(got) != 1 || got[`"2" ["2"]`] != 1 {
		t.Errorf("got %v", got)
	}
}
