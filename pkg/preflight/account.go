package preflight

import (
	"cmp"
	"maps"
	"slices"
)

const (
	maxSamples = 5
	maxValues  = 1000 // distinct values that are counted of one ground
	topValues  = 10   // of them that are shown
)

// A ground is why rows do not arrive, or arrive changed: a cause as the run names it, or a rule, in one entry.
type ground struct {
	entry  int
	column int // position in the entry's columns, -1 for none
	cause  string
	kind   groundKind
}

type groundKind int

const (
	refuses groundKind = iota // the row's user is quarantined
	waits                     // the row waits
	changes                   // a declared rule changes the value
	leaves                    // a declared rule leaves the row out
)

// An account is what is known of a ground.
type account struct {
	rows, behind, users int64
	atLeast             bool
	values              map[string]int64
	unlisted            int64 // rows whose values were too many to be listed
	samples             []string
}

func (a *account) sample(key string) {
	if len(a.samples) < maxSamples && !slices.Contains(a.samples, key) {
		a.samples = append(a.samples, key)
	}
}

func (a *account) value(v string) {
	if a.values == nil {
		a.values = map[string]int64{}
	}
	if _, known := a.values[v]; !known && len(a.values) >= maxValues {
		a.unlisted++
		return
	}
	a.values[v]++
}

// plus adds another account of the same ground.
func (a *account) plus(b *account) {
	a.rows, a.behind, a.users = a.rows+b.rows, a.behind+b.behind, a.users+b.users
	a.atLeast = a.atLeast || b.atLeast
	a.unlisted += b.unlisted
	for _, key := range b.samples {
		a.sample(key)
	}
	for v, n := range b.values {
		if a.values == nil {
			a.values = map[string]int64{}
		}
		if _, known := a.values[v]; !known && len(a.values) >= maxValues {
			a.unlisted += n
			continue
		}
		a.values[v] += n
	}
}

// top returns the most frequent values.
func (a *account) top() []Counted {
	var all []Counted
	for _, v := range slices.Sorted(maps.Keys(a.values)) {
		all = append(all, Counted{v, a.values[v]})
	}
	slices.SortStableFunc(all, func(x, y Counted) int { return cmp.Compare(y.Rows, x.Rows) })
	return all[:min(len(all), topValues)]
}

// accounts are those of all grounds.
type accounts map[ground]*account

func (all accounts) of(g ground) *account {
	if all[g] == nil {
		all[g] = &account{}
	}
	return all[g]
}

func (all accounts) add(part accounts) {
	for g, a := range part {
		all.of(g).plus(a)
	}
}

// sorted returns the grounds in a steady order.
func (all accounts) sorted() []ground {
	return slices.SortedFunc(maps.Keys(all), func(a, b ground) int {
		return cmp.Or(cmp.Compare(a.entry, b.entry), cmp.Compare(a.column, b.column), cmp.Compare(a.kind, b.kind), cmp.Compare(a.cause, b.cause))
	})
}
