package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"rehome/pkg/shard"
)

// Facts are all that the report needs of the ledger.
type Facts struct {
	Migration Migration
	Waves     []Wave
	Users     shard.Users   // sums over all receipts, signed ones included, as are the next three
	Tables    []shard.Table // by entry
	Rules     []shard.Rule  // by entry, column and rule
	Causes    []Cause       // by cause
	Dead      []shard.DeadLetter
	Discards  []Discard
	Parts     []Part
	Mappings  []string  // hashes of the mappings that receipts name
	Positions []string  // of the legacy binlog as receipts name them, "" where a shard saw none; one alone means that it did not move
	First     time.Time // when the first shard was begun; zero before
	Last      time.Time // when the last shard ended
}

// A Cause is what one cause kept out, with up to five keys that may leave the ledger.
type Cause struct {
	shard.Cause
	Samples []string
}

// Facts returns the facts of the migration; the error wraps ErrNotFound if there is none of that name.
func (l *Ledger) Facts(ctx context.Context, name string) (*Facts, error) {
	m, err := l.Load(ctx, name)
	if err != nil {
		return nil, err
	}
	f := &Facts{Migration: *m}
	if f.Waves, err = l.Progress(ctx, name); err != nil {
		return nil, err
	}
	if f.Dead, err = l.Dead(ctx, name); err != nil {
		return nil, err
	}
	if f.Discards, err = l.Discards(ctx, name); err != nil {
		return nil, err
	}
	if f.Parts, err = l.Parts(ctx, name); err != nil {
		return nil, err
	}
	samples, err := l.samples(ctx, m)
	if err != nil {
		return nil, err
	}
	t := newTally()
	if err := eachReceipt(ctx, l.pool, name, t.add); err != nil {
		return nil, err
	}
	t.into(f, samples)
	return f, nil
}

// tally adds receipts up; only one of them is in memory at a time.
type tally struct {
	users       shard.Users
	tables      map[int]*shard.Table
	rules       map[shard.Rule]int64 // by rule with Rows 0
	causes      map[string]*shard.Cause
	mappings    map[string]bool
	positions   map[string]bool
	first, last time.Time
}

func newTally() *tally {
	return &tally{
		tables: map[int]*shard.Table{}, rules: map[shard.Rule]int64{}, causes: map[string]*shard.Cause{},
		mappings: map[string]bool{}, positions: map[string]bool{},
	}
}

func (t *tally) add(kind shard.Kind, r *shard.Receipt) error {
	t.users.Read += r.Users.Read
	t.users.Migrated += r.Users.Migrated
	t.users.Quarantined += r.Users.Quarantined
	for _, table := range r.Tables {
		t.addTable(table)
	}
	for _, rule := range r.Rules {
		rows := rule.Rows
		rule.Rows = 0
		t.rules[rule] += rows
	}
	for _, c := range r.Causes {
		sum := t.causes[c.Cause]
		if sum == nil {
			sum = &shard.Cause{Cause: c.Cause}
			t.causes[c.Cause] = sum
		}
		sum.Users += c.Users
		sum.Rows += c.Rows
	}
	if r.Mapping != "" {
		t.mappings[r.Mapping] = true
	}
	if r.State != shard.Dead && kind != shard.Settle {
		t.addSnapshot(r)
	}
	return nil
}

func (t *tally) addSnapshot(r *shard.Receipt) {
	t.positions[r.Position] = true
	if t.first.IsZero() || r.Started.Before(t.first) {
		t.first = r.Started
	}
	if r.Finished.After(t.last) {
		t.last = r.Finished
	}
}

func (t *tally) addTable(table shard.Table) {
	sum := t.tables[table.Entry]
	if sum == nil {
		sum = &shard.Table{Entry: table.Entry}
		t.tables[table.Entry] = sum
	}
	*sum = sum.Plus(table)
}

func (t *tally) into(f *Facts, samples map[string][]string) {
	f.Users, f.First, f.Last = t.users, t.first, t.last
	for _, entry := range slices.Sorted(maps.Keys(t.tables)) {
		f.Tables = append(f.Tables, *t.tables[entry])
	}
	for rule, rows := range t.rules {
		rule.Rows = rows
		f.Rules = append(f.Rules, rule)
	}
	slices.SortFunc(f.Rules, func(a, b shard.Rule) int {
		return cmp.Or(cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	for _, cause := range slices.Sorted(maps.Keys(t.causes)) {
		if c := t.causes[cause]; c.Users == 0 && c.Rows == 0 { // what it kept out is kept out by another by now
			continue
		}
		f.Causes = append(f.Causes, Cause{Cause: *t.causes[cause], Samples: samples[cause]})
	}
	f.Mappings = slices.Sorted(maps.Keys(t.mappings))
	f.Positions = slices.Sorted(maps.Keys(t.positions))
}
