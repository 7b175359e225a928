package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	homePrefix = "rehome-sandbox-"
	// homeMarker is held under flock by the owner for as long as it lives. A lock, unlike a process id, cannot be
	// mistaken for that of a later process, and holds across containers that share a temporary directory.
	homeMarker = "owner"
	// diskDir is where a home has a disk of its own, which has to be unmounted first.
	diskDir = "disk"
)

// home is the directory that one server lives in.
type home struct {
	path string
	lock *os.File
}

// newHome sweeps what dead processes left under parent, then makes a new home there.
func newHome(parent string) (*home, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	path, err := os.MkdirTemp(parent, homePrefix)
	if err != nil {
		return nil, fmt.Errorf("make a sandbox directory: %w", err)
	}
	// A server that runs as another user has to pass through to its own data, which stays closed to others.
	if err := os.Chmod(path, 0o711); err != nil {
		return nil, errors.Join(fmt.Errorf("open sandbox directory %s to its server: %w", path, err), os.RemoveAll(path))
	}
	lock, err := claim(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &home{path: path, lock: lock}, nil
}

// claim takes the lock before the marker gets the name that a sweeper looks for.
func claim(path string) (*os.File, error) {
	draft := filepath.Join(path, homeMarker+".new")
	lock, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("mark sandbox directory %s: %w", path, err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		_, err = lock.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	if err == nil {
		err = os.Rename(draft, filepath.Join(path, homeMarker))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark sandbox directory %s: %w", path, err), lock.Close())
	}
	return lock, nil
}

// remove takes the home away; the marker goes last, so that a sweep can finish a removal that was cut short.
func (h *home) remove() error {
	err := clearHome(h.path)
	if closeErr := h.lock.Close(); closeErr != nil && !errors.Is(closeErr, os.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	return err
}

func clearHome(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sandbox directory %s: %w", path, err)
	}
	for _, entry := range entries {
		if entry.Name() == homeMarker {
			continue
		}
		if entry.Name() == diskDir {
			unmount(path)
		}
		if err := os.RemoveAll(filepath.Join(path, entry.Name())); err != nil {
			return fmt.Errorf("remove sandbox directory %s: %w", path, err)
		}
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove sandbox directory %s: %w", path, err)
	}
	return nil
}

// sweep removes the homes whose owner is dead. It is silent: what it cannot remove is the next sweep's, and no reason
// not to start.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), homePrefix) && ownedByUs(entry) {
			sweepOne(filepath.Join(parent, entry.Name()))
		}
	}
}

func ownedByUs(entry fs.DirEntry) bool {
	info, err := entry.Info()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func sweepOne(path string) {
	lock, err := os.OpenFile(filepath.Join(path, homeMarker), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }() // nothing is written to it
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = clearHome(path)
	}
}
