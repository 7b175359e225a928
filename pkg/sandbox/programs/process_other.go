//go:build unix && !linux

package programs

import "syscall"

// Elsewhere than on Linux a program outlives a test process that is killed.
func dieWithParent(*syscall.SysProcAttr) {}

func peakMemory(int) int64 { return 0 }

func maxRSS(usage *syscall.Rusage) int64 { return usage.Maxrss }

func standsStill(int) bool { return true }
