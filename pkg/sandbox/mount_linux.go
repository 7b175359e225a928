package sandbox

import (
	"path/filepath"
	"strconv"
	"syscall"
)

// mount puts a file system of so many bytes, in memory, on a directory.
func mount(path string, bytes int64) error {
	return syscall.Mount("tmpfs", path, "tmpfs", 0, "size="+strconv.FormatInt(bytes, 10))
}

// unmount takes the disk off a home that has one.
func unmount(home string) { _ = syscall.Unmount(filepath.Join(home, diskDir), syscall.MNT_DETACH) }
