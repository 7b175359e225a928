package legacy

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// status is a counter of the session.
func status(t *testing.T, conn *sql.Conn, name string) (n int) {
	t.Helper()
	var text string
	if err := conn.QueryRowContext(t.Context(), `SHOW SESSION STATUS LIKE '`+name+`'`).Scan(new(string), &text); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatementsStayPrepared(t *testing.T) {
	f := newFixture(t)
	conn, err := f.pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(what int, padding string) {
		t.Helper()
		n, err := number(t.Context(), conn, clause{sql: fmt.Sprintf("SELECT %d + ?%s", what, padding), args: []any{1}})
		if err != nil || n != int64(what+1) {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	for name, c := range map[string]struct {
		ask            func()
		prepared, open int // by the session
	}{
		"one that is asked again is prepared once":     {func() { ask(1, ""); ask(1, ""); ask(1, "") }, 1, 1},
		"the oldest gives way":                         {func() { every(2*keptStatements, func(n int) { ask(100+n, "") }) }, 2 * keptStatements, keptStatements},
		"one of much text is closed when it has ended": {func() { ask(2, strings.Repeat(" ", keptText)) }, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			forget(t, conn)
			prepared, closed := status(t, conn, "Com_stmt_prepare"), status(t, conn, "Com_stmt_close")
			c.ask()
			prepared, closed = status(t, conn, "Com_stmt_prepare")-prepared, status(t, conn, "Com_stmt_close")-closed
			if prepared != c.prepared || prepared-closed != c.open {
				t.Errorf("%d were prepared, and %d are open; want %d and %d", prepared, prepared-closed, c.prepared, c.open)
			}
		})
	}
}

func every(n int, do func(int)) {
	for i := range n {
		do(i)
	}
}

// forget closes all that the connection has kept.
func forget(t *testing.T, conn *sql.Conn) {
	t.Helper()
	err := conn.Raw(func(raw any) error {
		k := raw.(*keeper)
		return k.forget(len(k.order))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASessionThatWasAskedAboutAQueryHasNoNotes(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id INT PRIMARY KEY)`)
	f.pool.SetMaxOpenConns(1)
	c, err := f.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve.Resolve(t.Context(), "SELECT id FROM users"); err != nil {
		t.Fatal(err)
	}
	var notes int
	if err := f.pool.QueryRowContext(t.Context(), `SELECT @@sql_notes`).Scan(&notes); err != nil || notes != 0 {
		t.Errorf("sql_notes is %d, %v", notes, err)
	}
}

func TestCatalogOfSomeTables(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(40) CHARACTER SET latin1 NOT NULL, at DATETIME(3), score DECIMAL(9,2),
			state ENUM('a', 'b'), twice BIGINT AS (score * 2), raw VARBINARY(9))`,
		`CREATE TABLE posts (b INT, a INT, c TEXT, PRIMARY KEY (a, b))`, `CREATE TABLE other (id INT PRIMARY KEY)`, `CREATE TABLE keyless (id INT)`,
		`CREATE VIEW seen AS SELECT * FROM users`)
	names := []string{"keyless", "posts", "seen", "users"}
	whole := func() (tables []mapping.LegacyTable) {
		t.Helper()
		c, err := f.Catalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if table := c.Table(name); table != nil {
				tables = append(tables, mapping.LegacyTable{Name: table.Name, Columns: table.Columns, PrimaryKey: table.PrimaryKey})
			}
		}
		return tables
	}
	for _, change := range []string{`DO 0`, `ALTER TABLE users MODIFY name VARCHAR(41)`, `ALTER TABLE posts DROP PRIMARY KEY, ADD PRIMARY KEY (b, a)`,
		`ALTER TABLE posts ADD d INT FIRST`, `DROP TABLE keyless`} {
		t.Run("is what the whole catalog has of them after "+change, func(t *testing.T) {
			before := whole()
			f.exec(t, change)
			got, err := f.CatalogOf(t.Context(), names)
			if err != nil {
				t.Fatal(err)
			}
			want := whole()
			if diff := cmp.Diff(want, sorted(got.Tables)); diff != "" {
				t.Error(diff)
			}
			if change != `DO 0` && cmp.Equal(before, want) {
				t.Error("nothing has changed")
			}
		})
	}
}

func sorted(tables []mapping.LegacyTable) []mapping.LegacyTable {
	byName := map[string]mapping.LegacyTable{}
	for _, table := range tables {
		byName[table.Name] = table
	}
	var out []mapping.LegacyTable
	for _, name := range []string{"keyless", "posts", "seen", "users"} {
		if table, there := byName[name]; there {
			out = append(out, table)
		}
	}
	return out
}

func TestCountsTogether(t *testing.T) {
	f, users := newShop(t)
	s := f.snapshot(t, Reading{Users: users})
	dear := linesPlan
	dear.Where = "l.price > 20"
	plans := []*mapping.RowPlan{&linesPlan, &boughtPlan, &dear}
	for name, slice := range map[string]shard.Slice{
		"of a range":     {Kind: shard.OfUsers, Range: keyspace.Range{After: keyspace.Key{"1"}, Through: keyspace.Key{"8"}}},
		"of all":         {Kind: shard.OfUsers},
		"of some users":  {Kind: shard.OfUsers, Only: []keyspace.Key{{"1"}, {"3"}}},
		"of nobody":      {Kind: shard.Unowned},
		"of a condition": {Kind: shard.OfUsers, Where: "id < 3"},
	} {
		t.Run("are those that each has alone: "+name, func(t *testing.T) {
			slice.Entry = &linesPlan
			var want []shard.Counted
			for _, p := range plans {
				source, err1 := s.Count(t.Context(), p, slice)
				left, err2 := s.LeftOut(t.Context(), p, slice)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				want = append(want, shard.Counted{Source: source, LeftOut: left})
			}
			got, err := s.Counts(t.Context(), plans, slice)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
	t.Run("an error says of which rows", func(t *testing.T) {
		bad := linesPlan
		bad.Where = "l.nothing = 1"
		_, err := s.Counts(t.Context(), []*mapping.RowPlan{&boughtPlan, &bad}, shard.Slice{Kind: shard.OfUsers})
		if err == nil || !strings.Contains(err.Error(), "leaves out") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWeighingManyRanges(t *testing.T) {
	f := newFixture(t, `CREATE TABLE users (id INT PRIMARY KEY)`, `INSERT INTO users SELECT seq FROM `+sequence(1, 500))
	users := mapping.Keyspace{From: "users", Table: "users", Key: "id", Kinds: []keyspace.Kind{keyspace.Integer}}
	plan := mapping.RowPlan{Into: "app.users", From: "users", Source: "users", SourceName: "users", User: "id", SourceKey: []string{"id"},
		SourceKinds: []keyspace.Kind{keyspace.Integer}}
	var cuts []keyspace.Key
	var want []int64
	for n, at := 1, 0; at+n < 500 && len(want) < 3*weighedAtOnce; n = 1 + n%9 {
		at += n
		cuts, want = append(cuts, keyspace.Key{strconv.Itoa(at)}), append(want, int64(n))
	}
	last, _ := strconv.Atoi(cuts[len(cuts)-1][0])
	got, err := f.Weigh(context.WithoutCancel(t.Context()), users, &plan, keyspace.Chain(cuts))
	if diff := cmp.Diff(append(want, int64(500-last)), got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestRoundTripsOfGatheringDoNotGrowWithUsers(t *testing.T) {
	f := withAttributes(t, "INT")
	crowd(t, f, 3000, "'home'")
	c := gathering(t, f)
	asked := func(users int) int {
		t.Helper()
		s := f.snapshot(t, Reading{Users: c.Keys})
		defer s.Close()
		before := status(t, s.conn, "Com_stmt_execute")
		slice, got := shard.Slice{Kind: shard.OfUsers, Range: keyspace.Range{Through: keyspace.Key{strconv.Itoa(users)}}}, map[string]gathered{}
		if err := gatheredRows(t, s, c.Plans[0], slice, got); err != nil || len(got) != users {
			t.Fatalf("%d users of %d, %v", len(got), users, err)
		}
		return status(t, s.conn, "Com_stmt_execute") - before
	}
	for range 2 {
		asked(3000) // by then it is known how large a batch may be
	}
	if many, few := asked(3000), asked(300); many != few {
		t.Errorf("%d statements for 3,000 users, %d for 300", many, few)
	}
}
