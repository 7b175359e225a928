//go:build pausepoints

// Package pausepoint names the places at which a test stops a process, and the waits that a test shortens. In a program as it is
// shipped a point is nothing and a wait is what it says; built with the tag pausepoints, the environment decides.
package pausepoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// lookEvery is how often a stopped goroutine looks whether it may go on.
const lookEvery = 10 * time.Millisecond

var passed atomic.Int64

// At stops the calling goroutine when REHOME_PAUSE_AT is the point's name, or NAME:n and this is the n-th time that the point is
// reached. It says so in the file that REHOME_PAUSE_FILE names, for the test to wait for, and goes on when that file is removed.
func At(point string) {
	name, nth, _ := strings.Cut(os.Getenv("REHOME_PAUSE_AT"), ":")
	if name != point {
		return
	}
	if n, err := strconv.ParseInt(nth, 10, 64); err == nil && passed.Add(1) != n {
		return
	}
	file := os.Getenv("REHOME_PAUSE_FILE")
	if err := os.WriteFile(file, fmt.Appendln(nil, point), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "pausepoint:", err)
		select {} // a test that would go on unpaused proves nothing
	}
	for range time.Tick(lookEvery) {
		if _, err := os.Stat(file); os.IsNotExist(err) {
			return
		}
	}
}

// Wait returns the duration in REHOME_WAIT_NAME, and d where there is none.
func Wait(name string, d time.Duration) time.Duration {
	if short, err := time.ParseDuration(os.Getenv("REHOME_WAIT_" + strings.ToUpper(name))); err == nil {
		return short
	}
	return d
}
