package audit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
	"rehome/pkg/value"
)

const small = `
name: small
legacy: {dsn: "mysql://h/db"}
target: {dsn: "postgres://h/db"}
users: {from: users, key: id}
tables:
  - {into: app.users, from: users, user: id, columns: {id: id, name: {sql: name, steps: [trim]}, ref: {uuid: user, of: id}}}
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
		if name == "id" {
			kind = value.LegacyType{Name: "INT"}
		}
		out.Types = append(out.Types, kind)
	}
	return out, nil
}

func compile(t *testing.T) *mapping.Compiled {
	t.Helper()
	file, faults := mapping.Parse("small.yaml", []byte(small), func(string) (string, bool) { return "", false })
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	legacy := &mapping.LegacyCatalog{Resolve: answers{}, Tables: []mapping.LegacyTable{{
		Name: "users", PrimaryKey: []string{"id"}, Indexes: [][]string{{"id"}},
		Columns: []mapping.LegacyColumn{{Name: "id", Type: value.LegacyType{Name: "INT"}}, {Name: "name", Type: value.LegacyType{Name: "VARCHAR", Length: 50}}},
	}}}
	typ := func(oid uint32, name string) value.TargetType {
		return value.TargetType{OID: oid, Name: name, Kind: 'b', Typmod: -1}
	}
	ref := typ(2950, "uuid")
	target := &mapping.TargetCatalog{Tables: []mapping.TargetTable{{
		Schema: "app", Name: "users", Kind: 'r', Uniques: []mapping.Unique{{Name: "pkey", Columns: []string{"ref"}, Primary: true}},
		Columns: []mapping.TargetColumn{{Name: "id", Type: typ(20, "bigint"), NotNull: true}, {Name: "name", Type: typ(25, "text")}, {Name: "ref", Type: ref, NotNull: true}},
	}}}
	c, _, err := mapping.Compile(t.Context(), file, legacy, target)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A world is both sides and the ledger, in memory. Rows are users by their key, with a name.
type world struct {
	t       *testing.T
	mapping *mapping.Compiled
	plain   map[int]string // what the audit reads of the legacy database
	rows    map[int]string // what the migration reads of it
	stored  map[int]string // what stands in the target
	printed map[int]string // what the target prints of a name, where that is something else
	arrived map[int]string // what the manifest knows
	waiting map[int]bool
	appear  []keyspace.Key
	moved   int // a row whose legacy key is among the stashed ones

	taken   map[int]bool
	stash   []shard.Unmatched
	told    bool
	windows int
	result  *shard.AuditResult
}

func newWorld(t *testing.T, names ...string) *world {
	w := &world{t: t, mapping: compile(t), plain: map[int]string{}, rows: map[int]string{}, stored: map[int]string{}, printed: map[int]string{},
		arrived: map[int]string{}, waiting: map[int]bool{}, taken: map[int]bool{}}
	for i, name := range names {
		w.plain[i+1], w.rows[i+1] = name, name
		w.stored[i+1], w.arrived[i+1] = strings.TrimSpace(name), strings.TrimSpace(name)
	}
	return w
}

// audit audits the world and returns the counts of rows by class, and the findings as CLASS ID COLUMNS.
func (w *world) audit(limits Limits) (map[shard.Class]int64, []string) {
	w.t.Helper()
	a := Auditor{Mapping: w.mapping, Zone: time.UTC, Limits: limits}
	s := &shard.Shard{ID: shard.ID{Migration: "small"}, Kind: shard.Audit, Of: shard.OfUsers, Entry: -1}
	r, err := a.Audit(w.t.Context(), s, source{w}, w, book{w})
	if err != nil {
		w.t.Fatal(err)
	}
	counts := map[shard.Class]int64{}
	for _, c := range r.Counts {
		if c.Column == "" {
			counts[c.Class] += c.Rows
		}
	}
	var found []string
	for _, f := range r.Findings {
		found = append(found, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Class, f.User, strings.Join(f.Columns, " "))))
	}
	return counts, found
}

func (w *world) tuple(id int, name string) []byte {
	tuple, e := w.mapping.Plans[0].NewEncoder().Encode(nil, []byte(strconv.Itoa(id)), []value.Cell{value.Cell(strconv.Itoa(id)), value.Cell(name), value.Cell(strconv.Itoa(id))})
	if e.Ending != mapping.Written {
		w.t.Fatal(e.Cause)
	}
	return tuple
}

func (w *world) pair(id int) shard.Pair {
	return shard.Pair{TargetKey: w.mapping.Plans[0].TupleKey(nil, w.tuple(id, "")), LegacyKey: keyspace.Key{strconv.Itoa(id)}.Marshal()}
}

func (w *world) id(targetKey []byte) int {
	for id := range 100 {
		if string(w.pair(id).TargetKey) == string(targetKey) {
			return id
		}
	}
	return -1
}

func (w *world) read(from map[int]string, s shard.Slice, yield func(shard.Row) error) error {
	for id := range 100 {
		name, there := from[id]
		key := keyspace.Key{strconv.Itoa(id)}
		if wanted := s.Only == nil || containsKey(s.Only, key); !there || !wanted {
			continue
		}
		row := shard.Row{Unit: key.Canonical(), Key: key, Cells: []value.Cell{value.Cell(key[0]), value.Cell(name), value.Cell(key[0])}}
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func containsKey(keys []keyspace.Key, key keyspace.Key) bool {
	for _, k := range keys {
		if k[0] == key[0] {
			return true
		}
	}
	return false
}

func (w *world) Plain(_ context.Context, _ *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	return w.read(w.plain, s, yield)
}

func (w *world) Rows(_ context.Context, _ *mapping.RowPlan, s shard.Slice, yield func(shard.Row) error) error {
	return w.read(w.rows, s, yield)
}

// A source is the legacy database of a world.
type source struct{ *world }

// Units is asked for in order to find those who have appeared; the book of a world knows them.
func (source) Units(context.Context, shard.Slice) ([]keyspace.Key, error) { return nil, nil }

func (w *world) Stored(_ context.Context, e *mapping.RowPlan, keys [][]byte, yield func(*shard.Stored) error) error {
	w.windows++
	for _, key := range keys {
		id := w.id(key)
		name, there := w.stored[id]
		if !there {
			continue
		}
		tuple := w.tuple(id, name)
		text := name
		if printed, other := w.printed[id]; other {
			text = printed
		}
		ref := identity("small", "user", []string{strconv.Itoa(id)}, false)
		row := &shard.Stored{Key: e.TupleKey(nil, tuple), Tuple: tuple, Texts: [][]byte{[]byte(strconv.Itoa(id)), []byte(text), []byte(ref)}}
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Added(_ context.Context, e *mapping.RowPlan, in string, yield func(*shard.Stored) error) error {
	if in != "known" {
		return fmt.Errorf("asked about %q", in)
	}
	for id, name := range w.stored {
		if _, known := w.arrived[id]; !known {
			tuple := w.tuple(id, name)
			if err := yield(&shard.Stored{Key: e.TupleKey(nil, tuple), Tuple: tuple}); err != nil {
				return err
			}
		}
	}
	return nil
}

// A book is the ledger of a world.
type book struct{ *world }

func (b book) Units(context.Context) (users []keyspace.Key, newcomers bool, err error) {
	for id := range 100 {
		users = append(users, keyspace.Key{strconv.Itoa(id)})
	}
	return users, b.appear != nil, nil
}

func (b book) Unheld(context.Context, []keyspace.Key) ([]keyspace.Key, error) { return b.appear, nil }

func (b book) Take(_ context.Context, _ int, pairs []shard.Pair) ([]shard.Base, error) {
	out := make([]shard.Base, len(pairs))
	for i, p := range pairs {
		id := b.id(p.TargetKey)
		if _, known := b.arrived[id]; known && !b.taken[id] && string(p.LegacyKey) == string(b.pair(id).LegacyKey) {
			b.taken[id] = true
			out[i] = b.base(id)
		}
	}
	return out, nil
}

func (b book) base(id int) shard.Base {
	return shard.Base{Known: true, Pair: b.pair(id), User: []byte(strconv.Itoa(id)), Moved: id == b.moved, Digest: digest(b.mapping.Plans[0], b.tuple(id, b.arrived[id]))}
}

func (b book) Stash(_ context.Context, _ int, rows []shard.Unmatched) error {
	b.stash = append(b.stash, rows...)
	return nil
}

func (b book) Left(context.Context, int, int) (left []shard.Base, err error) {
	if b.told {
		return nil, nil
	}
	b.told = true
	for id := range 100 {
		if _, known := b.arrived[id]; known && !b.taken[id] {
			left = append(left, b.base(id))
		}
	}
	return left, nil
}

func (b book) New(_ context.Context, _ int, yield func(shard.Unmatched) error) error {
	for _, row := range b.stash {
		id, _ := strconv.Atoi(string(row.User))
		if !row.Counts || b.waiting[id] {
			continue
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func (b book) Standing(context.Context, []int) (string, error) { return "known", nil }

func (b book) Owners(_ context.Context, _ int, keys [][]byte) ([][]byte, error) {
	return make([][]byte, len(keys)), nil
}

func (b book) Conclude(_ context.Context, r *shard.AuditResult) error {
	b.result = r
	return nil
}
