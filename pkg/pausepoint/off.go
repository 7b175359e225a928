//go:build !pausepoints

// Package pausepoint names the places at which a test stops a process, and the waits that a test shortens. In a program as it is
// shipped a point is nothing and a wait is what it says; built with the tag pausepoints, the environment decides.
package pausepoint

import "time"

// At is a place at which a test may stop the process.
func At(string) {}

// Wait returns d, which a test may have shortened under the given name.
func Wait(_ string, d time.Duration) time.Duration { return d }
