package main

import (
	"math"
	"runtime/debug"
)

// slotMemory is what a slot may need: its fixed buffers and the few copies of a wide row that are on their way at once.
const slotMemory = 160 << 20

// boundMemory makes the collector run before what wide rows have left behind piles up. It bounds garbage alone: what is in use
// is bounded by the buffers themselves. A GOMEMLIMIT of the operator's wins.
func boundMemory(slots int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(int64(slots) * slotMemory)
	}
}
