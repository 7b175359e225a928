//go:build unix && !linux

package sandbox

import "errors"

func mount(string, int64) error { return errors.New("only Linux mounts one in memory") }

func unmount(string) {}
