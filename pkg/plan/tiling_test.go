package plan_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"rehome/pkg/keyspace"
	"rehome/pkg/legacy"
	"rehome/pkg/mapping"
	"rehome/pkg/plan"
	"rehome/pkg/sandbox"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

func TestMain(m *testing.M) { sandbox.Main(m) }

// A keyType is a type that keys of users have, with values of it as SQL; child is another spelling of the same key.
type keyType struct {
	name   string
	column string
	value  func(r *rand.Rand, n int) (own, child string)
}

func same(text string) (string, string) { return text, text }

var keyTypes = []keyType{
	{"signed", "INT", func(r *rand.Rand, n int) (string, string) { return same(fmt.Sprint(n*7 + r.IntN(7))) }},
	{"negative", "BIGINT", func(r *rand.Rand, n int) (string, string) { return same(fmt.Sprint((n*7 + r.IntN(7)) - 200)) }},
	{"unsigned beyond the signed", "BIGINT UNSIGNED", func(r *rand.Rand, n int) (string, string) {
		return same(fmt.Sprint(uint64(1<<63) - 100 + uint64(n*3+r.IntN(3))))
	}},
	{"text of any case", "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", func(r *rand.Rand, n int) (string, string) {
		text := fmt.Sprintf("%c%s%d", 'a'+r.IntN(26), []string{"", "é", "ß", "_", "Ω"}[r.IntN(5)], n)
		return "'" + text + "'", []string{"'" + text + "'", "'" + strings.ToUpper(text[:1]) + text[1:] + "'", "'" + text + "  '"}[r.IntN(3)]
	}},
	{"binary(16)", "BINARY(16)", func(r *rand.Rand, n int) (string, string) { return same(fmt.Sprintf("x'%016x%016x'", r.Uint64(), n)) }},
	{"char(36)", "CHAR(36) CHARACTER SET ascii", func(r *rand.Rand, n int) (string, string) {
		return same(fmt.Sprintf("'%08x-0000-4000-8000-%012x'", r.Uint32(), n))
	}},
}

// FuzzTiling makes populations with every kind of key, plans them, and reads all shards as a worker would: each user is in exactly one shard of
// the waves, and each child row in exactly one shard of its user or of rows without a user.
func FuzzTiling(f *testing.F) {
	for kind := range keyTypes {
		f.Add(uint64(kind+1), uint8(kind), uint8(30), uint16(20), uint8(kind%3))
	}
	f.Add(uint64(9), uint8(0), uint8(0), uint16(5), uint8(2))
	f.Add(uint64(10), uint8(3), uint8(60), uint16(3), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, kind, users uint8, shardRows uint16, waves uint8) {
		k := keyTypes[int(kind)%len(keyTypes)]
		w := newTiling(t, k, rand.New(rand.NewPCG(seed, 1)), int(users)%80, 1+int(shardRows)%200, int(waves)%3)
		if err := w.check(t); err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
	})
}

// A tiling is a planned population.
type tiling struct {
	db            *legacy.DB
	mapping       *mapping.Compiled
	plan          *plan.Plan
	users, posts  int
	ownedPosts    int
	usersIn       map[string]int // users by how many shards have read them
	postsIn       map[string]int
	ownedPostsHad int
}

func newTiling(t *testing.T, k keyType, r *rand.Rand, users, shardRows, waves int) *tiling {
	t.Helper()
	w := &tiling{users: users, usersIn: map[string]int{}, postsIn: map[string]int{}}
	dsn := sandbox.MariaDB(t)
	admin, err := sandbox.Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	statements := []string{
		`CREATE TABLE users (id ` + k.column + ` PRIMARY KEY, cohort INT)`,
		`CREATE TABLE posts (id INT PRIMARY KEY AUTO_INCREMENT, owner ` + k.column + ` NULL, KEY (owner))`,
	}
	post := func(owner string, owned bool) {
		statements = append(statements, `INSERT INTO posts (owner) VALUES (`+owner+`)`)
		w.posts++
		if owned {
			w.ownedPosts++
		}
	}
	for n := range users {
		own, _ := k.value(rand.New(rand.NewPCG(uint64(n), 7)), n)
		cohort := []string{"NULL", "1", "2", "3"}[r.IntN(4)]
		statements = append(statements, `INSERT INTO users VALUES (`+own+`, `+cohort+`)`)
		for range r.IntN(3) * r.IntN(3) * r.IntN(4) {
			_, child := k.value(rand.New(rand.NewPCG(uint64(n), 7)), n)
			post(child, true)
		}
	}
	for n := range r.IntN(10) {
		stranger, _ := k.value(r, users+1+n)
		post(stranger, false)
		post("NULL", false)
	}
	if _, err := admin.ExecContext(t.Context(), strings.Join(statements, ";")); err != nil {
		t.Fatal(err)
	}
	w.open(t, dsn)
	w.compile(t, shardRows, waves)
	if w.plan, err = plan.Make(t.Context(), w.mapping, w.db, shard.ID{Migration: "tiling"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *tiling) open(t *testing.T, dsn string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the sandbox's DSN is no URL")
	}
	config := mysql.NewConfig()
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName, config.Collation = "tcp", u.Host, strings.TrimPrefix(u.Path, "/"), "utf8mb4_bin"
	if w.db, err = legacy.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
}

func (w *tiling) compile(t *testing.T, shardRows, waves int) {
	t.Helper()
	text := fmt.Sprintf("name: tiling\nusers: {from: users, key: id, shard_rows: %d}\n", shardRows)
	if waves > 0 {
		text += "waves:\n"
		for n := range waves {
			text += fmt.Sprintf("  - {name: wave%d, where: cohort <= %d}\n", n, n+1)
		}
		text += "  - {name: others}\n"
	}
	text += `tables:
  - {into: app.users, from: users, user: id, columns: {id: {uuid: user, of: id}}, ignore: {cohort: for the waves}}
  - {into: app.posts, from: posts, user: owner, unowned: migrate, columns: {id: {uuid: post, of: id}}}
`
	file, faults := mapping.Parse("tiling.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	from, err := w.db.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := &mapping.TargetCatalog{Server: "PostgreSQL"}
	for _, name := range []string{"users", "posts"} {
		to.Tables = append(to.Tables, mapping.TargetTable{Schema: "app", Name: name, Kind: 'r',
			Columns: []mapping.TargetColumn{{Name: "id", Type: value.TargetType{OID: 2950, Name: "uuid", Kind: 'b', Typmod: -1}, NotNull: true}},
			Uniques: []mapping.Unique{{Name: name + "_pkey", Columns: []string{"id"}, Primary: true}}})
	}
	if w.mapping, _, err = mapping.Compile(t.Context(), file, from, to); err != nil {
		t.Fatal(err)
	}
}

// check reads all shards but the tail's, and reports what was not read once.
func (w *tiling) check(t *testing.T) error {
	t.Helper()
	s, err := w.db.Snapshot(t.Context(), legacy.Reading{Users: w.mapping.Keys})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	held := map[string]bool{}
	for i := range w.plan.Shards {
		if err := w.read(t, s, &w.plan.Shards[i], held); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	for key, n := range w.usersIn {
		if n != 1 {
			return fmt.Errorf("user %q is in %d shards", key, n)
		}
	}
	for key, n := range w.postsIn {
		if n != 1 {
			return fmt.Errorf("post %s is in %d shards", key, n)
		}
	}
	if diff := cmp.Diff([]int64{int64(w.users), int64(w.posts)}, w.plan.Rows); diff != "" {
		return fmt.Errorf("planned rows: %s", diff)
	}
	if len(w.usersIn) != w.users || len(w.postsIn) != w.posts || w.ownedPostsHad != w.ownedPosts {
		return fmt.Errorf("%d of %d users were read, %d of %d posts, %d of %d with a user",
			len(w.usersIn), w.users, len(w.postsIn), w.posts, w.ownedPostsHad, w.ownedPosts)
	}
	return nil
}

// read reads one shard. A wave takes whom no wave before it holds.
func (w *tiling) read(t *testing.T, s *legacy.Snapshot, sh *shard.Shard, held map[string]bool) error {
	t.Helper()
	slice := shard.Slice{Kind: sh.Kind, Range: sh.Range}
	if !sh.Kind.ByUser() {
		slice.Entry = w.mapping.Plans[sh.Entry]
	} else if sh.Kind == shard.OfUsers && w.mapping.File.Waves[sh.Wave].Where != nil {
		slice.Where = w.mapping.File.Waves[sh.Wave].Where.SQL
	}
	units, err := s.Units(t.Context(), slice)
	if err != nil {
		return err
	}
	if sh.Kind.ByUser() {
		var left []keyspace.Key
		for _, key := range units {
			if !held[string(key.Canonical())] {
				left = append(left, key)
			}
		}
		if len(left) == 0 {
			return nil
		}
		slice.Only = left
	}
	known := map[string]bool{}
	for _, key := range slice.Only {
		known[string(key.Canonical())], held[string(key.Canonical())] = true, true
	}
	for _, p := range w.mapping.Plans {
		if !sh.Kind.ByUser() && p.Ordinal != sh.Entry {
			continue
		}
		if err := w.rows(t, s, sh, p, slice, known); err != nil {
			return err
		}
	}
	return nil
}

func (w *tiling) rows(t *testing.T, s *legacy.Snapshot, sh *shard.Shard, p *mapping.RowPlan, slice shard.Slice, known map[string]bool) error {
	t.Helper()
	n, err := s.Count(t.Context(), p, slice)
	if err != nil {
		return err
	}
	err = s.Rows(t.Context(), p, slice, func(row shard.Row) error {
		n--
		if sh.Kind.ByUser() && !known[string(row.Unit)] {
			return fmt.Errorf("a row of %s is of user %q, who is not in the shard", p.Source, row.Unit)
		}
		switch {
		case p.Source == "users":
			w.usersIn[string(row.Key.Canonical())]++
		case sh.Kind.ByUser():
			w.ownedPostsHad++
			w.postsIn[string(row.Key.Canonical())]++
		default:
			w.postsIn[string(row.Key.Canonical())]++
		}
		return nil
	})
	if err == nil && n != 0 {
		err = fmt.Errorf("%d rows of %s were counted that were not read", n, p.Source)
	}
	return err
}
