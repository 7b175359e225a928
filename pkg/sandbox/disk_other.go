//go:build unix && !linux

package sandbox

func unmount(string) {}
