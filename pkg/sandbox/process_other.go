//go:build unix && !linux

package sandbox

import (
	"errors"
	"syscall"
)

// Elsewhere than on Linux a server outlives a parent that is killed.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

func children(int) []int { return nil }

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func removeSegment(int) {}

func limitFiles(int) error { return errors.New("only Linux limits the files of another process") }
