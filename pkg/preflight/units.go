package preflight

import "slices"

// mostUnits bounds how many refused units are remembered: 32 MiB.
const mostUnits = 4 << 20

// A units is a set of unit hashes in bounded memory.
type units struct {
	sorted []uint64
	fresh  []uint64
	full   bool // it could not take all
}

// add puts a unit in.
func (u *units) add(unit uint64) {
	if u.full {
		return
	}
	u.fresh = append(u.fresh, unit)
	if len(u.fresh) >= 1<<16 {
		u.settle()
	}
}

// settle sorts what was put in, each once.
func (u *units) settle() {
	if len(u.fresh) == 0 {
		return
	}
	u.sorted = append(u.sorted, u.fresh...)
	slices.Sort(u.sorted)
	u.sorted = slices.Compact(u.sorted)
	u.fresh = u.fresh[:0]
	u.full = len(u.sorted) >= mostUnits
}

// has reports whether a unit is in; settle comes before it.
func (u *units) has(unit uint64) bool {
	_, found := slices.BinarySearch(u.sorted, unit)
	return found
}
