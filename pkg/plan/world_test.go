package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rehome/pkg/keyspace"
	"rehome/pkg/mapping"
	"rehome/pkg/shard"
)

// A user of the fake legacy database, with how many rows hang off it.
type user struct {
	wave  int
	posts int64 // below zero: there is no such user at the moment, and so many rows that name them
}

// world is a legacy database in memory. Users are known by their position, which their keys spell backwards so that nobody who
// compares keys as texts or numbers gets their order right.
type world struct {
	users   []user
	unowned []keyspace.Key // posts of nobody
	tags    []keyspace.Key
	shifts  func(w *world) // called before the first cell is looked at again; nil for a source that stands still
	fail    string         // the question that fails
	probe   shard.Probe    // what it takes to read what is probed

	// Who reads keys of this order can tell it: they are numbers that grow. foreign rows name a user in another order.
	plain, foreign bool

	mu      sync.Mutex
	weighed int // calls of Weigh
	probed  []keyspace.Range
	keysOf  []string // tables whose keys were asked for
}

// key spells the key of the user at a position.
func (w *world) key(i int) keyspace.Key {
	if w.plain {
		return keyspace.Key{strconv.Itoa(i - 500)}
	}
	return keyOf(i)
}

// position is where a user with the key is, or would be.
func (w *world) position(k keyspace.Key) int {
	if !w.plain {
		return position(k)
	}
	n, err := strconv.Atoi(k[0])
	if err != nil {
		panic(err)
	}
	return n + 500
}

func keyOf(i int) keyspace.Key {
	digits := []byte(strconv.Itoa(i + 1000))
	slices.Reverse(digits)
	return keyspace.Key{string(digits)}
}

func position(k keyspace.Key) int {
	digits := []byte(k[0])
	slices.Reverse(digits)
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		panic(err)
	}
	return n - 1000
}

// within returns the positions that the range covers.
func (w *world) within(r keyspace.Range) (first, limit int) {
	limit = len(w.users)
	if r.After != nil {
		first = w.position(r.After) + 1
	}
	if r.Through != nil {
		limit = min(limit, w.position(r.Through)+1)
	}
	return min(first, limit), limit
}

var errBroken = errors.New("server has gone away")

func (w *world) asked(question string) error {
	if w.fail == question {
		return errBroken
	}
	return nil
}

func (w *world) Keys(_ context.Context, _ mapping.Keyspace, waves []string, yield func(keyspace.Key, int) error) error {
	for i, u := range w.users {
		if u.posts < 0 {
			continue
		}
		if err := yield(w.key(i), min(u.wave, len(waves)-1)); err != nil {
			return err
		}
	}
	return w.asked("keys")
}

func (w *world) KeysIn(_ context.Context, _ mapping.Keyspace, r keyspace.Range) ([]keyspace.Key, error) {
	if w.shifts != nil {
		w.shifts(w)
		w.shifts = nil
	}
	var keys []keyspace.Key
	first, limit := w.within(r)
	for i := first; i < limit; i++ {
		if w.users[i].posts >= 0 {
			keys = append(keys, w.key(i))
		}
	}
	return keys, w.asked("keys in")
}

func (w *world) KeysOf(_ context.Context, _ mapping.Keyspace, p *mapping.RowPlan, kind shard.Kind, yield func(keyspace.Key) error) error {
	w.keysOf = append(w.keysOf, p.Source)
	keys := map[string][]keyspace.Key{"posts unowned": w.unowned, "tags own_key": w.tags}[p.Source+" "+string(kind)]
	for _, key := range keys {
		if err := yield(key); err != nil {
			return err
		}
	}
	return w.asked("keys of")
}

func (w *world) Weigh(_ context.Context, _ mapping.Keyspace, p *mapping.RowPlan, ranges []keyspace.Range) ([]int64, error) {
	w.mu.Lock()
	w.weighed++
	w.mu.Unlock()
	counts := make([]int64, len(ranges))
	for i, r := range ranges {
		first, limit := w.within(r)
		for _, u := range w.users[first:limit] {
			switch {
			case u.posts < 0: // gone
			case p.Source == "users":
				counts[i]++
			default:
				counts[i] += u.posts
			}
		}
	}
	return counts, w.asked("weigh")
}

func (w *world) Owners(_ context.Context, _ mapping.Keyspace, p *mapping.RowPlan, r keyspace.Range, yield func(keyspace.Key, int64) error) error {
	if r.After == nil && len(w.unowned) > 0 {
		if err := yield(nil, int64(len(w.unowned))); err != nil {
			return err
		}
	}
	first, limit := w.within(r)
	for i := first; i < limit; i++ {
		n := i
		if w.foreign {
			n = first + limit - 1 - i
		}
		if w.users[n].posts == 0 {
			continue
		}
		if err := yield(w.key(n), max(w.users[n].posts, -w.users[n].posts)); err != nil {
			return err
		}
	}
	return w.asked("owners")
}

func (w *world) Probe(_ context.Context, _ *mapping.Compiled, ranges []keyspace.Range) (shard.Probe, error) {
	w.probed = ranges
	return w.probe, w.asked("probe")
}

func (w *world) ClosingCounts(_ context.Context, tables []string) ([]int64, error) {
	counts := make([]int64, len(tables))
	for i, table := range tables {
		switch table {
		case "users":
			counts[i] = int64(len(w.users))
		case "posts":
			counts[i] = int64(len(w.unowned))
			for _, u := range w.users {
				counts[i] += max(u.posts, -u.posts)
			}
		case "tags":
			counts[i] = int64(len(w.tags))
		}
	}
	return counts, w.asked("counts")
}

// population returns users of one wave with so many posts each.
func population(posts ...int64) []user {
	users := make([]user, len(posts))
	for i, n := range posts {
		users[i].posts = n
	}
	return users
}

func numbered(prefix string, n int) []keyspace.Key {
	keys := make([]keyspace.Key, n)
	for i := range keys {
		keys[i] = keyspace.Key{fmt.Sprint(prefix, i)}
	}
	return keys
}

// compiled is a mapping of users with their posts, and of tags that are nobody's.
func compiled(shardRows int, waves ...string) *mapping.Compiled {
	file := &mapping.File{Users: mapping.Users{ShardRows: shardRows}}
	for i, name := range waves {
		wave := mapping.Wave{Name: mapping.Word{Text: name}}
		if i < len(waves)-1 {
			wave.Where = &mapping.Expr{SQL: "is_" + name}
		}
		file.Waves = append(file.Waves, wave)
	}
	return &mapping.Compiled{
		File: file,
		Keys: mapping.Keyspace{From: "users", Key: "Id", Kinds: []keyspace.Kind{keyspace.Integer}, Table: "users"},
		Plans: []*mapping.RowPlan{
			{Ordinal: 0, Into: "app.users", From: "users", Source: "users", User: "Id"},
			{Ordinal: 1, Into: "app.posts", From: "posts", Source: "posts", User: "OwnerUserId"},
			{Ordinal: 2, Into: "app.tags", From: "tags", Source: "tags", Key: []string{"Id"}},
		},
	}
}

var runID = shard.ID{Migration: "community"}

// made plans and checks what holds of every plan.
func made(t testing.TB, w *world, m *mapping.Compiled) *Plan {
	t.Helper()
	p, err := Make(t.Context(), m, w, runID)
	if err != nil {
		t.Fatal(err)
	}
	if err := sound(p, m); err != nil {
		t.Fatal(err)
	}
	return p
}

// of returns the plan's shards of the kind, in their order.
func (p *Plan) of(kind shard.Kind) (shards []shard.Shard) {
	for _, s := range p.Shards {
		if s.Kind == kind {
			shards = append(shards, s)
		}
	}
	return shards
}

// outline spells shards as users/rows.
func outline(shards []shard.Shard) string {
	var out []string
	for _, s := range shards {
		out = append(out, fmt.Sprintf("%d/%d", s.Users, s.Weight))
	}
	return strings.Join(out, " ")
}
