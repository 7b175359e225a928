package target

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rehome/pkg/checksum"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A version of a row by its key: what the rest of its columns are.
type versions map[int]string

// A contest is a comparison of rows of entries whose tables have an int4 key, and columns of texts or int4.
type contest struct {
	testing.TB
	tx    *Tx
	plans []*mapping.RowPlan
}

func newContest(t testing.TB, conn *pgx.Conn, plans ...*mapping.RowPlan) *contest {
	t.Helper()
	_, tx := begin(t, conn)
	must(t, tx.Clear(t.Context(), plans))
	return &contest{t, tx, plans}
}

// tuple spells a row of an entry: its key, then the other columns, separated by commas, - for NULL.
func (c *contest) tuple(e *mapping.RowPlan, key int, rest string) []byte {
	values := [][]byte{int4of(key)}
	for i, text := range strings.Split(rest, ",") {
		switch {
		case text == "-":
			values = append(values, nil)
		case e.Columns[i+1].Type.Name == "integer":
			var n int
			fmt.Sscan(text, &n)
			values = append(values, int4of(n))
		default:
			values = append(values, []byte(text))
		}
	}
	return appendTuple(nil, values)
}

// stage brings new rows and those that the manifests know, each of the unit that is its key.
func (c *contest) stage(e *mapping.RowPlan, fresh, base versions) {
	c.Helper()
	var staged []shard.Staged
	for key, rest := range fresh {
		staged = append(staged, shard.Staged{Unit: int32(key), LegacyKey: []byte{1, byte(key)}, Tuple: c.tuple(e, key, rest)})
	}
	must(c, c.tx.Stage(c.Context(), e, staged))
	var rows []shard.Arrived
	for key, rest := range base {
		rows = append(rows, shard.Arrived{Unit: int32(key), LegacyKey: []byte{1, byte(key)}, TargetKey: appendField(nil, int4of(key)),
			Digest: checksum.Row(e.Into, c.tuple(e, key, rest))})
	}
	must(c, c.tx.Base(c.Context(), e, rows))
}

// compare decides what is plain: insert what is new, update what differs, delete what went.
func (c *contest) compare() {
	c.Helper()
	for _, e := range c.plans {
		must(c, c.tx.Compare(c.Context(), e, func(r *shard.Compared) shard.Decision {
			switch {
			case r.New == nil && r.Now == nil:
				return shard.Decision{Action: shard.Forget}
			case r.New == nil && *r.Base != checksum.Row(e.Into, r.Now):
				return shard.Decision{Action: shard.Leave, Conflict: shard.ConflictChanged}
			case r.New == nil:
				return shard.Decision{Action: shard.Delete}
			case r.Now == nil:
				return shard.Decision{Action: shard.Insert}
			case string(r.New.Tuple) == string(r.Now):
				return shard.Decision{Action: shard.Keep}
			}
			return shard.Decision{Action: shard.Update}
		}))
	}
}

// decided returns what was decided about each key, as table, unit, action, conflict and cause.
func (c *contest) decided() (out []string) {
	c.Helper()
	for _, e := range c.plans {
		must(c, c.tx.Decided(c.Context(), e, func(d *shard.Decided) error {
			out = append(out, strings.TrimRight(fmt.Sprintf("%s %d %c %s %s", strings.TrimPrefix(e.Into, "app."), d.Unit, d.Action, d.Conflict, d.Cause), " "))
			return nil
		}, func() error { return nil }))
	}
	return out
}

// finish resolves, writes and makes constraints act.
func (c *contest) finish() {
	c.Helper()
	must(c, c.tx.Resolve(c.Context()))
	must(c, c.tx.Write(c.Context()))
	must(c, c.tx.Finish(c.Context()))
}

func (c *contest) rows(table string) string {
	c.Helper()
	var out string
	must(c, c.tx.conn.QueryRow(c.Context(), `SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM `+table+` AS t`).Scan(&out))
	return out
}

const forum = `
	CREATE SCHEMA app;
	CREATE TABLE app.users (id int PRIMARY KEY, name text, friend int REFERENCES app.users);
	CREATE TABLE app.posts (id int PRIMARY KEY, author int NOT NULL REFERENCES app.users ON DELETE CASCADE, title text UNIQUE);
	CREATE TABLE app.likes (post int REFERENCES app.posts ON DELETE CASCADE, who text);`

func TestRedoWrites(t *testing.T) {
	conn, _ := open(t, forum)
	users, posts := plan(t, conn, "app.users", 1, "id", "name", "friend"), plan(t, conn, "app.posts", 1, "id", "author", "title")
	posts.Ordinal = 1
	t.Run("rows that need each other come in together, and those that changed or went do so with them", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', NULL), (9, 'old', 1); INSERT INTO app.posts VALUES (90, 9, 't')`)
		c := newContest(t, conn, posts, users)
		c.stage(posts, versions{91: "2,t"}, versions{90: "9,t"})
		c.stage(users, versions{1: "A,2", 2: "b,3", 3: "c,2"}, versions{1: "a,-", 9: "old,1"})
		c.compare()
		c.finish()
		if got := c.rows("app.users") + " " + c.rows("app.posts"); got != "(1,A,2) (2,b,3) (3,c,2) (91,2,t)" {
			t.Error(got)
		}
	})
	t.Run("what needs a row that is not there waits, and so does what needs that", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE`)
		c := newContest(t, conn, users, posts)
		c.stage(users, versions{1: "a,7", 2: "b,1", 3: "c,-"}, nil)
		c.stage(posts, versions{10: "1,t", 30: "3,u"}, nil)
		c.compare()
		c.finish()
		want := []string{"users 1 w  waits:app.users.friend", "users 2 w  waits:app.users.friend", "users 3 i", "posts 10 w  waits:app.posts.author", "posts 30 i"}
		if diff := cmp.Diff(want, c.decided()); diff != "" {
			t.Error(diff)
		}
		var keys []string
		must(t, c.tx.Decided(t.Context(), users, func(d *shard.Decided) error { keys = append(keys, d.Needs+" "+string(d.NeedsKey)); return nil }, func() error { return nil }))
		if keys[0] != "app.users "+string(appendField(nil, int4of(7))) {
			t.Errorf("needs %q", keys)
		}
	})
	t.Run("what we left goes when what it would become has to wait", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', NULL), (2, 'b', 3), (3, 'c', NULL)`)
		c := newContest(t, conn, users)
		c.stage(users, versions{1: "a,7", 2: "b,3"}, versions{1: "a,-", 2: "b,3", 3: "c,-"})
		c.compare()
		c.finish()
		if diff := cmp.Diff([]string{"users 1 v  waits:app.users.friend", "users 2 v  waits:app.users.friend", "users 3 d"}, c.decided()); diff != "" {
			t.Error(diff)
		}
		if got := c.rows("app.users"); got != "" {
			t.Error(got)
		}
	})
	t.Run("rows to which others refer stay, and so does all that they need", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', NULL), (2, 'b', NULL); INSERT INTO app.posts VALUES (10, 1, 't'), (20, 2, 'u');
			INSERT INTO app.likes VALUES (10, 'somebody')`)
		c := newContest(t, conn, users, posts)
		c.stage(users, nil, versions{1: "a,-", 2: "b,-"})
		c.stage(posts, nil, versions{10: "1,t", 20: "2,u"})
		c.compare()
		c.finish()
		if diff := cmp.Diff([]string{"users 1 c referred", "users 2 d", "posts 10 c referred", "posts 20 d"}, c.decided()); diff != "" {
			t.Error(diff)
		}
		if got := c.rows("app.users") + c.rows("app.posts") + c.rows("app.likes"); got != "(1,a,)(10,1,t)(10,somebody)" {
			t.Error(got)
		}
	})
	t.Run("what would wait for a row that went does not, where that row stays", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', NULL), (2, 'b', 1); INSERT INTO app.posts VALUES (10, 1, 't')`)
		c := newContest(t, conn, users)
		c.stage(users, versions{2: "b,1"}, versions{1: "a,-", 2: "b,1"})
		c.compare()
		c.finish()
		if diff := cmp.Diff([]string{"users 1 c referred", "users 2 k"}, c.decided()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nor does what would wait for a row that would have to wait itself, where that one stays", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', NULL), (2, 'b', 1); INSERT INTO app.posts VALUES (10, 1, 't')`)
		c := newContest(t, conn, users)
		c.stage(users, versions{1: "a,7", 2: "b,1"}, versions{1: "a,-", 2: "b,1"})
		c.compare()
		c.finish()
		if diff := cmp.Diff([]string{"users 1 c referred waits:app.users.friend", "users 2 k  waits:app.users.friend"}, c.decided()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a refused unit with a conflict is spared, and what it holds stays", func(t *testing.T) {
		run(t, conn, `TRUNCATE app.users CASCADE; INSERT INTO app.users VALUES (1, 'a', 2), (2, 'b', NULL); INSERT INTO app.posts VALUES (1, 1, 'theirs')`)
		c := newContest(t, conn, users, posts)
		c.stage(users, nil, versions{1: "a,2", 2: "b,-"})
		c.stage(posts, nil, versions{1: "1,ours"})
		c.compare()
		must(t, c.tx.Resolve(t.Context()))
		blocked, err := c.tx.Blocked(t.Context(), []int32{1, 2})
		must(t, err)
		if !slices.Equal(blocked, []int32{1, 2}) { // 2 is referred to by 1, which is referred to by its post
			t.Errorf("blocked %v", blocked)
		}
		must(t, c.tx.Spare(t.Context(), blocked))
		c.finish()
		if got := c.rows("app.users") + c.rows("app.posts"); got != "(1,a,2) (2,b,)(1,1,theirs)" {
			t.Error(got)
		}
	})
}

func TestRedoLooks(t *testing.T) {
	conn, config := open(t, forum, `INSERT INTO app.users VALUES (1, 'a', NULL), (2, 'b', NULL); INSERT INTO app.posts VALUES (10, 1, 't'), (11, 1, 'new'), (12, 1, 'liked');
		INSERT INTO app.likes VALUES (12, 'somebody')`)
	users, posts := plan(t, conn, "app.users", 1, "id", "name", "friend"), plan(t, conn, "app.posts", 1, "id", "author", "title")
	posts.Ordinal = 1
	none := func() error { return nil }
	t.Run("nobody changes a row between its comparison and the end, nor begins to refer to it", func(t *testing.T) {
		c := newContest(t, conn, users)
		c.stage(users, versions{1: "b,-"}, versions{2: "b,-"})
		c.compare()
		other := session(t, config)
		run(t, other, `SET lock_timeout = '50ms'`)
		for _, statement := range []string{`UPDATE app.users SET name = 'x' WHERE id = 1`, `DELETE FROM app.users WHERE id = 2`, `INSERT INTO app.posts VALUES (77, 2, 'x')`} {
			if _, err := other.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "55P03") {
				t.Errorf("%s: %v, want lock_not_available", statement, err)
			}
		}
		must(t, c.tx.run(t.Context(), "end", "ROLLBACK"))
	})
	t.Run("a key that two rows have is found, of whichever units", func(t *testing.T) {
		c := newContest(t, conn, users, posts)
		c.stage(users, versions{1: "a,-"}, nil)
		must(t, c.tx.Stage(t.Context(), users, []shard.Staged{{Unit: 5, Tuple: c.tuple(users, 1, "x,-")}}))
		c.stage(posts, versions{1: "1,x"}, nil)
		got, err := c.tx.Duplicates(t.Context())
		must(t, err)
		if len(got) != 2 || got[1] != users || got[5] != users {
			t.Errorf("got %v", got)
		}
		must(t, c.tx.Unstage(t.Context(), []int32{1, 5}))
		if got, err = c.tx.Duplicates(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("a staged row whose key is taken by a row that is not based is a stranger's", func(t *testing.T) {
		c := newContest(t, conn, users)
		c.stage(users, versions{1: "a,-", 2: "b,-", 3: "c,-"}, versions{1: "a,-"})
		var got []int32
		must(t, c.tx.Strangers(t.Context(), users, func(unit int32, _ []byte) error { got = append(got, unit); return nil }, none))
		if !slices.Equal(got, []int32{2}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("rows of a user that nobody compared are strays, and those to which nobody refers can be taken out", func(t *testing.T) {
		c := newContest(t, conn, posts)
		c.stage(posts, versions{10: "1,t"}, versions{10: "1,t"})
		c.compare()
		var keys [][]byte
		must(t, c.tx.Strays(t.Context(), posts, 1, [][]byte{appendField(nil, int4of(1))}, func(key, value []byte) error {
			if string(value) != string(appendField(nil, int4of(1))) {
				t.Errorf("value %x", value)
			}
			keys = append(keys, key)
			return nil
		}, none))
		if len(keys) != 2 {
			t.Fatalf("%d strays", len(keys))
		}
		var gone []string
		must(t, c.tx.Remove(t.Context(), posts, keys, func(_, tuple []byte) error { gone = append(gone, string(tuple)); return nil }))
		if want := string(c.tuple(posts, 11, "1,new")); len(gone) != 1 || gone[0] != want {
			t.Errorf("gone %q", gone)
		}
	})
	t.Run("what a unique index allows once is what the index itself takes for the same", func(t *testing.T) {
		conn, _ := open(t, `CREATE SCHEMA app`, `CREATE EXTENSION citext SCHEMA public`,
			`CREATE TABLE app.members (id int PRIMARY KEY, mail public.citext UNIQUE, nick text, CONSTRAINT nicks UNIQUE NULLS NOT DISTINCT (nick))`,
			`INSERT INTO app.members VALUES (1, 'A@x', 'a'), (2, 'b@x', NULL)`)
		members := plan(t, conn, "app.members", 1, "id", "mail", "nick")
		c := newContest(t, conn, members)
		c.stage(members, versions{3: "a@X,c", 4: "d@x,-", 5: "e@x,E", 6: "E@x,f", 7: "g@x,A"}, nil)
		var got []string
		must(t, c.tx.Taken(t.Context(), members, func(unit int32, name string, _ []byte) error {
			got = append(got, fmt.Sprint(unit, " ", name))
			return nil
		}, none))
		slices.Sort(got)
		if want := []string{"3 members_mail_key", "4 nicks", "5 members_mail_key", "6 members_mail_key"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
