package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/value"
)

// A misfit is what happens to the world, and what Compile says of it.
type misfit struct {
	name   string
	edits  []string
	legacy func(*LegacyCatalog)
	target func(*TargetCatalog)
	want   string // faults, a line for each
	warned string
}

func (m misfit) run(t *testing.T) {
	from, to := legacyWorld(), targetWorld()
	if m.legacy != nil {
		m.legacy(from)
	}
	if m.target != nil {
		m.target(to)
	}
	c, warnings, err := Compile(t.Context(), parsed(t, edited(t, world, m.edits...)), from, to)
	got := ""
	if err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(m.want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(m.warned, warnings.Error()); diff != "" {
		t.Errorf("warnings: %s", diff)
	}
	if (c == nil) != (err != nil) {
		t.Errorf("got %v with error %v", c, err)
	}
}

func runAll(t *testing.T, misfits []misfit) {
	for _, m := range misfits {
		t.Run(m.name, m.run)
	}
}

func resolver(c *LegacyCatalog) *fakeResolver { return c.Resolve.(*fakeResolver) }

func TestFaultsOfTheLegacySide(t *testing.T) {
	runAll(t, []misfit{
		{name: "the world fits"},
		{name: "an unknown table gets a near miss", edits: []string{"    from: tags\n", "    from: tag\n"},
			want: `23:11: tables[2].from: the legacy database has no table tag (did you mean tags?)`},
		{name: "an unknown joined table too", edits: []string{"LEFT JOIN countries c", "LEFT JOIN contries c"},
			want: `13:11: tables[1].from: the legacy database has no table contries (did you mean countries?)`},
		{name: "an unknown column has the server's words", edits: []string{"rank: rank", "rank: rnk"},
			want: `11:13: tables[0].columns.rank: the legacy server refuses "rnk": Unknown column 'rnk'`},
		{name: "each refused expression has its place", edits: []string{"rank: rank", "rank: rnk", "country: c.name", "country: c.nme", "user: id", "user: ident"},
			want: `7:11: tables[0].user: the legacy server refuses "ident": Unknown column 'ident'
11:13: tables[0].columns.rank: the legacy server refuses "rnk": Unknown column 'rnk'
20:16: tables[1].columns.country: the legacy server refuses "c.nme": Unknown column 'c.nme'`},
		{name: "what is refused together and not alone is said of the first", edits: []string{"rank: rank", "rank: rank_forbidden"},
			legacy: func(c *LegacyCatalog) { c.Resolve = togetherRefuser{c.Resolve} },
			want:   `7:11: tables[0].user: the legacy server refuses these expressions together: not in one query`},
		{name: "a subquery in from", edits: []string{"    from: tags\n", "    from: (SELECT * FROM tags) t\n"},
			want: `23:11: tables[2].from: a subquery cannot stand in from: write the table, or a join of tables`},
		{name: "a condition in from", edits: []string{"    from: tags\n", "    from: tags WHERE id > 1\n"},
			want: `23:11: tables[2].from: WHERE cannot stand in from, which holds tables and joins alone: conditions stand in where`},
		{name: "a table of another database", edits: []string{"    from: tags\n", "    from: old.tags\n"},
			want: `23:11: tables[2].from: old.tags names a database, and rehome reads the one that legacy.dsn names (write the table alone)`},
		{name: "a row source without a primary key", legacy: func(c *LegacyCatalog) { c.Table("tags").PrimaryKey = nil },
			want: `23:11: tables[2].from: tags has no primary key, and rehome names each row by it (add a primary key, or copy the table into one that has a key)`},
		{name: "a primary key that cannot be split on", legacy: func(c *LegacyCatalog) { c.Table("tags").Column("id").Type.Name = "DATE" },
			want: `23:11: tables[2].from: the primary key of tags has a column of type DATE, which rehome cannot split on (copy the table into one whose key is an integer, CHAR, VARCHAR, BINARY or VARBINARY)`},
		{name: "a join that is not declared", edits: []string{"    joins: {countries: lookup}\n", ""},
			want: `13:11: tables[1].joins: from joins countries, and joins does not say how it is used (write joins: {countries: each} if each of its rows must be used once, else lookup)`},
		{name: "a declaration of no join", edits: []string{"{countries: lookup}", "{countries: lookup, contries: each}"},
			want: `14:32: tables[1].joins.contries: from does not join a table contries (take it out, or join the table in from)`},
		{name: "a condition that is refused", edits: []string{"    key: id\n", "    key: id\n    where: t.id > 0\n"},
			want: `25:12: tables[2].where: the legacy server refuses "t.id > 0": Unknown column 't.id'`},
		{name: "a wave's condition that is refused", edits: []string{"where: rank < 5", "where: u.rank < 5"},
			want: `3:30: waves[0].where: the legacy server refuses "u.rank < 5": Unknown column 'u.rank'`},
		{name: "an own key that cannot be split on", legacy: func(c *LegacyCatalog) { resolver(c).types = map[string]value.LegacyType{"id + 0.5": {Name: "DECIMAL"}} },
			edits: []string{"    key: id\n", "    key: id + 0.5\n"},
			want:  `24:10: tables[2].key: rehome cannot split rows by a key of type DECIMAL (use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression)`},
	})
}

// A togetherRefuser refuses a forbidden expression in company, as a server does with ONLY_FULL_GROUP_BY.
type togetherRefuser struct{ Resolver }

func (r togetherRefuser) Resolve(ctx context.Context, query string) (Resolved, error) {
	exprs, _ := splitQuery(query)
	if strings.Contains(query, "forbidden") && len(exprs) > 1 {
		return Resolved{}, &QueryFault{"not in one query"}
	}
	return r.Resolver.Resolve(ctx, strings.ReplaceAll(query, "_forbidden", ""))
}

func TestFaultsOfUsers(t *testing.T) {
	text := func(c *LegacyCatalog) {
		c.Table("users").Columns[0] = letters("id")
		c.Table("posts").Columns[1] = letters("user_id")
	}
	runAll(t, []misfit{
		{name: "an unknown table of users", edits: []string{"{from: users,", "{from: user,"},
			want: `2:15: users.from: the legacy database has no table user (did you mean users?)`},
		{name: "a key of several columns", edits: []string{"key: id}", "key: [id, rank]}"},
			want: `2:8: users.key: a user's key of several columns is not supported (write one column or expression)`},
		{name: "a key that is refused", edits: []string{"key: id}", "key: u.id}"},
			want: `2:27: users.key: the legacy server refuses "u.id": Unknown column 'u.id'`},
		{name: "a key that cannot be split on", edits: []string{"key: id}", "key: day}"},
			legacy: func(c *LegacyCatalog) { resolver(c).types = map[string]value.LegacyType{"day": {Name: "DATE"}} },
			want:   `2:27: users.key: rehome cannot split users by a key of type DATE (use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression)`},
		{name: "a user of another kind", edits: []string{"user: p.user_id", "user: p.country"},
			want: `15:11: tables[1].user: it is of type VARCHAR, and users.key is integer: comparing them would be slow or wrong (cast it to the kind of users.key)`},
		{name: "a user of a type that is no key", legacy: func(c *LegacyCatalog) {
			resolver(c).types = map[string]value.LegacyType{"p.user_id / 2": {Name: "DECIMAL"}}
		},
			edits: []string{"user: p.user_id", "user: p.user_id / 2"},
			want:  `15:11: tables[1].user: rehome cannot find a user by a value of type DECIMAL (use an integer, CHAR, VARCHAR, BINARY or VARBINARY expression)`},
		{name: "text of one collation fits", legacy: text},
		{name: "a user of another collation", legacy: func(c *LegacyCatalog) { text(c); c.Table("posts").Columns[1].Collation = "utf8mb4_bin" },
			want: `15:11: tables[1].user: its collation is utf8mb4_bin, and that of users.key is utf8mb4_general_ci (give both columns one collation)`},
		{name: "a user of several columns", edits: []string{"user: p.user_id", "user: [p.user_id, p.id]"},
			want: `15:12: tables[1].user: a user's key has one column, this list has 2 (write one expression)`},
		{name: "a user without an index is a warning", legacy: func(c *LegacyCatalog) { noIndex(c, 100_000) },
			warned: `15:11: tables[1].user: "p.user_id" has no index: each shard scans the 100000 rows of posts (add an index)`},
		{name: "above 100,000 rows it is refused", legacy: func(c *LegacyCatalog) { noIndex(c, 100_001) },
			want: `15:11: tables[1].user: "p.user_id" has no index, so that each of about 5 shards would scan the 100001 rows of posts (add an index, or write scan: accepted)`},
		{name: "automatic shards are estimated too", edits: []string{"key: id}", "key: id, shard_rows: auto}"}, legacy: func(c *LegacyCatalog) { noIndex(c, 200_000) },
			want: `15:11: tables[1].user: "p.user_id" has no index, so that each of about 10 shards would scan the 200000 rows of posts (add an index, or write scan: accepted)`},
		{name: "unless the scan is accepted", edits: []string{"    unowned: migrate\n", "    unowned: migrate\n    scan: accepted\n"}, legacy: func(c *LegacyCatalog) { noIndex(c, 1_000_000) }},
		{name: "an expression has no index", edits: []string{"user: p.user_id", "user: p.user_id + 0"},
			legacy: func(c *LegacyCatalog) { resolver(c).types = map[string]value.LegacyType{"p.user_id + 0": integer} },
			warned: `15:11: tables[1].user: "p.user_id + 0" has no index: each shard scans the 10 rows of posts (add an index)`},
		{name: "parentheses do no harm", edits: []string{"user: p.user_id", "user: ((p.user_id))"}},
	})
}

func noIndex(c *LegacyCatalog, rows int64) {
	posts := c.Table("posts")
	posts.Indexes, posts.Rows = posts.Indexes[:1], rows
}

func TestFaultsOfLeftovers(t *testing.T) {
	runAll(t, []misfit{
		{name: "a legacy table that nothing reads", edits: []string{"ignore: {sessions: worthless}\n", ""},
			want: `ignore: no entry reads the legacy table sessions (feed a table from it, or write ignore: {sessions: why})`},
		{name: "an ignored table that is not there", edits: []string{"{sessions: worthless}", "{sessions: worthless, session: why}"},
			want: `30:31: ignore.session: the legacy database has no table session (did you mean sessions?)`},
		{name: "an ignored table that is read", edits: []string{"{sessions: worthless}", "{sessions: worthless, countries: why}"},
			want: `30:31: ignore.countries: tables[1] reads the legacy table countries (take it out of ignore)`},
		{name: "a column that no expression mentions", edits: []string{"      rank: rank\n", ""},
			want: `5:5: tables[0].ignore: no expression mentions column rank of the legacy table users (feed a column from it, or write ignore: {rank: why})`},
		{name: "an ignored column", edits: []string{"      rank: rank\n", "    ignore: {rank: nobody looked at it}\n"}},
		{name: "an ignored column that is not there", edits: []string{"{id: drawn anew}", "{id: drawn anew, nme: why}"},
			want: `28:30: tables[2].ignore.nme: tags has no column nme (did you mean name?)`},
		{name: "a column of a joined table", legacy: func(c *LegacyCatalog) { t := c.Table("countries"); t.Columns = append(t.Columns, number("size")) },
			want: `12:5: tables[1].ignore: no expression mentions column size of the legacy table countries (feed a column from it, or write ignore: {size: why})`},
		{name: "a primary key that no expression mentions", edits: []string{"    key: id\n", "    key: name\n", "    ignore: {id: drawn anew}\n", ""},
			want: `22:5: tables[2].ignore: no expression mentions column id of the legacy table tags (feed a column from it, or write ignore: {id: why})`},
		{name: "users that no entry reads", edits: []string{"{from: users,", "{from: sessions,", "key: id}", "key: id}"}, legacy: func(c *LegacyCatalog) {
			c.Table("sessions").Columns = []LegacyColumn{number("id"), number("rank")}
		}},
	})
}

func TestAnOutageIsNoFault(t *testing.T) {
	from := legacyWorld()
	down := errors.New("connection refused")
	resolver(from).down = down
	_, _, err := Compile(t.Context(), parsed(t, world), from, targetWorld())
	var faults Faults
	if !errors.Is(err, down) || errors.As(err, &faults) {
		t.Errorf("got %v", err)
	}
}

// A lateOutage refuses the first query that has more than one expression, and is gone after that.
type lateOutage struct {
	Resolver
	refused bool
}

func (r *lateOutage) Resolve(ctx context.Context, query string) (Resolved, error) {
	if exprs, _ := splitQuery(query); len(exprs) > 1 && !r.refused {
		r.refused = true
		return Resolved{}, &QueryFault{"no"}
	}
	if r.refused {
		return Resolved{}, errors.New("gone")
	}
	return r.Resolver.Resolve(ctx, query)
}

func TestAnOutageAfterARefusal(t *testing.T) {
	from := legacyWorld()
	from.Resolve = &lateOutage{Resolver: from.Resolve}
	_, _, err := Compile(t.Context(), parsed(t, world), from, targetWorld())
	if err == nil || err.Error() != "ask the legacy server about the mapping's expressions: gone" {
		t.Errorf("got %v", err)
	}
}

func TestATimeZoneOfAPlan(t *testing.T) {
	file := parsed(t, world)
	file.Legacy.TimeZone.Text = "Europe/Bielefeld"
	_, _, err := Compile(t.Context(), file, legacyWorld(), targetWorld())
	const want = `legacy.time_zone: there is no time zone "Europe/Bielefeld" (write an IANA name such as Europe/Berlin)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
