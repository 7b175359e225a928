//go:build pausepoints

// Package pausepoint names the places at which a test kills a process. In a program as it is shipped a point is nothing; built
// with the tag pausepoints, the process stops for ever at the point that REHOME_PAUSE_AT names.
package pausepoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

var passed atomic.Int64

// At stops the calling goroutine for ever when REHOME_PAUSE_AT is the point's name, or NAME:n and this is the n-th time that the
// point is reached; it says so in the file that REHOME_PAUSE_FILE names, for the test to wait for.
func At(point string) {
	name, nth, _ := strings.Cut(os.Getenv("REHOME_PAUSE_AT"), ":")
	if name != point {
		return
	}
	if n, err := strconv.ParseInt(nth, 10, 64); err == nil && passed.Add(1) != n {
		return
	}
	if err := os.WriteFile(os.Getenv("REHOME_PAUSE_FILE"), fmt.Appendln(nil, point), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "pausepoint:", err)
	}
	select {}
}
