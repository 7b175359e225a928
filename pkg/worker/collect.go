package worker

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage there may be when it is collected, of what is in use: rows leave much behind, and buffers, which are in use, are
// most of the memory. At 100, as Go has it, a tenth of the CPU time goes into it; at 300 memory grows by half for little more.
const garbagePercent = 200

// collectLess sets it until back is called, where the operator's GOGC says nothing.
func collectLess() (back func()) {
	if _, told := os.LookupEnv("GOGC"); told {
		return func() {}
	}
	before := debug.SetGCPercent(garbagePercent)
	return func() { debug.SetGCPercent(before) }
}
