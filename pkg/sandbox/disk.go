package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A Disk is a small file system, in memory, that can be filled.
type Disk struct{ path string }

const ballast = "ballast"

// SmallDisk makes a file system of so many bytes and removes it when t ends, after what was started later. Only root may.
func SmallDisk(t testing.TB, bytes int64) *Disk {
	t.Helper()
	dir, err := newHome("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.remove(); err != nil {
			t.Errorf("remove a small disk: %v", err)
		}
	})
	d := &Disk{path: filepath.Join(dir.path, diskDir)}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mount(d.path, bytes); err != nil {
		t.Fatalf("mount a file system of %d bytes, which only root may: %v", bytes, err)
	}
	return d
}

// Dir is a directory on the disk that it shares with nobody.
func (d *Disk) Dir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(d.path, "data")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Fill leaves no byte free.
func (d *Disk) Fill() error {
	file, err := os.OpenFile(filepath.Join(d.path, ballast), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fill a small disk: %w", err)
	}
	for size := 1 << 20; size > 0 && err == nil; {
		if _, err = file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size, err = size/2, nil
		}
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("fill a small disk: %w", err)
	}
	return nil
}

// Free takes back what Fill did.
func (d *Disk) Free() error {
	if err := os.Remove(filepath.Join(d.path, ballast)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("free a small disk: %w", err)
	}
	return nil
}
