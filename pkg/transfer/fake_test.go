package transfer

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

// small is a mapping of users and their posts; a post's kind is a map that is not total.
const small = `
name: small
legacy: {dsn: "mysql://h/db"}
target: {dsn: "postgres://h/db"}
users: {from: users, key: id}
tables:
  - into: app.users
    from: users
    user: id
    columns: {id: id, name: name}
  - into: app.posts
    from: posts
    user: user_id
    unowned: reject
    columns:
      id: id
      user_id: user_id
      kind: {sql: kind, values: {q: question, a: answer}}
`

// answers is a legacy server that knows a type by a column's name.
type answers struct{}

func (answers) Resolve(_ context.Context, query string) (mapping.Resolved, error) {
	var out mapping.Resolved
	list, from, _ := strings.Cut(strings.TrimPrefix(query, "SELECT "), " FROM ")
	for _, expr := range strings.Split(list, ", ") {
		name := strings.Trim(expr, "()")
		out.Mentioned = append(out.Mentioned, mapping.LegacyColumnRef{Table: from, Column: name})
		kind := value.LegacyType{Name: "VARCHAR", Length: 50}
		if strings.HasSuffix(name, "id") {
			kind = value.LegacyType{Name: "INT"}
		}
		out.Types = append(out.Types, kind)
	}
	return out, nil
}

// compile compiles the small mapping.
func compile(t *testing.T) *mapping.Compiled {
	t.Helper()
	file, faults := mapping.Parse("small.yaml", []byte(small), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	integer := value.LegacyType{Name: "INT"}
	varchar := value.LegacyType{Name: "VARCHAR", Length: 50}
	legacy := &mapping.LegacyCatalog{Resolve: answers{}, Tables: []mapping.LegacyTable{
		{Name: "users", Columns: []mapping.LegacyColumn{{Name: "id", Type: integer}, {Name: "name", Type: varchar}}, PrimaryKey: []string{"id"}, Indexes: [][]string{{"id"}}},
		{Name: "posts", Columns: []mapping.LegacyColumn{{Name: "id", Type: integer}, {Name: "user_id", Type: integer}, {Name: "kind", Type: varchar}},
			PrimaryKey: []string{"id"}, Indexes: [][]string{{"id"}, {"user_id"}}},
	}}
	bigint := value.TargetType{OID: 20, Name: "bigint", Kind: 'b', Typmod: -1}
	text := value.TargetType{OID: 25, Name: "text", Kind: 'b', Typmod: -1}
	primary := []mapping.Unique{{Name: "pkey", Columns: []string{"id"}, Primary: true}}
	target := &mapping.TargetCatalog{Tables: []mapping.TargetTable{
		{Schema: "app", Name: "users", Kind: 'r', Uniques: primary, Columns: []mapping.TargetColumn{{Name: "id", Type: bigint, NotNull: true}, {Name: "name", Type: text}}},
		{Schema: "app", Name: "posts", Kind: 'r', Uniques: primary, Columns: []mapping.TargetColumn{
			{Name: "id", Type: bigint, NotNull: true}, {Name: "user_id", Type: bigint, NotNull: true}, {Name: "kind", Type: text}}},
	}}
	c, _, err := mapping.Compile(t.Context(), file, legacy, target)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A post is a row of the fake legacy database.
type post struct {
	id, user int
	kind     string
}

// A legacy is a source in memory: users in order of their keys, and their posts.
type legacy struct {
	users    []int
	posts    []post
	warnings map[int]bool // users whose posts raise a warning when they are read
	again    map[int]int  // posts that a join makes a second row of, with that row's id in the target
	reads    int
}

func (l *legacy) Position() string { return "bin.1:7" }

func (l *legacy) in(s shard.Slice, user int) bool {
	after, through := 0, 1<<30
	if s.Range.After != nil {
		after, _ = strconv.Atoi(s.Range.After[0])
	}
	if s.Range.Through != nil {
		through, _ = strconv.Atoi(s.Range.Through[0])
	}
	if s.Only != nil && !slices.ContainsFunc(s.Only, func(k keyspace.Key) bool { return k[0] == strconv.Itoa(user) }) {
		return false
	}
	return user > after && user <= through
}

func (l *legacy) Units(_ context.Context, s shard.Slice) (units []keyspace.Key, err error) {
	for _, user := range l.users {
		if s.Kind.ByUser() && l.in(s, user) {
			units = append(units, keyspace.Key{strconv.Itoa(user)})
		}
	}
	for _, p := range l.posts {
		if s.Kind == shard.Unowned && !slices.Contains(l.users, p.user) {
			units = append(units, keyspace.Key{strconv.Itoa(p.id)})
		}
	}
	return units, nil
}

func (l *legacy) rows(e *mapping.RowPlan, s shard.Slice) (rows []shard.Row) {
	row := func(unit, id int, cells ...string) {
		out := shard.Row{Unit: []byte(strconv.Itoa(unit)), Key: keyspace.Key{strconv.Itoa(id)}}
		for _, cell := range cells {
			out.Cells = append(out.Cells, value.Cell(cell))
		}
		rows = append(rows, out)
	}
	if e.Into == "app.users" {
		for _, user := range l.users {
			if l.in(s, user) {
				row(user, user, strconv.Itoa(user), "user "+strconv.Itoa(user))
			}
		}
		return rows
	}
	for _, p := range l.posts {
		known := slices.Contains(l.users, p.user)
		switch {
		case s.Kind == shard.Unowned && !known:
			row(p.id, p.id, strconv.Itoa(p.id), strconv.Itoa(p.user), p.kind)
		case s.Kind.ByUser() && (known || s.Has != nil) && l.in(s, p.user):
			row(p.user, p.id, strconv.Itoa(p.id), strconv.Itoa(p.user), p.kind)
			if id, again := l.again[p.id]; again {
				row(p.user, p.id, strconv.Itoa(id), strconv.Itoa(p.user), p.kind)
			}
		}
	}
	return rows
}

func (l *legacy) Counts(_ context.Context, entries []*mapping.RowPlan, s shard.Slice) (out []shard.Counted, err error) {
	s.Has = nil
	for _, e := range entries {
		sources := map[string]bool{}
		for _, row := range l.rows(e, s) {
			sources[row.Key[0]] = true
		}
		out = append(out, shard.Counted{Source: int64(len(sources))})
	}
	return out, nil
}

func (l *legacy) Rows(_ context.Context, e *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	l.reads++
	warned := false
	for _, row := range l.rows(e, s) {
		unit, _ := strconv.Atoi(string(row.Unit))
		warned = warned || l.warnings[unit]
		if s.Has != nil && !s.Has(row.Unit) {
			continue
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	if warned {
		return shard.Fail(shard.Data, "warning:"+e.Into, errors.New("the server raised a warning"))
	}
	return nil
}

// A target is a transaction in memory: tables of tuples by key, and savepoints.
type target struct {
	rows     map[string][]byte // table and key to tuple
	saved    []map[string][]byte
	poison   func(e *mapping.RowPlan, row shard.Arrived) string // the cause for which the target refuses a row
	spoil    func(tuple []byte) []byte                          // what the target stores instead; nil for just that
	twice    int                                                // how often a row comes back too many times
	lose     int                                                // rows that are not found again
	copies   int
	finished bool
	deferred string // the user whose row a deferred constraint refuses
}

func (t *target) Savepoint(context.Context) error {
	t.saved = append(t.saved, maps.Clone(t.rows))
	return nil
}

func (t *target) Undo(context.Context) error {
	t.rows, t.saved = t.saved[len(t.saved)-1], t.saved[:len(t.saved)-1]
	return nil
}

func (t *target) Keep(context.Context) error {
	t.saved = t.saved[:len(t.saved)-1]
	return nil
}

func (t *target) Copy(_ context.Context, w *shard.Window) error {
	t.copies++
	if t.rows == nil {
		t.rows = map[string][]byte{}
	}
	for i, tuple := range tuples(w) {
		if t.poison != nil {
			if cause := t.poison(w.Entry, w.Rows[i]); cause != "" {
				return shard.Fail(shard.Data, cause, errors.New("the target refuses a row"))
			}
		}
		key := w.Entry.Into + string(w.Rows[i].TargetKey)
		if _, there := t.rows[key]; there {
			return shard.Fail(shard.Data, "unique:"+w.Entry.Into+".pkey", errors.New("duplicate key"))
		}
		t.rows[key] = bytes.Clone(tuple)
	}
	return nil
}

// tuples splits a window, whose rows have known keys, by encoding lengths.
func tuples(w *shard.Window) (out [][]byte) {
	rest := w.Tuples
	for range w.Rows {
		at := 2
		for range w.Entry.Columns {
			size := int(int32(uint32(rest[at])<<24 | uint32(rest[at+1])<<16 | uint32(rest[at+2])<<8 | uint32(rest[at+3])))
			at += 4 + max(0, size)
		}
		out, rest = append(out, rest[:at]), rest[at:]
	}
	return out
}

func (t *target) Send(context.Context, *shard.Window) error { return nil }

func (t *target) ReadBack(_ context.Context, w *shard.Window, yield func(int, []byte) error) error {
	for i, row := range w.Rows {
		if i < t.lose {
			continue
		}
		tuple := t.rows[w.Entry.Into+string(row.TargetKey)]
		if t.spoil != nil {
			tuple = t.spoil(bytes.Clone(tuple))
		}
		for range 1 + t.twice {
			if err := yield(i, tuple); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *target) Existing(_ context.Context, e *mapping.RowPlan, keys [][]byte) (there [][]byte, err error) {
	for _, key := range keys {
		if _, ok := t.rows[e.Into+string(key)]; ok {
			there = append(there, key)
		}
	}
	return there, nil
}

func (t *target) Finish(context.Context) error {
	t.finished = true
	for key := range t.rows {
		if t.deferred != "" && strings.HasPrefix(key, "app.users") && strings.Contains(string(t.rows[key]), "user "+t.deferred) {
			return shard.Fail(shard.Data, "check:app.users.deferred", errors.New("a deferred constraint refuses a row"))
		}
	}
	return nil
}

func (t *target) Seal(ctx context.Context) error {
	if err := t.Finish(ctx); err != nil {
		return err
	}
	return t.Keep(ctx)
}

// A book is the ledger's part of the transaction.
type book struct {
	held    map[string]bool
	blocks  int
	kept    []shard.Original
	outcome *shard.Outcome
}

func (b *book) Originals(_ context.Context, _ []keyspace.Key, originals []shard.Original) error {
	b.kept = append(b.kept, originals...)
	return nil
}

func (b *book) Held(_ context.Context, _ *shard.Shard, users []keyspace.Key) (map[int]bool, error) {
	held := map[int]bool{}
	for i, user := range users {
		if b.held[user[0]] {
			held[i] = true
		}
	}
	return held, nil
}

func (b *book) Blocks(_ context.Context, blocks []shard.Block) error {
	b.blocks += len(blocks)
	return nil
}

func (b *book) Close(_ context.Context, o shard.Outcome) error {
	b.outcome = &o
	return nil
}
