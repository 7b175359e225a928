//go:build !pausepoints

// Package pausepoint names the places at which a test kills a process. In a program as it is shipped a point is nothing; built
// with the tag pausepoints, the process stops for ever at the point that REHOME_PAUSE_AT names.
package pausepoint

// At is a place at which a test may stop the process.
func At(string) {}
